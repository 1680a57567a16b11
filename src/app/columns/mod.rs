//! The panes' columns as data: titles, widths, what a cell says, how two rows compare.

use std::cmp::Reverse;

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::item::{ContainerDetails, Kind, Source, State};
use crate::domain::retention::Precision;
use crate::domain::survey::{Item, Survey};
use crate::domain::text::Text;
use crate::domain::time::Timestamp;

/// A column of a pane.
pub struct Column {
    /// What stands above it.
    pub title: &'static str,
    /// Columns of the screen; the name takes what is left.
    pub width: u16,
    /// Its cells stand at its right end.
    pub right: bool,
    /// The higher, the sooner it leaves when the width shrinks; 0 never leaves.
    pub leaves: u8,
    /// What a cell says, of the item at a place of its kind's list.
    pub cell: fn(&Survey, Kind, usize) -> Cell,
    /// What rows are put in order by.
    pub key: for<'a> fn(&'a Survey, Kind, usize) -> SortKey<'a>,
}

/// What a row is put in order by, what matters most first: large before small, old before new, a before b, known
/// before unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SortKey<'a> {
    /// The item's name, which is compared where keys are equal anyway.
    Name,
    /// The larger, the sooner.
    Large(Reverse<Option<u64>>),
    /// What an item frees, then its size.
    Frees(Reverse<Option<Bytes>>, Reverse<Option<Bytes>>),
    /// Whether it is not known, and when it was.
    Early(bool, Option<Timestamp>),
    /// Whether it is not known, and what it is.
    Text(bool, Option<&'a str>),
    /// By the state's word.
    State(&'a State),
    /// By where it came from.
    Source(Source),
    /// What has it first.
    Yes(Reverse<bool>),
}

impl<'a> SortKey<'a> {
    fn large(bytes: Option<Bytes>) -> Self {
        Self::Large(Reverse(bytes.map(|bytes| bytes.0)))
    }

    fn many(count: usize) -> Self {
        Self::Large(Reverse(u64::try_from(count).ok()))
    }

    fn early(time: Option<Timestamp>) -> Self {
        Self::Early(time.is_none(), time)
    }

    fn text(text: Option<&'a str>) -> Self {
        Self::Text(text.is_none(), text)
    }
}

/// What a cell says, before it is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// The item's name, with how many more names it has.
    Name {
        /// The name that is shown.
        name: Text,
        /// How many more it has.
        more: usize,
    },
    /// What goes with the item.
    Frees {
        /// How much goes.
        figure: Figure<Bytes>,
        /// How that is to be read.
        precision: Precision,
        /// It would be refused now (`†`).
        blocked: bool,
    },
    /// The engine's own figure.
    Size(Figure<Bytes>),
    /// A time that is shown as how long ago.
    Ago(Figure<Timestamp>),
    /// A text of the engine's.
    Text(Text),
    /// A project, and whether it is down.
    Project {
        /// The project's name.
        name: Text,
        /// It has no container.
        down: bool,
    },
    /// A word of dtop's own.
    Word(&'static str),
    /// Used by: the first user's name and how many more.
    Users {
        /// The first user's name.
        first: Text,
        /// How many more there are.
        more: usize,
    },
    /// Whether it is so.
    Flag(bool),
    /// It has none, or none is known.
    Nothing,
}

/// The least width of the name column, and what it gets before columns that can be done without.
const NAME_WIDTH: u16 = 14;
const GOOD_NAME_WIDTH: u16 = 26;
/// Columns that leave so early are not worth a short name.
const EXTRA: u8 = 4;

/// Returns the columns of a pane, all of them, in the order of the screen. The first is the name, the second what it
/// frees.
#[must_use]
pub fn columns(kind: Kind) -> &'static [Column] {
    match kind {
        Kind::Image => IMAGES,
        Kind::Container => CONTAINERS,
        Kind::Volume => VOLUMES,
        Kind::BuildCache => BUILD_CACHE,
        Kind::Log => LOGS,
    }
}

