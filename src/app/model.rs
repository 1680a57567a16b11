//! Everything the program knows. The screen is a picture of it.

use std::collections::{BTreeSet, HashMap};

use jiff::SignedDuration;

use crate::domain::bytes::Bytes;
use crate::domain::inventory::{Progress, Stage};
use crate::domain::item::{ItemId, Kind};
use crate::domain::plan::{ComesBack, Cure, Plan, Selection, Tally};
use crate::domain::removal::account::Account;
use crate::domain::removal::history::Entry;
use crate::domain::removal::outcome::Done;
use crate::domain::retention::Freed;
use crate::domain::survey::Survey;
use crate::domain::time::Timestamp;
use crate::domain::triage::Goal;

use super::keys::{Action, Place};
use super::layout::Layout;
use super::list::{Around, Cursor, Marks, Pane};
use super::msg::Attempt;
use super::presets::Yield;
use super::projects::Project;

/// How the program was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Every glyph has a plain form.
    pub ascii: bool,
    /// The mouse is listened to.
    pub mouse: bool,
    /// Nothing is removed or written.
    pub read_only: bool,
    /// So much is to be freed: the safest set is marked as soon as it can be chosen.
    pub free: Option<Bytes>,
}

/// Whether an engine answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Link {
    /// It is being looked for.
    #[default]
    Connecting,
    /// It answers.
    Connected,
    /// Since then, and why; the last picture stays.
    Lost {
        /// When it answered last.
        since: Timestamp,
        /// Why it does not answer.
        why: String,
        /// When it is tried again, where somebody does.
        again: Option<Timestamp>,
    },
}

/// What the screen shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Screen {
    /// No engine answered at any of these places.
    NoEngine(Vec<Attempt>),
    /// The panes.
    Browse,
    /// The filter line of the open pane is being typed.
    Filter(FilterLine),
    /// How much is to be freed is being typed.
    Free(FreeScreen),
    /// The menu of presets.
    Presets(PresetMenu),
    /// The list of projects.
    Projects(ProjectList),
    /// The details of an item.
    Detail(Detail),
    /// A plan that waits for a yes.
    Plan(PlanScreen),
    /// A removal that goes on.
    Removing(Removing),
    /// What came of a removal.
    Outcome(Removing),
    /// What was removed.
    History(Past),
    /// What Docker does not count, by cause.
    Unexplained(Cursor),
    /// All keys, over another screen.
    Help(Cursor, Box<Screen>),
    /// Quit although things are marked?
    Quit(Box<Screen>),
}

/// A filter being typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilterLine {
    /// What has been typed.
    pub text: String,
    /// The byte before which the next letter goes.
    pub at: usize,
    /// What is wrong with the text, and where; the list stays as it was.
    pub error: Option<crate::domain::filter::FilterError>,
    /// The filter to go back to on `Esc`.
    pub before: String,
    /// The last key or paste had more than [`LONGEST_LINE`] leaves room for, and the rest was left out.
    pub is_full: bool,
}

/// The most bytes that a line of text takes: what is pasted by mistake is a file, and no filter or path is longer
/// (Linux takes no longer path).
pub const LONGEST_LINE: usize = 4096;

/// What a line says that had no room for all that was typed or pasted.
pub const LINE_FULL: &str = "4 kB is the most that fits here; the rest was left out";

/// The menu of presets.
#[derive(Clone, Debug, PartialEq)]
pub struct PresetMenu {
    /// The cursor, and the page in sight.
    pub cursor: Cursor,
    /// What each would do now.
    pub yields: Vec<Yield>,
}

/// The projects: what compose made, and stacks.
#[derive(Clone, Debug, PartialEq)]
pub struct ProjectList {
    /// The cursor, and the page in sight.
    pub cursor: Cursor,
    /// All projects, those that free the most first.
    pub list: Vec<Project>,
}

/// How much is to be freed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FreeScreen {
    /// What stands on the line.
    pub text: String,
    /// Nothing has been typed yet: the first letter takes the place of the text.
    pub is_proposal: bool,
    /// What is wrong with it.
    pub error: Option<FreeError>,
    /// What is waited for.
    pub asking: Asking,
}

/// Why what was typed is no target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreeError {
    /// It is no size, and no share of a disk.
    Unreadable,
    /// A share of a disk of which nobody knows how full it is.
    NoDisk,
    /// More was typed than a line takes.
    TooLong,
}

