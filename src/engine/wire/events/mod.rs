//! Lines of `/events`.

use serde_json::Value;

use super::Row;
use crate::domain::item::ContainerId;
use crate::engine::Change;

/// The change that a line of `/events` tells of; `None` where nothing that is shown changes with it.
///
/// Health checks alone write three lines a run each, so what only looks at a container must not cause a
/// listing. A word that is not known counts as a change.
#[must_use]
pub fn change(line: &str) -> Option<Change> {
    let value: Value = serde_json::from_str(line).ok()?;
    let event = Row(&value);
    let action = event.filled("Action").unwrap_or(event.text("status"));
    // `exec_start: sh -c …` and `health_status: healthy` go on after the word.
    let word = action.split(':').next().unwrap_or_default();
    let actor = event.at("Actor");
    let id = actor.filled("ID").unwrap_or(event.text("id"));
    match event.text("Type") {
        "container" if is_look(word) || id.is_empty() => None,
        "container" => Some(Change::Container(ContainerId::new(id))),
        "image" if matches!(word, "push" | "save") => None,
        "image" => Some(Change::Images),
        "volume" if word == "mount" => None,
        "volume" => Some(Change::Volumes),
        "builder" => Some(Change::BuildCache),
        "service" | "node" => Some(Change::Swarm),
        _ => None,
    }
}

fn is_look(word: &str) -> bool {
    word.starts_with("exec_")
        || matches!(
            word,
            "health_status" | "top" | "attach" | "detach" | "resize" | "export" | "archive-path"
        )
}

#[cfg(test)]
mod tests;
