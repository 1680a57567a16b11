//! The one table of keys: it feeds dispatch, the footer, the help screen and the README.

use crate::domain::item::Kind;

/// A key, as the terminal sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// A letter, as it was typed.
    Char(char),
    /// A letter with Ctrl.
    Ctrl(char),
    /// Arrow up.
    Up,
    /// Arrow down.
    Down,
    /// Arrow left.
    Left,
    /// Arrow right.
    Right,
    /// Home.
    Home,
    /// End.
    End,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// Tab.
    Tab,
    /// Tab with shift.
    BackTab,
    /// Enter.
    Enter,
    /// Escape.
    Esc,
    /// Backspace.
    Backspace,
    /// Delete.
    Delete,
    /// A function key, by its number.
    F(u8),
}

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Goes a row down.
    Down,
    /// Goes a row up.
    Up,
    /// Goes to the first row.
    First,
    /// Goes to the last row.
    Last,
    /// Goes a page down.
    PageDown,
    /// Goes a page up.
    PageUp,
    /// Opens the next pane.
    NextPane,
    /// Opens the pane before.
    PreviousPane,
    /// Opens the pane of a kind.
    Pane(Kind),
    /// Shows the details of a row.
    Open,
    /// Goes back to where it came from.
    Back,
    /// Sorts by the next column.
    SortNext,
    /// Turns the order round.
    SortReverse,
    /// Opens the filter's line.
    Filter,
    /// Lists and measures everything again.
    Rescan,
    /// Marks a row, or takes its mark away.
    Mark,
    /// Marks all rows in sight of the filter.
    MarkAll,
    /// Marks what is not marked, and the other way round.
    Invert,
    /// Takes all marks away.
    ClearMarks,
    /// Marks what else must go.
    Unlock,
    /// Shows what would be removed.
    Plan,
    /// Opens the line that asks how much is to be free.
    Free,
    /// Opens the menu of presets.
    Presets,
    /// Marks what a preset marks.
    TakePreset,
    /// Opens the list of projects.
    Projects,
    /// Marks all that a project has.
    MarkProject,
    /// Shows only what a project has.
    ShowProject,
    /// Opens a preset's filter to be written on.
    EditPreset,
    /// Shows all keys.
    Help,
    /// Stops the program as a shell's job.
    Suspend,
    /// Ends the program.
    Quit,
    /// Says yes to the plan.
    Confirm,
    /// Says no to the plan.
    Decline,
    /// Puts a step of the plan back, or takes it in again.
    Drop,
    /// Lets running containers be stopped first.
    StopRunning,
    /// Has copies written first, or not.
    Save,
    /// Ends a removal after the object in hand.
    Cancel,
    /// Looks for an engine again.
    Retry,
    /// Opens the engine within the program.
    Demo,
    /// Shows what was removed.
    History,
    /// Asks whether to bring back what was removed.
    Restore,
    /// Shows what Docker does not count.
    Unexplained,
}

/// Where a key applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The panes.
    Browse,
    /// The details of an item.
    Detail,
    /// The plan.
    Plan,
    /// The menu of presets.
    Presets,
    /// The list of projects.
    Projects,
    /// A removal that goes on.
    Removing,
    /// What came of a removal.
    Outcome,
    /// What was removed.
    History,
    /// What Docker does not count.
    Unexplained,
    /// All keys.
    Help,
    /// No engine answers.
    NoEngine,
}

/// One line of the table.
pub struct Binding {
    /// The keys, each of which does it.
    pub keys: &'static [Key],
    /// How the keys are written in help and README.
    pub shown: &'static str,
    /// What it does, for help and README.
    pub does: &'static str,
    /// A word or two for the footer; empty where it is not shown there.
    pub short: &'static str,
    /// What it does.
    pub action: Action,
    /// Where it does that.
    pub places: &'static [Place],
}

use Key::{Char, Ctrl};
use Place::{
    Browse, Detail, Help, History, NoEngine, Outcome, Plan, Presets, Projects, Removing,
    Unexplained,
};

const LISTS: &[Place] = &[
    Browse,
    Detail,
    Plan,
    Presets,
    Projects,
    Removing,
    Outcome,
    History,
    Unexplained,
    Help,
];

const fn bind(
    keys: &'static [Key],
    shown: &'static str,
    does: &'static str,
    action: Action,
    places: &'static [Place],
) -> Binding {
    Binding {
        keys,
        shown,
        does,
        short: "",
        action,
        places,
    }
}

impl Binding {
    const fn in_footer(self, short: &'static str) -> Self {
        Self { short, ..self }
    }
}