/// What a [`FreeScreen`] waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Asking {
    /// For somebody who says how much.
    #[default]
    Target,
    /// For figures that are still being measured.
    Wait(Goal),
    /// For new lists after a removal at this time that did not reach its target.
    More(Goal, Timestamp),
    /// For a yes to named volumes, without which it is not enough.
    Volumes {
        /// What was asked for.
        goal: Goal,
        /// How many bytes that takes.
        wanted: Bytes,
        /// What goes without named volumes.
        without: Bytes,
        /// What goes with them.
        with: Bytes,
    },
}

/// The details of one item. The cursor's offset scrolls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail {
    /// The item.
    pub id: ItemId,
    /// The cursor, and the page in sight.
    pub cursor: Cursor,
}

/// A plan that waits for a yes.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanScreen {
    /// What was chosen.
    pub selection: Selection,
    /// What follows of that.
    pub plan: Plan,
    /// On a line of [`PlanScreen::lines`].
    pub cursor: Cursor,
    /// What has been typed of the word `delete`, once it is asked for.
    pub typed: Option<String>,
    /// This very plan has been on the screen: keys count.
    pub drawn: bool,
    /// The engine changed while the plan was looked at, and the plan with it.
    pub recomputed: bool,
    /// The folder where copies of images and volumes are written first.
    pub save: Option<String>,
    /// That folder, while it is typed.
    pub line: Option<FilterLine>,
}

/// A line of the plan dialog that the cursor can be on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanLine {
    /// An index into the plan's steps.
    Step(usize),
    /// An index into what was chosen but dropped here.
    Dropped(usize),
    /// An index into what stays behind.
    Stays(usize),
    /// An index into what is refused.
    Refused(usize),
}

impl PlanScreen {
    /// Returns the lines in the order of the screen: steps, what was dropped, what stays behind, what is refused.
    #[must_use]
    pub fn lines(&self) -> Vec<PlanLine> {
        let steps = (0..self.plan.steps.len()).map(PlanLine::Step);
        let dropped = (0..self.selection.dropped.len()).map(PlanLine::Dropped);
        let stays = (0..self.plan.stays.len()).map(PlanLine::Stays);
        let refused = (0..self.plan.refused.len()).map(PlanLine::Refused);
        steps.chain(dropped).chain(stays).chain(refused).collect()
    }
}

impl PlanScreen {
    /// Returns whether a key of the plan would change anything now: what it is for is in this plan.
    #[must_use]
    pub fn applies(&self, action: Action) -> bool {
        let Plan {
            steps,
            refused,
            stays,
            held_by_records,
            ..
        } = &self.plan;
        let conditions = [
            (Action::Confirm, !steps.is_empty()),
            (
                Action::Drop,
                !(steps.is_empty() && stays.is_empty() && self.selection.dropped.is_empty()),
            ),
            (
                Action::StopRunning,
                self.selection.stop || refused.iter().any(|it| it.cure == Some(Cure::Stop)),
            ),
            (
                Action::Save,
                steps
                    .iter()
                    .any(|step| matches!(step.id.kind(), Kind::Image | Kind::Volume)),
            ),
            (
                Action::Unlock,
                *held_by_records || refused.iter().any(|it| !it.unlock().is_empty()),
            ),
        ];
        let mut own = conditions.iter().filter(|(of, _)| *of == action);
        own.all(|(_, applies)| *applies)
    }
}

/// A removal that goes on, or has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Removing {
    /// What was confirmed; once the engine has been listed again, what is carried out.
    pub plan: Plan,
    /// What was promised on the screen where it was confirmed.
    pub promised: Freed,
    /// How many things the plan refused: they stay, and stay marked.
    pub refused: usize,
    /// False while the engine is listed again.
    pub checked: bool,
    /// The step whose object is copied, and how much of the copy has come.
    pub saving: Option<(usize, Bytes)>,
    /// The step in hand.
    pub current: Option<usize>,
    /// The disk has given back so much of so much that went, and is waited for.
    pub waiting: Option<(Bytes, Bytes)>,
    /// How many steps of the plan have ended.
    pub ended: usize,
    /// Steps that have ended.
    pub done: Vec<Done>,
    /// What they have freed so far.
    pub freed: Bytes,
    /// Every step has ended, and since then it is being found out what they freed.
    pub counting: Option<Timestamp>,
    /// What all of it has freed, once it has ended.
    pub account: Option<Account>,
    /// It ends after the object in hand.
    pub cancelling: bool,
    /// Nothing could be tried, in these words.
    pub aborted: Option<String>,
    /// The cursor, and the page in sight.
    pub cursor: Cursor,
}

