//! `history` and `restore`: what was removed, and how it is had again.

use std::cell::RefCell;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::unbounded_channel;
use tokio::time::timeout;

use crate::domain::inventory::EngineInfo;
use crate::domain::item::Kind;
use crate::domain::removal::history::{Entry, GAP, NOT_WRITTEN, Resolved, Returned};
use crate::engine::journal::Journal;
use crate::engine::{self, Engine};
use crate::report::{history, json};

use super::batch::{Found, Stop};
use super::console::Console;
use super::waiting::{Waits, showing};
use crate::cli;

/// What was in hand when a dtop was ended is looked for so long; then the history is printed without that.
const LOOK: Duration = Duration::from_secs(10);

/// Prints what was removed, and returns the exit code. An engine is asked only where it must say what became of
/// what another dtop had in hand.
pub async fn history(
    journal: &Journal,
    engine: impl Future<Output = Found>,
    json: bool,
    console: &mut Console<'_>,
) -> u8 {
    let mut read = journal.history().await;
    if matches!(&read, Ok(history) if history.is_open()) {
        let look = async {
            let (engine, _) = engine.await.ok()?;
            journal.resolve(&*engine).await
        };
        let resolved = timeout(LOOK, look).await.ok().flatten();
        for line in resolved.iter().flat_map(Resolved::words) {
            console.complain(&line);
        }
        if resolved.is_some() {
            read = journal.history().await;
        }
    }
    let past = match read {
        Ok(past) => past,
        Err(why) => {
            console.complain(&format!("{why}; may it be read?"));
            return cli::NOTHING_TRIED;
        }
    };
    if past.gap {
        console.complain(GAP);
    }
    if let Some(trouble) = journal.trouble() {
        console.complain(&format!("{NOT_WRITTEN}: {trouble}"));
    }
    let entries = past.into_entries();
    let text = if json {
        json::history(&entries)
    } else {
        history::text(&entries, console.page)
    };
    let written = console.print(&text);
    console.end(written)
}

/// Brings back what these words mean, and returns the exit code.
pub async fn restore(
    journal: &Journal,
    engine: impl Future<Output = Found>,
    words: &[String],
    json: bool,
    console: &mut Console<'_>,
) -> u8 {
    let (engine, about, entries) = match opened(journal, engine).await {
        Ok(opened) => opened,
        Err(why) => return nothing_tried(&why, json, console),
    };
    let mut returned = Vec::new();
    let mut unknown = Vec::new();
    for word in words {
        match meant(word, &entries, &about) {
            Ok(entry) => returned.push(bring_back(&*engine, entry, json, console).await),
            Err(why) => unknown.push(why),
        }
    }
    if returned.is_empty() {
        return nothing_tried(&unknown.join("; "), json, console);
    }
    for why in &unknown {
        console.complain(why);
    }
    let error = (!unknown.is_empty()).then(|| unknown.join("; "));
    let written = if json {
        console.print(&json::restored(&returned, error.as_deref()))
    } else {
        Ok(())
    };
    let all = unknown.is_empty() && returned.iter().all(Returned::is_whole);
    match console.end(written) {
        0 if all => 0,
        0 => cli::NOT_ALL_DONE,
        code => code,
    }
}

fn nothing_tried(why: &str, json: bool, console: &mut Console<'_>) -> u8 {
    console.complain(why);
    if json {
        // The exit code says already that nothing was done.
        let _ = console.print(&json::restored(&[], Some(&cli::one_line(why))));
    }
    cli::NOTHING_TRIED
}

/// Returns the engine, what it is, and what was removed.
async fn opened(
    journal: &Journal,
    engine: impl Future<Output = Found>,
) -> Result<(Arc<dyn Engine>, EngineInfo, Vec<Entry>), String> {
    let entries = journal.history().await?.into_entries();
    let (engine, _) = engine.await?;
    let about = engine.about().await;
    let about = about.map_err(|error| Stop::engine("the engine", &error).why)?;
    let gate = engine.gate().pass(|| "the restore".to_owned());
    gate.map_err(|error| format!("{error}; leave out --read-only"))?;
    Ok((engine, about, entries))
}

/// Returns the removal that a word means: the newest on this engine, of what went.
fn meant<'a>(word: &str, entries: &'a [Entry], about: &EngineInfo) -> Result<&'a Entry, String> {
    let all = || {
        let meant = entries.iter().filter(|it| it.is_meant_by(word));
        meant.filter(|it| it.went())
    };
    let here: Vec<&Entry> = all().filter(|it| it.is_on(about)).collect();
    // Of things of one name only an image can be had again: its container may have been called like it.
    let image = here.iter().find(|it| it.kind == Kind::Image);
    let Some(newest) = image.or(here.first()).copied() else {
        return Err(match all().next() {
            Some(other) => format!(
                "{word}: it was removed from {}; choose that engine with -H",
                other.host
            ),
            None => format!("{word}: no such removal; dtop history lists them"),
        });
    };
    let other = here.iter().find(|it| it.id != newest.id);
    match other {
        // The last one of a name is what the name meant last.
        Some(other) if newest.id.contains(word) => Err(format!(
            "{word}: it means {} and {}; write more of the ID",
            newest.short_id(),
            other.short_id()
        )),
        _ => Ok(newest),
    }
}

async fn bring_back(
    engine: &dyn Engine,
    entry: &Entry,
    json: bool,
    console: &mut Console<'_>,
) -> Returned {
    let (told, mut words) = unbounded_channel();
    let tell = move |text: String| {
        let _ = told.send(text);
    };
    let mut waits = Waits::new("");
    waits.begin(&format!("restoring {}", entry.name));
    let (waits, shown) = (RefCell::new(waits), RefCell::new(&mut *console));
    let restoring = async {
        let mut restoring = pin!(engine::copies::restore::restore(engine, entry, &tell));
        loop {
            tokio::select! {
                biased;
                end = &mut restoring => break end,
                Some(text) = words.recv() => {
                    let mut waits = waits.borrow_mut();
                    waits.replace(&text);
                    shown.borrow_mut().show_waits(&mut waits);
                }
            }
        }
    };
    let end = showing(&waits, &shown, restoring).await;
    let returned = Returned {
        entry: entry.clone(),
        end,
    };
    if !json {
        let line = history::returned(&returned, console.page);
        if returned.is_whole() {
            // A reader who has gone has nothing to do with what is restored.
            let _ = console.print(&line);
        } else {
            console.complain(&line);
        }
    }
    returned
}

#[cfg(test)]
mod tests;
