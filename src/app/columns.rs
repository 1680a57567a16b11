//! The panes' columns as data: titles, widths, what a cell says, how two rows compare.

use std::cmp::Ordering;

use jiff::Timestamp;

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::item::{Kind, Source, Text};
use crate::domain::survey::{Item, Survey};

/// A column of a pane.
pub struct Column {
    pub title: &'static str,
    /// Columns of the screen; the name takes what is left.
    pub width: u16,
    pub right: bool,
    /// The higher, the sooner it leaves when the width shrinks; 0 never leaves.
    pub leaves: u8,
    pub cell: fn(&Survey, Kind, usize) -> Cell,
    /// Puts what matters most first: large before small, old before new, a before b, known before unknown.
    pub compare: fn(&Survey, Kind, usize, usize) -> Ordering,
}

/// What a cell says, before it is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// The item's name, with how many more names it has.
    Name {
        name: Text,
        more: usize,
    },
    /// What goes with the item.
    Frees {
        figure: Figure<Bytes>,
        exact: bool,
        /// It would be refused now (`†`).
        blocked: bool,
    },
    Size(Figure<Bytes>),
    /// A time that is shown as how long ago.
    Ago(Figure<Timestamp>),
    Text(Text),
    Word(&'static str),
    /// Used by: the first user's name and how many more.
    Users {
        first: Text,
        more: usize,
    },
    Flag(bool),
    /// It has none, or none is known.
    Nothing,
}

/// The least width of the name column, and what it gets before columns that can be done without.
const NAME_WIDTH: u16 = 14;
const GOOD_NAME_WIDTH: u16 = 26;
/// Columns that leave so early are not worth a short name.
const EXTRA: u8 = 4;

/// The columns of a pane, all of them, in the order of the screen. The first is the name, the second what it frees.
#[must_use]
pub fn columns(kind: Kind) -> &'static [Column] {
    match kind {
        Kind::Image => IMAGES,
        Kind::Container => CONTAINERS,
        Kind::Volume => VOLUMES,
        Kind::BuildCache => BUILD_CACHE,
    }
}

/// The columns that fit, each with its index, its first cell and its width. `width` is what rows may take
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
        cell: |survey, _, at| Cell::Size(survey.facts(Kind::Image, at).shared),
        compare: |survey, _, a, b| {
            let shared = |at: usize| survey.facts(Kind::Image, at).shared.known();
            shared(b).cmp(&shared(a))
        },
    },
    AGE,
    IDLE,
    Column {
        title: "USED BY",
        width: 14,
        right: false,
        leaves: 6,
        cell: |survey, _, at| {
            let id = &survey.inventory().images[at].id;
            let containers = survey.users_of_image(id).map(|user| user.name.clone());
            users(containers.chain(survey.services_of_image(id).cloned()))
        },
        compare: |survey, _, a, b| {
            let count = |at: usize| {
                let id = &survey.inventory().images[at].id;
                survey.users_of_image(id).count() + survey.services_of_image(id).count()
            };
            count(b).cmp(&count(a))
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
        compare: |survey, _, a, b| {
            let source = |at: usize| survey.inventory().images[at].source;
            source(a).cmp(&source(b))
        },
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
        compare: |survey, _, a, b| {
            let state = |at: usize| &survey.inventory().containers[at].state;
            state(a).cmp(state(b))
        },
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
        compare: |survey, _, a, b| {
            let image = |at: usize| &survey.inventory().containers[at].image;
            image(a).cmp(image(b))
        },
    },
    AGE,
    IDLE,
    PROJECT,
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
        cell: |survey, _, at| {
            let name = &survey.inventory().volumes[at].name;
            users(survey.users_of_volume(name).map(|user| user.name.clone()))
        },
        compare: |survey, _, a, b| {
            let count = |at: usize| {
                let name = &survey.inventory().volumes[at].name;
                survey.users_of_volume(name).count()
            };
            count(b).cmp(&count(a))
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
        compare: |survey, _, a, b| {
            let driver = |at: usize| &survey.inventory().volumes[at].driver;
            driver(a).cmp(driver(b))
        },
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
        compare: |survey, _, a, b| {
            let kind = |at: usize| &survey.inventory().cache[at].kind;
            kind(a).cmp(kind(b))
        },
    },
    Column {
        title: "IN USE",
        width: 6,
        right: false,
        leaves: 6,
        cell: |survey, _, at| Cell::Flag(survey.inventory().cache[at].in_use),
        compare: |survey, _, a, b| {
            let in_use = |at: usize| survey.inventory().cache[at].in_use;
            in_use(b).cmp(&in_use(a))
        },
    },
    Column {
        title: "SHARED",
        width: 6,
        right: false,
        leaves: 5,
        cell: |survey, _, at| Cell::Flag(survey.inventory().cache[at].shared),
        compare: |survey, _, a, b| {
            let shared = |at: usize| survey.inventory().cache[at].shared;
            shared(b).cmp(&shared(a))
        },
    },
    AGE,
    Column {
        title: "LAST USED",
        width: 9,
        ..IDLE
    },
];

