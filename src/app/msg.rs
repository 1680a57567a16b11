//! What happens to the program, and what it asks of the outside.

use crate::domain::inventory::Part;
use crate::domain::item::{ChainId, ImageId, ItemId};
use crate::domain::plan::{ComesBack, Plan};
use crate::domain::removal::event::Event;
use crate::domain::removal::history::{Entry, Resolved};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;

use super::keys::Key;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Msg {
    /// What time it is; comes before any batch of other messages.
    Now(Timestamp),
    /// A key was pressed.
    Key(Key),
    /// A text was pasted.
    Paste(String),
    /// Letters that were typed one after the other into the filter, all of them waiting when the first was read.
    Typed(String),
    /// The mouse was used.
    Mouse(Mouse),
    /// The terminal has another size.
    Resize {
        /// Its columns.
        width: u16,
        /// Its lines.
        height: u16,
    },
    /// The current model is on the screen, where a page of text can be scrolled so far.
    Drawn {
        /// The first line of the last page.
        furthest: usize,
    },
    /// An engine answers, or does so again, and is being scanned.
    Connected,
    /// No engine answers at any of these places.
    NoEngine(Vec<Attempt>),
    /// The engine does not answer any more; the last picture stays. It is asked again at that time.
    Lost {
        /// Why, in a few words.
        why: String,
        /// When it is asked again.
        again: Timestamp,
    },
    /// Answers of the engine.
    Scan(Vec<Part>),
    /// How a removal goes on.
    Removal(Event),
    /// What an earlier dtop had in hand when it was ended.
    WasInHand(Resolved),
    /// What was removed does not stand in the journal, for this reason.
    Unwritten(String),
    /// What the journal holds, the newest first, or why it cannot be read.
    History(Result<Vec<Entry>, String>),
    /// How a restore goes on.
    Restored(Restored),
    /// What registries say of an image of the plan.
    ComesBack(ItemId, ComesBack),
    /// SIGTERM or SIGHUP.
    Terminate,
}

/// How something is being restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Restored {
    /// It goes on, in these words.
    Still(String),
    /// It has ended, well or not, in these words.
    Ended(String),
}

/// What the mouse did, in cells from the top left corner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mouse {
    /// A button was pressed.
    Click {
        /// The column that it was on.
        column: u16,
        /// The line that it was on.
        row: u16,
    },
    /// The wheel was turned up.
    WheelUp,
    /// The wheel was turned down.
    WheelDown,
}

/// A place where an engine was looked for, and why there was none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// `unix:///var/run/docker.sock`
    pub place: String,
    /// Why it was tried: `default`, `DOCKER_HOST`, …
    pub why: String,
    /// Why there was no engine.
    pub failure: String,
    /// What to do about it.
    pub advice: Option<String>,
}

/// Something to do outside of the model.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Look for an engine again.
    Connect,
    /// Open the embedded engine.
    Demo,
    /// List and measure everything again.
    Rescan,
    /// These images are in sight and their layers are not known.
    LookFirst(Vec<ImageId>),
    /// These are in sight or marked, with the layers of images among them: they are measured before others.
    MeasureFirst(Vec<ItemId>, Vec<ChainId>),
    /// Whether the build cache pane is open.
    BuildCacheVisible(bool),
    /// Remove exactly this, with copies in a folder first where they are wanted.
    Remove(Box<Plan>, Option<String>),
    /// Stop removing after the object in hand.
    CancelRemoval,
    /// Ask registries whether they have these, each with its `repository@sha256:…`.
    AskRegistries(Vec<(ItemId, Vec<Text>)>),
    /// The plan is closed: nobody waits for the registries any more.
    StopAsking,
    /// Read what was removed.
    ReadHistory,
    /// Bring this back.
    Restore(Box<Entry>),
    /// Stop the program as a shell's job.
    Suspend,
    /// End the program.
    Quit,
}
