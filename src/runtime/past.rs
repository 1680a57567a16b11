//! `history` and `restore`: what was removed, and how it is had again.

use std::time::Duration;

use tokio::time::timeout;

use crate::domain::history::{GAP, Resolved};
use crate::engine::journal::Journal;
use crate::report::{history, json};

use super::batch::{Found, Planned};
use super::console::Console;
use crate::cli;

/// What was in hand when a dtop was ended is looked for so long; then the history is printed without that.
const LOOK: Duration = Duration::from_secs(10);

/// Says what an earlier dtop had in hand when it was ended.
pub(super) async fn say_what_was_in_hand(
    planned: &Planned,
    journal: &Journal,
    console: &mut Console<'_>,
) {
    let resolved = journal.resolve(&*planned.engine).await;
    for line in resolved.iter().flat_map(Resolved::words) {
        console.complain(&line);
    }
}

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
    let entries = past.into_entries();
    let text = if json {
        json::history(&entries)
    } else {
        history::text(&entries, console.page)
    };
    let written = console.print(&text);
    console.end(written)
}