/// Returns the columns that fit, each with its index, its first cell and its width. `width` is what rows may take
/// beside the gutter and the mark.
#[must_use]
pub fn fitting(kind: Kind, width: u16) -> Vec<(usize, u16, u16)> {
    const GAP: u16 = 2;
    let all = columns(kind);
    let mut kept: Vec<usize> = (0..all.len()).collect();
    let taken = |kept: &[usize]| -> u16 { kept[1..].iter().map(|at| all[*at].width + GAP).sum() };
    while let Some(at) = (0..kept.len())
        .filter(|at| all[kept[*at]].leaves > 0)
        .max_by_key(|at| all[kept[*at]].leaves)
    {
        let name = if all[kept[at]].leaves >= EXTRA {
            GOOD_NAME_WIDTH
        } else {
            NAME_WIDTH
        };
        if taken(&kept) + name <= width {
            break;
        }
        kept.remove(at);
    }
    let mut x = 0;
    let name = width.saturating_sub(taken(&kept)).max(1);
    kept.iter()
        .map(|at| {
            let wide = if *at == 0 { name } else { all[*at].width };
            let placed = (*at, x, wide);
            x += wide + GAP;
            placed
        })
        .collect()
}

const IMAGES: &[Column] = &[
    NAME,
    FREES,
    SIZE,
    Column {
        title: "SHARED",
        width: 8,
        right: true,
        leaves: 5,
        cell: |survey, _, at| Cell::Size(survey.shared(at)),
        key: |survey, _, at| SortKey::large(survey.shared(at).known()),
    },
    AGE,
    IDLE,
    Column {
        title: "USED BY",
        width: 14,
        right: false,
        leaves: 6,
        cell: |survey, kind, at| {
            let id = &survey.inventory().images[at].id;
            let containers = survey.users_of_image(id).map(|user| user.name.clone());
            let outsiders = survey.outsiders(survey.numbers().number(kind, at));
            users(containers.chain(outsiders.map(|it| it.name.clone())))
        },
        key: |survey, kind, at| {
            let number = survey.numbers().number(kind, at);
            SortKey::many(survey.users(number).len() + survey.outsiders(number).len())
        },
    },
    Column {
        title: "SOURCE",
        width: 8,
        right: false,
        leaves: 7,
        cell: |survey, _, at| match survey.inventory().images[at].source {
            Source::Registry => Cell::Word("registry"),
            Source::Local => Cell::Word("local"),
            Source::Unknown => Cell::Nothing,
        },
        key: |survey, _, at| SortKey::Source(survey.inventory().images[at].source),
    },
];

const CONTAINERS: &[Column] = &[
    NAME,
    FREES,
    SIZE,
    Column {
        title: "STATE",
        width: 10,
        right: false,
        leaves: 2,
        cell: |survey, _, at| Cell::Text(survey.inventory().containers[at].state.word().into()),
        key: |survey, _, at| SortKey::State(&survey.inventory().containers[at].state),
    },
    Column {
        title: "IMAGE",
        width: 22,
        right: false,
        leaves: 5,
        // Of a long name both ends tell: the registry and the tag.
        cell: |survey, _, at| Cell::Name {
            name: survey.inventory().containers[at].image.clone(),
            more: 0,
        },
        key: |survey, _, at| SortKey::text(Some(&survey.inventory().containers[at].image)),
    },
    AGE,
    IDLE,
    PROJECT,
    Column {
        title: "LOG",
        width: 8,
        right: true,
        leaves: 8,
        cell: |survey, _, at| match &survey.inventory().containers[at].details {
            Figure::Pending => Cell::Size(Figure::Pending),
            Figure::Unknown => Cell::Nothing,
            Figure::Known(details) => match (details.log, details.log_bounded) {
                (Some(log), _) => Cell::Size(Figure::Known(log.size)),
                (None, Some(false)) => Cell::Word("no bound"),
                (None, Some(true) | None) => Cell::Nothing,
            },
        },
        key: |survey, _, at| {
            let log = log_details(survey, at).map(|it| (it.log, it.log_bounded));
            SortKey::large(match log {
                Some((Some(log), _)) => Some(log.size),
                // What can grow for ever comes before what cannot.
                Some((None, Some(false))) => Some(Bytes::ZERO),
                _ => None,
            })
        },
    },
];

