//! Brings back what was removed: an image from its copy or its registry, with the names that it had.

use std::path::Path;

use futures_util::stream::{self, StreamExt};

use crate::domain::item::{ImageId, ItemId};
use crate::domain::plan::ComesBack;
use crate::domain::reference::sources;
use crate::domain::reference::{is_digest, repository, shown};
use crate::domain::removal::history::Entry;
use crate::domain::text::Text;
use crate::engine::{Engine, EngineError, Tell};

/// Brings an image back, and tells how far that is. Returns what could not be put back of its names, a sentence
/// each.
///
/// # Errors
/// Why it is not back, in a sentence.
pub async fn restore(
    engine: &dyn Engine,
    entry: &Entry,
    tell: Tell<'_>,
) -> Result<Vec<String>, String> {
    let ItemId::Image(id) = entry.item() else {
        return Err(entry.way_back());
    };
    let gate = engine.gate().pass(|| "the restore".to_owned());
    gate.map_err(|error| error.to_string())?;
    let passing = if is_there(engine, &id).await? {
        None
    } else {
        bring(engine, entry, &id, tell).await?
    };
    let mut missing = Vec::new();
    for name in &entry.names {
        if let Err(why) = put_back(engine, &id, name, tell).await {
            missing.push(why);
        }
    }
    if let Some(passing) = passing
        && let Err(error) = take_off(engine, &id, &passing).await
    {
        missing.push(format!(
            "{passing} is a name that was not there before: {error}"
        ));
    }
    Ok(missing)
}

/// Untags what an image was pulled by, once it has a name of its own: without one it would go again.
async fn take_off(engine: &dyn Engine, id: &ImageId, passing: &Text) -> Result<(), EngineError> {
    let images = engine.images().await?;
    let image = images.iter().find(|image| image.id == *id);
    let is_named = image.is_some_and(|image| image.names.iter().any(|name| name != passing));
    if is_named {
        engine.untag(passing).await?;
    }
    Ok(())
}

async fn is_there(engine: &dyn Engine, id: &ImageId) -> Result<bool, String> {
    let images = engine.images().await.map_err(|error| error.to_string())?;
    Ok(images.iter().any(|image| image.id == *id))
}

/// Brings an image from its copy if there is one, else from the registries that had it. Returns the name that it came
/// with and did not have before.
async fn bring(
    engine: &dyn Engine,
    entry: &Entry,
    id: &ImageId,
    tell: Tell<'_>,
) -> Result<Option<Text>, String> {
    let mut why = Vec::new();
    if let Some(saved) = &entry.saved {
        // A load gives the archive's names to its image, whoever has them now.
        if let Some(name) = taken(engine, entry, id).await? {
            return Err(format!(
                "{name} names another image now, and {saved} would take it: give that image another name first"
            ));
        }
        match engine.load(Path::new(&**saved), tell).await {
            Ok(()) if is_there(engine, id).await? => return Ok(None),
            Ok(()) => why.push(format!("{saved} holds another image")),
            Err(error) => why.push(error.to_string()),
        }
    }
    for digest in &sources(&entry.id, &entry.names, &entry.digests) {
        tell(format!("pulling {digest}"));
        // A digest that was a name is one again; one that was not does not become one.
        let mut names = entry.names.iter();
        let name = names.find(|name| is_same_digest(name, digest));
        let passing = match name {
            None if !entry.names.is_empty() => engine.passing_reference(digest),
            _ => None,
        };
        let by = passing.as_ref().or(name).unwrap_or(digest);
        match engine.pull(by, tell).await {
            Ok(()) if is_there(engine, id).await? => return Ok(passing),
            Ok(()) => why.push(other_image(engine, digest, id).await),
            Err(error @ EngineError::Unreachable { .. }) => return Err(error.to_string()),
            Err(error) => why.push(format!("{digest}: {error}")),
        }
    }
    if why.is_empty() {
        why.push(entry.way_back());
    }
    Err(why.join("; "))
}

/// A name of what was removed that means another image now.
async fn taken(engine: &dyn Engine, entry: &Entry, id: &ImageId) -> Result<Option<Text>, String> {
    for name in &entry.names {
        let found = engine.resolve(name).await;
        let found = found.map_err(|error| format!("{name}: {error}"))?;
        if found.is_some_and(|found| found != *id) {
            return Ok(Some(name.clone()));
        }
    }
    Ok(None)
}

/// The same digest can be an image for each of several platforms.
async fn other_image(engine: &dyn Engine, digest: &Text, id: &ImageId) -> String {
    let found = engine.resolve(digest).await.ok().flatten();
    let found = found.map_or_else(String::new, |found| format!(" ({})", found.as_str()));
    format!("{digest} came as another image{found}, not as {id}: was it for another platform?")
}

/// Returns true for references to the same digest in the same repository, with a tag or without.
fn is_same_digest(one: &str, other: &str) -> bool {
    let hash = |name: &str| name.split_once('@').map(|(_, hash)| hash.to_owned());
    is_digest(one) && hash(one) == hash(other) && repository(one) == repository(other)
}

/// Gives it a name again that means no other image now.
async fn put_back(
    engine: &dyn Engine,
    id: &ImageId,
    name: &Text,
    tell: Tell<'_>,
) -> Result<(), String> {
    if is_digest(name) {
        return put_digest_back(engine, id, name, tell).await;
    }
    let found = engine.resolve(name).await;
    match found.map_err(|error| format!("{name}: {error}"))? {
        Some(found) if found == *id => Ok(()),
        Some(_) => Err(format!("{name} names another image now and was left to it")),
        None => {
            let tagged = engine.tag(id, name).await;
            tagged.map_err(|error| format!("{name}: {error}"))
        }
    }
}

/// Gives it a digest in a repository again. No tag can do that, only a pull of what is here already.
async fn put_digest_back(
    engine: &dyn Engine,
    id: &ImageId,
    name: &Text,
    tell: Tell<'_>,
) -> Result<(), String> {
    let images = engine.images().await.map_err(|error| error.to_string())?;
    let mut images = images.iter().filter(|image| image.id == *id);
    if images.any(|image| {
        image
            .digests
            .iter()
            .any(|known| is_same_digest(known, name))
    }) {
        return Ok(());
    }
    let pulled = engine.pull(name, tell).await;
    pulled.map_err(|error| format!("{}: {error}", shown(name)))
}

/// How many images registries are asked about at a time.
const AT_ONCE: usize = 4;

/// Asks registries about images, and tells each answer as it comes. What nobody could tell is not told.
pub async fn ask_registries(
    engine: &dyn Engine,
    wanted: Vec<(ItemId, Vec<Text>)>,
    mut tell: impl FnMut(ItemId, ComesBack),
) {
    let mut answers = stream::iter(wanted)
        .map(async |(id, sources)| (id, has_any(engine, &sources).await))
        .buffer_unordered(AT_ONCE);
    while let Some((id, answer)) = answers.next().await {
        if let Some(answer) = answer {
            tell(id, answer);
        }
    }
}

/// Yes once a registry has it, no where all say that they have not.
async fn has_any(engine: &dyn Engine, sources: &[Text]) -> Option<ComesBack> {
    let mut all_deny = !sources.is_empty();
    for source in sources {
        match engine.is_in_registry(source).await {
            Ok(true) => return Some(ComesBack::Yes),
            Ok(false) => {}
            Err(_) => all_deny = false,
        }
    }
    all_deny.then_some(ComesBack::No)
}

#[cfg(test)]
mod tests;
