//! What would go and what went, as schema 1 has it.

use std::borrow::Cow;

use serde::Serialize;

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::item::{ImageId, ItemId, Kind};
use crate::domain::plan::{AddedBy, ComesBack, Plan, Refusal, Stays, Step};
use crate::domain::removal::outcome::Done;
use crate::domain::retention::Freed;
use crate::domain::survey::Survey;
use crate::ui::words;

use super::strs;

#[derive(Serialize)]
pub(super) struct PlanJson<'a> {
    frees: Bytes,
    at_most: Option<Bytes>,
    exact: bool,
    why: Vec<String>,
    steps: Vec<StepJson<'a>>,
    refused: Vec<RefusalJson<'a>>,
    held_back: Vec<HeldBackJson>,
    stays: Vec<StaysJson<'a>>,
}

impl<'a> PlanJson<'a> {
    pub(super) fn new(survey: &'a Survey, plan: &'a Plan) -> Self {
        Self {
            frees: plan.frees.at_least,
            at_most: plan.frees.upper(),
            exact: plan.frees.is_exact(),
            why: reasons(&plan.frees, survey),
            steps: plan.steps.iter().map(StepJson::new).collect(),
            refused: plan
                .refused
                .iter()
                .map(|refusal| RefusalJson::new(survey, refusal))
                .collect(),
            held_back: plan
                .held_back(survey)
                .into_iter()
                .map(|(id, held)| HeldBackJson {
                    thing: Thing::of(survey, &id).owned(),
                    bytes: held.bytes,
                    by: held
                        .by
                        .iter()
                        .map(|(id, bytes)| HolderJson {
                            thing: Thing::of(survey, id).owned(),
                            bytes: *bytes,
                        })
                        .collect(),
                })
                .collect(),
            stays: plan.stays.iter().map(StaysJson::new).collect(),
        }
    }
}

/// Returns why a promise is not exact, each reason once.
fn reasons(frees: &Freed, survey: &Survey) -> Vec<String> {
    let mut reasons: Vec<String> = Vec::new();
    if frees.pending {
        reasons.push("not everything could be measured".to_owned());
    }
    for doubt in frees.doubts() {
        let reason = words::doubt_of(doubt, survey);
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    reasons
}

/// What is meant: its kind, its ID and what to call it.
#[derive(Serialize)]
struct Thing<'a> {
    kind: Kind,
    id: Cow<'a, str>,
    name: String,
}

impl<'a> Thing<'a> {
    fn of(survey: &Survey, id: &'a ItemId) -> Self {
        Self::named(id, words::name(id, survey))
    }

    fn named(id: &'a ItemId, name: String) -> Self {
        Self {
            kind: id.kind(),
            id: id.as_str().into(),
            name,
        }
    }

    fn owned(self) -> Thing<'static> {
        Thing {
            kind: self.kind,
            id: self.id.into_owned().into(),
            name: self.name,
        }
    }
}

#[derive(Serialize)]
struct StepJson<'a> {
    #[serde(flatten)]
    thing: Thing<'a>,
    names: Vec<&'a str>,
    frees: Bytes,
    comes_back: ComesBack,
    added_by: AddedBy,
    /// IDs of untagged parents that go along with an image.
    parents: Vec<&'a str>,
    /// What must be known of a volume: that its data stays, and who sees it go.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

impl<'a> StepJson<'a> {
    fn new(step: &'a Step) -> Self {
        Self {
            thing: Thing::named(&step.id, step.name.to_string()),
            names: strs(step.names()),
            frees: step.frees.at_least,
            comes_back: step.comes_back,
            added_by: step.added_by,
            parents: step.follows().iter().map(ImageId::as_str).collect(),
            notes: words::of_step(step),
        }
    }
}

#[derive(Serialize)]
struct RefusalJson<'a> {
    #[serde(flatten)]
    thing: Thing<'a>,
    why: String,
    unlock: Vec<Thing<'a>>,
}

impl<'a> RefusalJson<'a> {
    fn new(survey: &Survey, refusal: &'a Refusal) -> Self {
        Self {
            thing: Thing::named(&refusal.id, refusal.name.to_string()),
            why: refusal.in_words(),
            unlock: refusal
                .unlock()
                .iter()
                .map(|id| Thing::of(survey, id))
                .collect(),
        }
    }
}

/// A volume that a removed container leaves behind.
#[derive(Serialize)]
struct StaysJson<'a> {
    #[serde(flatten)]
    thing: Thing<'a>,
    size: Figure<Bytes>,
    left_by: &'a str,
}

impl<'a> StaysJson<'a> {
    fn new(stays: &'a Stays) -> Self {
        Self {
            thing: Thing::named(&stays.id, stays.name.to_string()),
            size: stays.size,
            left_by: &stays.left_by,
        }
    }
}

#[derive(Serialize)]
struct HeldBackJson {
    #[serde(flatten)]
    thing: Thing<'static>,
    bytes: Bytes,
    by: Vec<HolderJson>,
}

#[derive(Serialize)]
struct HolderJson {
    #[serde(flatten)]
    thing: Thing<'static>,
    bytes: Bytes,
}

#[derive(Serialize)]
pub(super) struct DoneJson<'a> {
    #[serde(flatten)]
    thing: Thing<'a>,
    outcome: &'static str,
    error: Option<&'a str>,
    freed: Figure<Bytes>,
    /// Only where a copy was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    saved: Option<&'a str>,
}

impl<'a> DoneJson<'a> {
    pub(super) fn new(done: &'a Done) -> Self {
        Self {
            thing: Thing::named(&done.id, done.name.to_string()),
            outcome: done.outcome.word(),
            error: done.error.as_deref(),
            freed: done.freed,
            saved: done.saved.as_deref(),
        }
    }
}