const VOLUMES: &[Column] = &[
    NAME,
    FREES,
    SIZE,
    Column {
        title: "LINKS",
        width: 16,
        right: false,
        leaves: 3,
        cell: |survey, kind, at| {
            let name = &survey.inventory().volumes[at].name;
            let containers = survey.users_of_volume(name).map(|user| user.name.clone());
            let outsiders = survey.outsiders(survey.numbers().number(kind, at));
            users(containers.chain(outsiders.map(|it| it.name.clone())))
        },
        key: |survey, kind, at| {
            let number = survey.numbers().number(kind, at);
            SortKey::many(survey.users(number).len() + survey.outsiders(number).len())
        },
    },
    AGE,
    IDLE,
    PROJECT,
    Column {
        title: "DRIVER",
        width: 8,
        right: false,
        leaves: 9,
        cell: |survey, _, at| Cell::Text(survey.inventory().volumes[at].driver.clone()),
        key: |survey, _, at| SortKey::text(Some(&survey.inventory().volumes[at].driver)),
    },
];

const BUILD_CACHE: &[Column] = &[
    Column {
        title: "DESCRIPTION",
        ..NAME
    },
    FREES,
    SIZE,
    Column {
        title: "TYPE",
        width: 15,
        right: false,
        leaves: 4,
        cell: |survey, _, at| Cell::Text(survey.inventory().cache[at].kind.clone()),
        key: |survey, _, at| SortKey::text(Some(&survey.inventory().cache[at].kind)),
    },
    Column {
        title: "IN USE",
        width: 6,
        right: false,
        leaves: 6,
        cell: |survey, _, at| Cell::Flag(survey.inventory().cache[at].in_use),
        key: |survey, _, at| SortKey::Yes(Reverse(survey.inventory().cache[at].in_use)),
    },
    Column {
        title: "SHARED",
        width: 6,
        right: false,
        leaves: 5,
        cell: |survey, _, at| Cell::Flag(survey.inventory().cache[at].shared),
        key: |survey, _, at| SortKey::Yes(Reverse(survey.inventory().cache[at].shared)),
    },
    AGE,
    Column {
        title: "LAST USED",
        width: 9,
        ..IDLE
    },
];

const LOGS: &[Column] = &[
    NAME,
    FREES,
    SIZE,
    Column {
        title: "BOUNDED",
        width: 7,
        right: false,
        leaves: 3,
        cell: |survey, _, at| {
            let bounded = log_details(survey, at).and_then(|it| it.log_bounded);
            bounded.map_or(Cell::Nothing, Cell::Flag)
        },
        key: |survey, _, at| {
            let bounded = log_details(survey, at).and_then(|it| it.log_bounded);
            SortKey::Yes(Reverse(bounded == Some(false)))
        },
    },
    Column {
        title: "DRIVER",
        width: 10,
        right: false,
        leaves: 5,
        cell: |survey, _, at| {
            let driver = log_details(survey, at).map(|it| it.log_driver.clone());
            driver
                .filter(|it| !it.is_empty())
                .map_or(Cell::Nothing, Cell::Text)
        },
        key: |survey, _, at| SortKey::text(log_details(survey, at).map(|it| &*it.log_driver)),
    },
    Column {
        title: "ROTATED",
        width: 7,
        right: true,
        leaves: 6,
        cell: |survey, _, at| {
            let rotated = log_details(survey, at)
                .and_then(|it| it.log)
                .map(|it| it.rotated);
            rotated.map_or(Cell::Nothing, |files| Cell::Text(files.to_string().into()))
        },
        key: |survey, _, at| {
            let rotated = log_details(survey, at)
                .and_then(|it| it.log)
                .map(|it| it.rotated);
            SortKey::many(rotated.unwrap_or_default())
        },
    },
    Column {
        title: "STATE",
        width: 10,
        right: false,
        leaves: 4,
        cell: |survey, _, at| Cell::Text(survey.inventory().containers[at].state.word().into()),
        key: |survey, _, at| SortKey::State(&survey.inventory().containers[at].state),
    },
    IDLE,
    PROJECT,
];

