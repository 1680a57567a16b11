//! Which engine the command line and the environment mean.

use std::rc::Rc;
use std::sync::Arc;

use crate::app::msg::Attempt;
use crate::cli::Global;
use crate::domain::protect::Protection;
use crate::engine::connect::{self, Dials, EngineOptions, Env, NoEngine, Place, places};
use crate::engine::demo::DemoEngine;
use crate::engine::journal::Journal;
use crate::engine::port::clock;
use crate::engine::{Engine, Gate};

use super::batch::Found;
use crate::tui::Opener;

/// Returns the engine that plain text commands use: the one that the `docker` command would use, or the demo.
///
/// # Errors
/// A line that says what was tried, why it failed, and what to do.
pub async fn engine(global: &Global, protection: Protection) -> Found {
    if global.engine.demo {
        return Ok((demo(global.engine.read_only), protection));
    }
    let options = options(global, false);
    let env = Env::of_process();
    let places = places(&options, &env).map_err(|error| error.to_string())?;
    let opened = connect::open(places, &Dials::default(), &options, &env).await;
    let engine = opened.map_err(|none| none.to_string())?;
    Ok((engine, protection))
}

/// Returns the places where the command line says to look for an engine.
///
/// # Errors
/// A line that says which option or setting cannot be used.
pub fn check(global: &Global) -> Result<(), String> {
    if global.engine.demo {
        return Ok(());
    }
    let found = places(&options(global, true), &Env::of_process());
    found.map(drop).map_err(|error| error.to_string())
}

/// Returns how the full screen opens engines. It also looks where the `docker` command does not. Whatever may ask
/// somebody something, as a login does, is done before the screen is taken: afterwards nobody can be asked.
pub async fn opener(global: &Global) -> Opener {
    let options = options(global, true);
    let is_demo = global.engine.demo;
    let demo = {
        let read_only = global.engine.read_only;
        move || demo(read_only)
    };
    let lines = Rc::new(Dials::default());
    if !is_demo {
        for place in places(&options, &Env::of_process()).unwrap_or_default() {
            if let Ok(address) = &place.address {
                lines.to(address).prepare().await;
            }
        }
    }
    Opener {
        connect: Box::new(move || {
            let (options, lines) = (options.clone(), Rc::clone(&lines));
            Box::pin(async move {
                if is_demo {
                    return Ok(demo());
                }
                let env = Env::of_process();
                let places = places(&options, &env).map_err(|error| vec![no_place(&error)])?;
                let opened = connect::open(places, &lines, &options, &env).await;
                opened.map_err(|none| attempts(&none))
            })
        }),
        demo: Box::new(demo),
        journal: journal(global),
    }
}

/// Returns where removals are written down; those from the demo are forgotten with it.
#[must_use]
pub fn journal(global: &Global) -> Journal {
    if global.engine.demo {
        Journal::in_memory()
    } else {
        Journal::of_user()
    }
}

fn options(global: &Global, look_further: bool) -> EngineOptions {
    EngineOptions {
        host: global.host.clone(),
        context: global.context.clone(),
        look_further,
        read_only: global.engine.read_only,
    }
}

fn demo(read_only: bool) -> Arc<dyn Engine> {
    let demo = DemoEngine::new(clock::now());
    Arc::new(demo.with_gate(Gate::new(read_only)))
}

fn attempts(none: &NoEngine) -> Vec<Attempt> {
    let attempt = |attempt: &connect::Attempt| {
        let Place { url, why, .. } = &attempt.place;
        Attempt {
            place: url.clone(),
            why: why.clone(),
            failure: attempt.reason.to_string(),
            advice: attempt.advice(),
        }
    };
    none.attempts.iter().map(attempt).collect()
}

/// The settings lead nowhere: there is no place that could be tried.
fn no_place(error: &connect::ConnectError) -> Attempt {
    Attempt {
        place: "settings".to_owned(),
        why: "no place to try".to_owned(),
        failure: error.to_string(),
        advice: None,
    }
}
