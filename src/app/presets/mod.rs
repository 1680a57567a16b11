//! Presets: what people remove by script, as filters. One of them marks; nothing is ever removed by it.

use crate::domain::filter::{Filter, Verdict};
use crate::domain::index::ItemNo;
use crate::domain::item::Kind;
use crate::domain::plan::{AddedBy, Selection, frees};
use crate::domain::retention::Freed;
use crate::domain::survey::Survey;
use crate::domain::time::Timestamp;

/// What a preset marks: all that one of its filters lets through.
pub struct Preset {
    /// What it is called in the menu.
    pub name: &'static str,
    /// Its filters, by kind.
    pub filters: &'static [(Kind, &'static str)],
    /// Its filter is not whole yet: it is opened to be written on.
    pub is_begun: bool,
}

const fn preset(name: &'static str, filters: &'static [(Kind, &'static str)]) -> Preset {
    Preset {
        name,
        filters,
        is_begun: false,
    }
}

/// All presets, in the order of the menu. None of them takes a volume of a project.
pub const PRESETS: &[Preset] = &[
    preset("dangling images", &[(Kind::Image, "is:dangling is:unused")]),
    preset("unused images", &[(Kind::Image, "is:unused")]),
    preset(
        "unused images older than 30 days",
        &[(Kind::Image, "is:unused age>30d")],
    ),
    preset(
        "unused images larger than 500 MB",
        &[(Kind::Image, "is:unused size>500mb")],
    ),
    preset(
        "all but the newest 3 of each repository",
        &[(Kind::Image, "is:unused nth>3")],
    ),
    Preset {
        is_begun: true,
        ..preset("unused images by name …", &[(Kind::Image, "is:unused ")])
    },
    preset("stopped containers", &[(Kind::Container, "is:stopped")]),
    preset(
        "stopped containers older than 7 days",
        &[(Kind::Container, "is:stopped age>7d")],
    ),
    preset(
        "anonymous volumes",
        &[(Kind::Volume, "is:unused is:anonymous -project:*")],
    ),
    preset(
        "idle build cache",
        &[(Kind::BuildCache, "is:unused idle>7d")],
    ),
    preset(
        "build cache that no build uses",
        &[(Kind::BuildCache, "is:unused")],
    ),
    preset(
        "all unused together, but volumes",
        &[
            (Kind::Container, "is:stopped"),
            (Kind::Image, "is:unused"),
            (Kind::Image, "is:stopped"),
            (Kind::BuildCache, "is:unused"),
        ],
    ),
];

/// What a preset would mark now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Yield {
    /// How many things it would mark.
    pub count: usize,
    /// What they free together.
    pub frees: Freed,
}

impl Preset {
    /// Returns everything that it means now, but for what is protected.
    #[must_use]
    pub fn items(&self, survey: &Survey, now: Timestamp) -> Vec<ItemNo> {
        let mut items = Vec::new();
        for (kind, text) in self.filters {
            // They can be read: a test reads them all.
            let Ok(filter) = Filter::parse(text, *kind) else {
                continue;
            };
            let shown = survey.rows(*kind).filter(|at| {
                let subject = survey.subject(*kind, *at, false);
                !subject.is.protected && filter.verdict(&subject, now) == Verdict::Shown
            });
            items.extend(shown.map(|at| survey.numbers().number(*kind, at)));
        }
        items
    }

    /// Returns how many things that is, and what they free together.
    #[must_use]
    pub fn yields(&self, survey: &Survey, now: Timestamp) -> Yield {
        let items = self.items(survey, now);
        let ids = items.iter().map(|number| survey.numbered(*number).id());
        let selection = Selection::of(ids, AddedBy::Selection);
        Yield {
            count: items.len(),
            frees: frees(survey, &selection),
        }
    }
}

#[cfg(test)]
mod tests;
