//! Tests that say by name why they did not run: for want of an engine, or because they are long.

use std::env;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use super::engine::{PrivateEngine, Setup, Store};
use super::length::Length;
use super::program::{Missing, Programs};

/// A named test on a private, empty engine.
pub type OnEngine = (&'static str, fn(&PrivateEngine));

/// What takes longer is named with its time.
const LONG_TIME: Duration = Duration::from_secs(5);

/// A trial that runs where tests of its length are asked for, and says what it took where that is long.
pub fn of(
    name: impl Into<String>,
    length: Length,
    run: impl FnOnce() -> Result<Completion, Failed> + Send + 'static,
) -> Trial {
    let name = name.into();
    let said = name.clone();
    Trial::ignorable_test(name, move || {
        if !length.is_asked_for() {
            return Ok(Completion::ignored_with(length.how()));
        }
        let _clock = Clock(said, Instant::now());
        run()
    })
}

/// The same for a test that needs nothing which may be missing.
pub fn plain(name: &'static str, length: Length, test: fn()) -> Trial {
    of(name, length, move || {
        test();
        Ok(Completion::Completed)
    })
}

/// Says at its end what passed since its beginning, however that ended.
struct Clock(String, Instant);

impl Drop for Clock {
    #[allow(
        clippy::print_stdout,
        reason = "it stands among the lines of the test's report"
    )]
    fn drop(&mut self) {
        let took = self.1.elapsed();
        if took > LONG_TIME {
            println!("took {:.1} s: {}", took.as_secs_f64(), self.0);
        }
    }
}

/// One trial a test and engine to test against, on the store that every engine has.
pub fn on_engines(tests: &[OnEngine], length: Length) -> Vec<Trial> {
    on_store(tests, Store::GraphDriver, length)
}

/// One trial a test and engine to test against. An engine without that store has it ignored.
pub fn on_store(tests: &[OnEngine], store: Store, length: Length) -> Vec<Trial> {
    let mut trials = Vec::new();
    for programs in Programs::all() {
        for &(name, test) in tests {
            let programs = programs.clone();
            let name = match &programs {
                Ok(programs) if !programs.label.is_empty() => format!("{}::{name}", programs.label),
                _ => name.to_owned(),
            };
            let run = move || {
                let engine = match programs.and_then(|it| PrivateEngine::start(&it, store)) {
                    Ok(engine) => engine,
                    Err(missing) => return without_engine(&missing),
                };
                if engine.store() != store {
                    return Ok(Completion::ignored_with("this version has no such store"));
                }
                test(&engine);
                Ok(Completion::Completed)
            };
            trials.push(of(name, length, run));
        }
    }
    trials
}

/// One trial a test and engine of the matrix ([`Setup::matrix`]).
pub fn on_matrix(tests: &[OnEngine], length: Length) -> Vec<Trial> {
    let mut trials = Vec::new();
    for setup in Setup::matrix() {
        let label = setup.as_ref().map_or("none".to_owned(), Setup::label);
        for &(name, test) in tests {
            let setup = setup.clone();
            let run = move || match setup.and_then(|it| PrivateEngine::set_up(&it)) {
                Ok(engine) => {
                    test(&engine);
                    Ok(Completion::Completed)
                }
                Err(missing) => without_engine(&missing),
            };
            trials.push(of(format!("{label}::{name}"), length, run));
        }
    }
    trials
}

/// A test without an engine is ignored, with the reason, unless engines are required.
pub fn without_engine(missing: &Missing) -> Result<Completion, Failed> {
    if env::var_os("DTOP_REQUIRE_ENGINES").is_some_and(|value| value != "0") {
        return Err(format!("DTOP_REQUIRE_ENGINES is set, but: {missing}").into());
    }
    Ok(Completion::ignored_with(missing))
}

/// Runs them as cargo asks.
pub fn run(trials: Vec<Trial>) -> ExitCode {
    let arguments = Arguments::from_args();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The same for tests that mostly wait, for a screen to stand still or an engine to end: so many at once a core.
pub fn run_waiting(trials: Vec<Trial>, a_core: usize) -> ExitCode {
    let mut arguments = Arguments::from_args();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    arguments.test_threads.get_or_insert(a_core * cores);
    libtest_mimic::run(&arguments, trials).exit_code()
}