/// All keys. The footer shows those of a place that have a short form, in this order.
pub const BINDINGS: &[Binding] = &[
    bind(
        &[Char('y')],
        "`y`",
        "remove exactly this",
        Action::Confirm,
        &[Plan],
    )
    .in_footer("remove"),
    bind(
        &[Char('n'), Char('q'), Char('h'), Key::Esc, Key::Left],
        "`n` `Esc` `q`",
        "no: nothing is removed",
        Action::Decline,
        &[Plan],
    )
    .in_footer("no"),
    bind(
        &[Char(' ')],
        "`space`",
        "drop a step, or take it back",
        Action::Drop,
        &[Plan],
    )
    .in_footer("drop"),
    bind(
        &[Char('s')],
        "`s`",
        "stop running containers first, or leave them",
        Action::StopRunning,
        &[Plan],
    )
    .in_footer("stop running"),
    bind(
        &[Char('w')],
        "`w`",
        "write copies of images and volumes first, or do not",
        Action::Save,
        &[Plan],
    )
    .in_footer("copies"),
    bind(
        &[Char('c'), Key::Esc, Ctrl('c'), Char('q')],
        "`c` `Esc`",
        "stop after the object in hand",
        Action::Cancel,
        &[Removing],
    )
    .in_footer("cancel"),
    bind(
        &[Char('r')],
        "`r`",
        "look for an engine again",
        Action::Retry,
        &[NoEngine],
    )
    .in_footer("retry"),
    bind(
        &[Char('r'), Key::Enter],
        "`r` `Enter`",
        "restore it: `y` confirms",
        Action::Restore,
        &[History],
    )
    .in_footer("restore"),
    bind(
        &[Char('D')],
        "`D`",
        "open the demo",
        Action::Demo,
        &[NoEngine],
    )
    .in_footer("demo"),
    bind(
        &[Char(' ')],
        "`space`",
        "mark or unmark, move down",
        Action::Mark,
        &[Browse],
    )
    .in_footer("mark"),
    bind(
        &[Char('d'), Key::Delete],
        "`d` `Del`",
        "the plan: review, then confirm",
        Action::Plan,
        &[Browse, Detail, Projects],
    )
    .in_footer("delete"),
    bind(
        &[Char('u')],
        "`u`",
        "unlock: also mark what holds the marked things back",
        Action::Unlock,
        &[Browse, Plan],
    )
    .in_footer("unlock"),
    bind(
        &[Char('f')],
        "`f`",
        "free a target: a proposal filled in, the safest set marked",
        Action::Free,
        &[Browse],
    )
    .in_footer("free"),
    bind(&[Char('/')], "`/`", "filter", Action::Filter, &[Browse]).in_footer("filter"),
    bind(
        &[Char('s')],
        "`s`",
        "sort by the next column",
        Action::SortNext,
        &[Browse],
    )
    .in_footer("sort"),
    bind(
        &[Char('S')],
        "`S`",
        "reverse the order",
        Action::SortReverse,
        &[Browse],
    ),
    bind(
        &[Char('p')],
        "`p`",
        "presets: marked for you, shown before anything happens",
        Action::Presets,
        &[Browse],
    )
    .in_footer("presets"),
    bind(
        &[Char('P')],
        "`P`",
        "group by project: what compose made, or a stack, is one thing to mark",
        Action::Projects,
        &[Browse],
    ),
    bind(
        &[Char(' ')],
        "`space`",
        "mark all of a project, or unmark it",
        Action::MarkProject,
        &[Projects],
    )
    .in_footer("mark"),
    bind(
        &[Key::Enter, Char('l'), Key::Right],
        "`Enter` `l`",
        "show what is in it",
        Action::ShowProject,
        &[Projects],
    )
    .in_footer("show"),
    bind(
        &[Key::Enter, Char('l'), Key::Right],
        "`Enter` `l`",
        "mark what the preset means",
        Action::TakePreset,
        &[Presets],
    )
    .in_footer("mark"),
    bind(
        &[Char('/')],
        "`/`",
        "change its filter first",
        Action::EditPreset,
        &[Presets],
    )
    .in_footer("change"),
    bind(
        &[Key::Enter, Char('l'), Key::Right],
        "`Enter` `l`",
        "details: who uses it, layers, history",
        Action::Open,
        &[Browse],
    )
    .in_footer("details"),
    bind(
        &[Key::Esc, Char('h'), Key::Left, Char('q')],
        "`Esc` `h`",
        "back, close",
        Action::Back,
        &[Detail, Presets, Projects, History, Unexplained, Help],
    )
    .in_footer("back"),
    bind(
        &[Key::Esc, Char('h'), Key::Left, Char('q'), Key::Enter],
        "`Esc` `Enter`",
        "close",
        Action::Back,
        &[Outcome],
    )
    .in_footer("close"),
    bind(
        &[Key::Esc, Char('h'), Key::Left],
        "`Esc` `h`",
        "clear the filter",
        Action::Back,
        &[Browse],
    ),
    bind(
        &[Char('j'), Key::Down],
        "`j` `↓`",
        "down",
        Action::Down,
        LISTS,
    ),
    bind(&[Char('k'), Key::Up], "`k` `↑`", "up", Action::Up, LISTS),
    bind(
        &[Char('g'), Key::Home],
        "`g` `Home`",
        "first",
        Action::First,
        LISTS,
    ),
    bind(
        &[Char('G'), Key::End],
        "`G` `End`",
        "last",
        Action::Last,
        LISTS,
    ),
    bind(
        &[Key::PageDown, Ctrl('d')],
        "`PgDn` `^d`",
        "a page down",
        Action::PageDown,
        LISTS,
    ),
    bind(
        &[Key::PageUp, Ctrl('u')],
        "`PgUp` `^u`",
        "a page up",
        Action::PageUp,
        LISTS,
    ),
    bind(
        &[Key::Tab],
        "`Tab`",
        "next pane",
        Action::NextPane,
        &[Browse],
    ),
    bind(
        &[Key::BackTab],
        "`⇧Tab`",
        "previous pane",
        Action::PreviousPane,
        &[Browse],
    ),
    bind(
        &[Char('1')],
        "`1`",
        "images",
        Action::Pane(Kind::Image),
        &[Browse],
    ),
    bind(
        &[Char('2')],
        "`2`",
        "containers",
        Action::Pane(Kind::Container),
        &[Browse],
    ),
    bind(
        &[Char('3')],
        "`3`",
        "volumes",
        Action::Pane(Kind::Volume),
        &[Browse],
    ),
    bind(
        &[Char('4')],
        "`4`",
        "build cache",
        Action::Pane(Kind::BuildCache),
        &[Browse],
    ),
    bind(
        &[Char('5')],
        "`5`",
        "logs, where log files can be read",
        Action::Pane(Kind::Log),
        &[Browse],
    ),
    bind(
        &[Char('a')],
        "`a`",
        "mark all shown; again: unmark them",
        Action::MarkAll,
        &[Browse],
    ),
    bind(
        &[Char('*')],
        "`*`",
        "invert the marks in this pane",
        Action::Invert,
        &[Browse],
    ),
    bind(
        &[Char('c')],
        "`c`",
        "clear all marks",
        Action::ClearMarks,
        &[Browse],
    ),
    bind(
        &[Char('r'), Key::F(5)],
        "`r` `F5`",
        "scan again now",
        Action::Rescan,
        &[Browse, Unexplained],
    ),
    bind(
        &[Char('H')],
        "`H`",
        "history of removals, restore",
        Action::History,
        &[Browse],
    ),
    bind(
        &[Char('x')],
        "`x`",
        "what Docker does not count, by cause",
        Action::Unexplained,
        &[Browse],
    ),
    bind(
        &[Char('?'), Key::F(1)],
        "`?`",
        "help",
        Action::Help,
        &[Browse, Detail, History, Unexplained],
    )
    .in_footer("help"),
    bind(
        &[Char('?'), Key::F(1)],
        "`?`",
        "close help",
        Action::Back,
        &[Help],
    ),
    bind(
        &[Char('q'), Ctrl('c')],
        "`q` `^c`",
        "quit (asks with marks)",
        Action::Quit,
        &[Browse, NoEngine],
    )
    .in_footer("quit"),
    bind(
        &[Ctrl('c')],
        "`^c`",
        "quit",
        Action::Quit,
        &[
            Detail,
            Presets,
            Projects,
            Help,
            Outcome,
            History,
            Unexplained,
        ],
    ),
    bind(
        &[Ctrl('c')],
        "`^c`",
        "no: nothing is removed",
        Action::Decline,
        &[Plan],
    ),
    bind(
        &[Ctrl('z')],
        "`^z`",
        "suspend",
        Action::Suspend,
        &[
            Browse,
            Detail,
            Plan,
            Presets,
            Projects,
            Removing,
            Outcome,
            History,
            Unexplained,
            Help,
            NoEngine,
        ],
    ),
];