/// How a target was gone for since somebody chose it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// How often more was planned, as the disk still lacked some.
    pub again: usize,
    /// What was removed for it, or tried: it is not tried again.
    pub tried: BTreeSet<ItemId>,
}

/// What was removed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Past {
    /// The newest first, or why it cannot be read; `None` until it has been.
    pub entries: Option<Result<Vec<Entry>, String>>,
    /// The cursor, and the page in sight.
    pub cursor: Cursor,
    /// The question is asked whether to restore what is under the cursor.
    pub asks: bool,
}

impl Past {
    /// Returns what was removed, the newest first; nothing until it has been read.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        match &self.entries {
            Some(Ok(entries)) => entries,
            Some(Err(_)) | None => &[],
        }
    }

    /// Returns what the cursor is on.
    #[must_use]
    pub fn current(&self) -> Option<&Entry> {
        self.entries().get(self.cursor.at)
    }
}

/// Everything the program knows.
#[derive(Debug)]
pub struct Model {
    /// What time it is.
    pub now: Timestamp,
    /// Where everything stands on the screen.
    pub layout: Layout,
    /// What the command line asks for.
    pub options: Options,
    /// Whether the engine answers.
    pub link: Link,
    /// What the engine keeps, understood.
    pub survey: Survey,
    /// One for each kind, in the order of [`Kind::ALL`].
    pub panes: [Pane; Kind::COUNT],
    /// The kind whose pane is open.
    pub open: Kind,
    /// What is marked.
    pub marks: Marks,
    /// What the marked things free together.
    pub marked: Freed,
    /// How that came about, so that the next mark costs little.
    pub tally: Tally,
    /// What the screen shows.
    pub screen: Screen,
    /// The folder for copies that is proposed, or was taken last.
    pub save_to: String,
    /// A line that answers the last key; the next key takes it away.
    pub notice: Option<String>,
    /// How much was to be free when things were marked for that: those are not needed once it is.
    pub until: Option<Goal>,
    /// What has come of that target so far.
    pub reached: Reached,
    /// When a key last came.
    pub last_key: Timestamp,
    /// Figures came since the panes were last put in order.
    pub unsorted: bool,
    /// Images of plans that registries were asked about, and what they said.
    pub asked: HashMap<ItemId, Option<ComesBack>>,
    /// What was said to be in sight or marked while things are measured.
    pub measured_first: Vec<ItemId>,
    /// What is being restored, and how far that is.
    pub restoring: Option<String>,
    /// SIGTERM or SIGHUP came during a removal: quit as soon as the object in hand is done.
    pub terminating: bool,
}

impl Model {
    /// What time it is.
    #[must_use]
    pub fn new(options: Options, width: u16, height: u16, now: Timestamp) -> Self {
        Self {
            now,
            layout: Layout::new(width, height),
            options,
            link: Link::Connecting,
            survey: Survey::default(),
            panes: Kind::ALL.map(Pane::new),
            open: Kind::Image,
            marks: Marks::new(),
            marked: Freed::default(),
            tally: Tally::default(),
            screen: Screen::Browse,
            save_to: String::new(),
            notice: None,
            until: None,
            reached: Reached::default(),
            last_key: now,
            unsorted: true,
            asked: HashMap::new(),
            measured_first: Vec::new(),
            restoring: None,
            terminating: false,
        }
    }

    /// Returns the open pane.
    #[must_use]
    pub fn pane(&self) -> &Pane {
        &self.panes[self.open as usize]
    }

    /// Returns the open pane, and what its rows depend on.
    pub fn pane_mut(&mut self) -> (&mut Pane, Around<'_>) {
        let around = Around {
            survey: &self.survey,
            tally: &self.tally,
            now: self.now,
            page: usize::from(self.layout.page),
        };
        (&mut self.panes[self.open as usize], around)
    }

