//! Sets that are chosen for what they show, before any are drawn.

use std::collections::BTreeMap;

use dtop::domain::item::{ItemId, Kind, Record};
use dtop::domain::plan::{AddedBy, Selection};
use dtop::domain::survey::Survey;

/// A set's name and how it is chosen.
type Set = (&'static str, fn(&Survey) -> Selection);

pub const SETS: [Set; 4] = [
    ("what a build has left", a_local_source),
    ("links to what stays", links),
    ("what is linked, with its links", copies),
    ("what another namespace has too", shared),
];

/// One record of no layer: its prune ends what builds of a moment ago keep.
fn a_local_source(survey: &Survey) -> Selection {
    let all = chosen(survey, |record| &*record.kind == "source.local");
    let items = all.items.into_iter().take(1).collect();
    Selection { items, ..all }
}

/// The later of the copies on a base; with the step on it.
fn links(survey: &Survey) -> Selection {
    chosen(survey, |record| {
        record.description.contains("LINK COPY") && record.description.contains("later")
    })
}

/// All that was copied; the copies on a base and the steps on them.
fn copies(survey: &Survey) -> Selection {
    chosen(survey, |record| {
        record.description.contains("] COPY --link")
    })
}

/// An image of which another namespace of the same containerd has all blobs.
fn shared(survey: &Survey) -> Selection {
    let images = survey
        .rows(Kind::Image)
        .map(|row| survey.item(Kind::Image, row));
    let shared = images.filter(|image| &*image.name() == "shared:1");
    of(shared.map(|image| image.id()).collect())
}

/// Records, and those that build on them.
fn chosen(survey: &Survey, is_chosen: impl Fn(&Record) -> bool) -> Selection {
    let records = &survey.inventory().cache;
    let mut chosen: Vec<&Record> = records.iter().filter(|record| is_chosen(record)).collect();
    let mut at = 0;
    while let Some(parent) = chosen.get(at).map(|record| &record.id) {
        let children = records.iter();
        let children = children.filter(|record| record.parents.contains(parent));
        chosen.extend(children.collect::<Vec<_>>());
        at += 1;
    }
    let ids = chosen.into_iter().map(|record| record.id.clone());
    of(ids.map(ItemId::Record).collect())
}

fn of(items: Vec<ItemId>) -> Selection {
    let items: BTreeMap<ItemId, AddedBy> = items
        .into_iter()
        .map(|id| (id, AddedBy::Selection))
        .collect();
    assert!(!items.is_empty(), "nothing to choose");
    Selection {
        items,
        ..Selection::default()
    }
}