/// Returns what a key does in a place.
#[must_use]
pub fn action(place: Place, key: Key) -> Option<Action> {
    BINDINGS
        .iter()
        .find(|binding| binding.places.contains(&place) && binding.keys.contains(&key))
        .map(|binding| binding.action)
}

/// Returns a key script such as `j j space d y`, `esc`, `^c`, `s-tab`: how tests write keys.
#[must_use]
pub fn parse(word: &str) -> Option<Key> {
    let mut chars = word.chars();
    Some(match word {
        "space" => Char(' '),
        "up" => Key::Up,
        "down" => Key::Down,
        "left" => Key::Left,
        "right" => Key::Right,
        "home" => Key::Home,
        "end" => Key::End,
        "pgup" => Key::PageUp,
        "pgdn" => Key::PageDown,
        "tab" => Key::Tab,
        "s-tab" => Key::BackTab,
        "enter" => Key::Enter,
        "esc" => Key::Esc,
        "bs" => Key::Backspace,
        "del" => Key::Delete,
        "f1" => Key::F(1),
        "f5" => Key::F(5),
        _ => match (chars.next()?, chars.next(), chars.next()) {
            ('^', Some(letter), None) => Ctrl(letter),
            (letter, None, None) => Char(letter),
            _ => return None,
        },
    })
}

#[cfg(test)]
mod tests;
