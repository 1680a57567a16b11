//! Compose projects: everything of one, whichever pane it is in, as one thing to mark.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::domain::index::ItemNo;
use crate::domain::item::{Kind, Labels};
use crate::domain::plan::{AddedBy, Selection, frees};
use crate::domain::retention::Freed;
use crate::domain::survey::{Item, Survey};
use crate::domain::text::Text;

/// What compose made, or a stack, with all that bears its label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Its name.
    pub name: Text,
    /// It has no container, and keeps its volumes.
    pub down: bool,
    /// Containers that do not stand still: they are refused until they may be stopped.
    pub running: usize,
    /// All that it has.
    pub members: Vec<ItemNo>,
    /// What all of it frees together now.
    pub frees: Freed,
}

/// Returns all projects, those that free the most first.
#[must_use]
pub fn projects(survey: &Survey) -> Vec<Project> {
    let mut members: BTreeMap<&str, Vec<ItemNo>> = BTreeMap::new();
    for kind in Kind::ALL {
        for at in survey.rows(kind) {
            if let Some(project) = labels(survey.item(kind, at)).and_then(Labels::project) {
                let number = survey.numbers().number(kind, at);
                members.entry(project).or_default().push(number);
            }
        }
    }
    let mut projects: Vec<Project> = members
        .into_iter()
        .map(|(name, members)| project(survey, name, members))
        .collect();
    projects.sort_by_key(|project| Reverse(project.frees.at_least));
    projects
}

fn project(survey: &Survey, name: &str, members: Vec<ItemNo>) -> Project {
    let ids = members.iter().map(|number| survey.numbered(*number).id());
    let selection = Selection::of(ids, AddedBy::Selection);
    let runs = |number: &&ItemNo| matches!(survey.numbered(**number), Item::Container(it) if !it.state.is_stopped());
    Project {
        name: name.into(),
        down: survey.is_down(name),
        running: members.iter().filter(runs).count(),
        frees: frees(survey, &selection),
        members,
    }
}

fn labels(item: Item<'_>) -> Option<&Labels> {
    match item {
        Item::Image(image) => Some(&image.labels),
        Item::Container(container) => Some(&container.labels),
        Item::Volume(volume) => Some(&volume.labels),
        Item::Record(_) | Item::Log(_) => None,
    }
}