fn log_details(survey: &Survey, at: usize) -> Option<&ContainerDetails> {
    let details = survey.inventory().containers[at].details.as_ref().known();
    details.map(|details| &**details)
}

const NAME: Column = Column {
    title: "NAME",
    width: 0,
    right: false,
    leaves: 0,
    cell: |survey, kind, at| {
        let item = survey.item(kind, at);
        let names = match item {
            Item::Image(image) => image.names.len(),
            Item::Container(_) | Item::Volume(_) | Item::Record(_) | Item::Log(_) => 1,
        };
        Cell::Name {
            name: item.name(),
            more: names.saturating_sub(1),
        }
    },
    key: |_, _, _| SortKey::Name,
};

const FREES: Column = Column {
    title: "FREES",
    width: 9,
    right: true,
    leaves: 0,
    cell: |survey, kind, at| {
        let facts = survey.facts(kind, at);
        Cell::Frees {
            figure: facts.frees.figure(),
            precision: facts.frees.precision(),
            blocked: facts.blocked,
        }
    },
    key: |survey, kind, at| {
        let frees = survey.facts(kind, at).frees.figure().known();
        let size = survey.item(kind, at).size().known();
        SortKey::Frees(Reverse(frees), Reverse(size))
    },
};

const SIZE: Column = Column {
    title: "SIZE",
    width: 8,
    right: true,
    leaves: 2,
    cell: |survey, kind, at| Cell::Size(survey.item(kind, at).size()),
    key: |survey, kind, at| SortKey::large(survey.item(kind, at).size().known()),
};

const AGE: Column = Column {
    title: "AGE",
    width: 6,
    right: true,
    leaves: 6,
    cell: |survey, kind, at| Cell::Ago(survey.item(kind, at).created().into()),
    key: |survey, kind, at| SortKey::early(survey.item(kind, at).created()),
};

const IDLE: Column = Column {
    title: "IDLE",
    width: 6,
    right: true,
    leaves: 3,
    cell: |survey, kind, at| Cell::Ago(survey.facts(kind, at).last_used.into()),
    key: |survey, kind, at| SortKey::early(survey.facts(kind, at).last_used),
};

const PROJECT: Column = Column {
    title: "PROJECT",
    width: 12,
    right: false,
    leaves: 7,
    cell: |survey, kind, at| {
        if let Some(name) = project(survey, kind, at) {
            let down = survey.is_down(name);
            let name = name.into();
            return Cell::Project { name, down };
        }
        if let Item::Volume(volume) = survey.item(kind, at)
            && volume.builder().is_some()
        {
            return Cell::Word("buildx cache");
        }
        Cell::Nothing
    },
    key: |survey, kind, at| SortKey::text(project(survey, kind, at)),
};

fn project(survey: &Survey, kind: Kind, at: usize) -> Option<&str> {
    match survey.item(kind, at) {
        Item::Image(image) => image.labels.project(),
        Item::Container(container) | Item::Log(container) => container.labels.project(),
        Item::Volume(volume) => volume.labels.project(),
        Item::Record(_) => None,
    }
}

fn users(mut names: impl Iterator<Item = Text>) -> Cell {
    names.next().map_or(Cell::Nothing, |first| Cell::Users {
        first,
        more: names.count(),
    })
}

#[cfg(test)]
mod tests;