    /// Marked things that the open pane's filter hides.
    #[must_use]
    pub fn marked_not_shown(&self) -> usize {
        Kind::ALL
            .iter()
            .map(|kind| {
                let pane = &self.panes[*kind as usize];
                if pane.filter_text.is_empty() {
                    return 0;
                }
                let marked = self.marks.keys().filter(|id| id.kind() == *kind).count();
                let numbers = self.survey.numbers();
                let is_marked = |at: &&usize| self.tally.is_marked(numbers.number(*kind, **at));
                let shown = pane.rows.iter().filter(is_marked).count();
                marked.saturating_sub(shown)
            })
            .sum()
    }

    /// Returns what is marked, as a plan takes it.
    #[must_use]
    pub fn selection(&self) -> Selection {
        Selection {
            items: self
                .marks
                .iter()
                .map(|(id, added_by)| (id.clone(), *added_by))
                .collect(),
            ..Selection::default()
        }
    }

    /// Stages that have not come to an end, with when they began.
    #[must_use]
    pub fn measuring(&self) -> Vec<(Stage, Option<Timestamp>)> {
        Stage::ALL
            .into_iter()
            .filter_map(|stage| match self.survey.inventory().stage(stage) {
                Progress::Waiting => Some((stage, None)),
                Progress::Running(since) => Some((stage, Some(*since))),
                Progress::Done(_) | Progress::Failed(_) => None,
            })
            .collect()
    }

    /// Returns what must be known before anything is promised. Volumes can take minutes: those that are not measured yet
    /// are left out instead.
    #[must_use]
    pub fn still_measured(&self) -> Vec<Stage> {
        let stages = self.measuring().into_iter().map(|(stage, _)| stage);
        stages
            .filter(|stage| !matches!(stage, Stage::VolumeSizes | Stage::Unexplained))
            .collect()
    }

    /// Returns where keys are looked up; nowhere while text is typed.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        match &self.screen {
            Screen::NoEngine(_) => Some(Place::NoEngine),
            Screen::Browse => Some(Place::Browse),
            Screen::Filter(_) | Screen::Free(_) | Screen::Quit(_) => None,
            Screen::Presets(_) => Some(Place::Presets),
            Screen::Projects(_) => Some(Place::Projects),
            Screen::Detail(_) => Some(Place::Detail),
            Screen::Plan(_) => Some(Place::Plan),
            Screen::Removing(_) => Some(Place::Removing),
            Screen::Outcome(_) => Some(Place::Outcome),
            Screen::History(_) => Some(Place::History),
            Screen::Unexplained(_) => Some(Place::Unexplained),
            Screen::Help(..) => Some(Place::Help),
        }
    }

    /// Returns when the model wants to be told the time although nothing happens: to put the panes in order after a
    /// scan, or to show how long something takes. Never while there is nothing to show.
    #[must_use]
    pub fn wakes_at(&self) -> Option<Timestamp> {
        if matches!(self.screen, Screen::NoEngine(_)) {
            return None;
        }
        let link = match &self.link {
            Link::Connecting => Some(self.now + SECOND),
            Link::Connected => None,
            Link::Lost { since, .. } => Some(next_count(*since, self.now, LOST_LONG)),
        };
        let measuring = self.measuring();
        let counts = measuring.iter().filter_map(|(_, since)| *since);
        let counting = if let Screen::Removing(removing) = &self.screen {
            removing.counting
        } else {
            None
        };
        let counts = counts.chain(counting);
        let counts = counts.map(|since| next_count(since, self.now, LONG));
        // Before the rest is measured, nothing is put in order.
        let mut stages = measuring.iter();
        let is_done = stages.all(|(stage, _)| *stage == Stage::Unexplained);
        let sorts = (self.unsorted && is_done).then(|| self.last_key + 2 * SECOND);
        link.into_iter().chain(counts).chain(sorts).min()
    }
}

const SECOND: SignedDuration = SignedDuration::from_secs(1);
/// What lasts this long is told in minutes (see `lasting` of the screen's words).
const LONG: SignedDuration = SignedDuration::from_mins(2);
/// As `LONG`, of a connection that is lost.
pub const LOST_LONG: SignedDuration = SignedDuration::from_mins(1);

/// Returns when the words change that tell how long something has lasted: each second, or once it is `long`, each
/// minute.
fn next_count(since: Timestamp, now: Timestamp, long: SignedDuration) -> Timestamp {
    let lasted = now.duration_since(since);
    if lasted < long {
        return now + SECOND;
    }
    since + SignedDuration::from_mins(lasted.as_mins() + 1)
}