const NAME: Column = Column {
    title: "NAME",
    width: 0,
    right: false,
    leaves: 0,
    cell: |survey, kind, at| {
        let item = survey.item(kind, at);
        let names = match item {
            Item::Image(image) => image.names.len(),
            Item::Container(_) | Item::Volume(_) | Item::Record(_) => 1,
        };
        Cell::Name {
            name: item.name(),
            more: names.saturating_sub(1),
        }
    },
    compare: |survey, kind, a, b| survey.item(kind, a).compare_names(&survey.item(kind, b)),
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
            exact: facts.frees.is_exact(),
            blocked: facts.blocked,
        }
    },
    compare: |survey, kind, a, b| {
        let frees = |at: usize| survey.facts(kind, at).frees.figure().known();
        frees(b)
            .cmp(&frees(a))
            .then_with(|| (SIZE.compare)(survey, kind, a, b))
    },
};

const SIZE: Column = Column {
    title: "SIZE",
    width: 8,
    right: true,
    leaves: 2,
    cell: |survey, kind, at| Cell::Size(survey.item(kind, at).size()),
    compare: |survey, kind, a, b| {
        let size = |at: usize| survey.item(kind, at).size().known();
        size(b).cmp(&size(a))
    },
};

const AGE: Column = Column {
    title: "AGE",
    width: 6,
    right: true,
    leaves: 6,
    cell: |survey, kind, at| Cell::Ago(survey.item(kind, at).created().into()),
    compare: |survey, kind, a, b| {
        known_first(
            survey.item(kind, a).created(),
            survey.item(kind, b).created(),
        )
    },
};

const IDLE: Column = Column {
    title: "IDLE",
    width: 6,
    right: true,
    leaves: 3,
    cell: |survey, kind, at| Cell::Ago(survey.facts(kind, at).last_used.into()),
    compare: |survey, kind, a, b| {
        let used = |at: usize| survey.facts(kind, at).last_used;
        known_first(used(a), used(b))
    },
};

const PROJECT: Column = Column {
    title: "PROJECT",
    width: 12,
    right: false,
    leaves: 7,
    cell: |survey, kind, at| {
        project(survey, kind, at).map_or(Cell::Nothing, |name| Cell::Text(name.into()))
    },
    compare: |survey, kind, a, b| known_first(project(survey, kind, a), project(survey, kind, b)),
};

fn project(survey: &Survey, kind: Kind, at: usize) -> Option<&str> {
    match survey.item(kind, at) {
        Item::Image(image) => image.labels.project(),
        Item::Container(container) => container.labels.project(),
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

/// What is not known comes last: it is not known to be old.
fn known_first<T: Ord>(a: Option<T>, b: Option<T>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => a.cmp(&b),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_never_overlap_and_name_and_frees_never_leave() {
        for kind in Kind::ALL {
            for width in 1..200 {
                let fit = fitting(kind, width);
                assert_eq!((fit[0].0, fit[1].0), (0, 1), "{kind:?} {width}");
                assert!(fit.windows(2).all(|two| two[0].1 + two[0].2 < two[1].1));
                let (_, x, wide) = fit[fit.len() - 1];
                assert!(x + wide <= width.max(12), "{kind:?} {width}: {fit:?}");
            }
            assert_eq!(fitting(kind, 200).len(), columns(kind).len());
        }
    }
}
