//! The door.

use std::sync::Arc;

use dtop::app::model::Options;
use dtop::app::msg::Attempt;
use dtop::engine::Engine;
use dtop::engine::connect::{self, Env, places};
use dtop::engine::demo::DemoEngine;
use dtop::runtime::{self, Opener};
use dtop::ui::Theme;
use jiff::Timestamp;

fn main() -> color_eyre::Result<()> {
    color_eyre::install()?;
    let args: Vec<String> = std::env::args().collect();
    let demo = args.iter().any(|a| a == "--demo");
    let host = args
        .iter()
        .position(|a| a == "-H")
        .map(|i| args[i + 1].clone());
    let options = connect::Options {
        host,
        context: None,
        look_further: true,
        read_only: false,
    };
    let rt = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let opener = Opener {
        connect: Box::new(move || {
            let options = options.clone();
            Box::pin(async move {
                if demo {
                    return Ok(Arc::new(DemoEngine::new(Timestamp::now())) as Arc<dyn Engine>);
                }
                let env = Env::of_process();
                let places = places(&options, &env).map_err(|e| {
                    vec![Attempt {
                        place: String::new(),
                        why: String::new(),
                        failure: e.to_string(),
                        advice: None,
                    }]
                })?;
                connect::open(places, &options, &env).await.map_err(|none| {
                    none.attempts
                        .iter()
                        .map(|a| Attempt {
                            place: a.place.url.clone(),
                            why: a.place.why.clone(),
                            failure: a.reason.to_string(),
                            advice: a.advice(),
                        })
                        .collect()
                })
            })
        }),
        demo: Box::new(|| Arc::new(DemoEngine::new(Timestamp::now()))),
    };
    let r = rt.block_on(runtime::run(
        opener,
        Options::default(),
        Theme::new(true, args.iter().any(|a| a == "--ascii")),
    ));
    rt.shutdown_background();
    r
}
