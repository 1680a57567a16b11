//! The promise against the disk: what a plan says that it frees, what the engine's data directory lost, and where it is
//! made on this machine, what the filesystem gained after a sync.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends with the place and the cause"
)]
#![allow(
    clippy::print_stderr,
    reason = "the measured sets are the test's report, shown with --nocapture"
)]

mod disk;
mod first;
mod fleet;
mod report;
mod served;
#[path = "../support/mod.rs"]
mod support;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use dtop::domain::inventory::Inventory;
use dtop::domain::item::{ItemId, Kind};
use dtop::domain::plan::{AddedBy, Plan, Selection};
use dtop::domain::retention::{Doubt, Freed};
use dtop::domain::survey::Survey;
use dtop::engine::Engine;
use dtop::engine::docker::{ClientOptions, DockerEngine};
use dtop::engine::journal::Journal;
use dtop::engine::removal::{Confirmed, remove};
use dtop::engine::scan::{ScanScope, scan_once};
use dtop::engine::transport::Address;
use libtest_mimic::{Completion, Failed};

use disk::Disk;
use fleet::Fleet;
use report::{picture, report, steps};
use served::assert_is_served;
use support::engine::{PrivateEngine, Setup, Store};
use support::length::Length;
use support::program::{Missing, Programs};
use support::proxy::{Manner, Proxy};
use support::random::Random;
use support::scene::Scene;
use support::small_disk::{Format, SmallDisk};
use support::trial;

/// A layer that the engine makes for a container's mount points (ENGINE.md §2.7).
const INIT_LAYER: u64 = 64;
/// A share and bytes an object that the containerd store may be off: folders, rounding, manifests that the
/// build history keeps (ENGINE-CONTAINERD.md §6).
const SHARE: u64 = 100;
const AN_OBJECT: u64 = 32 * 1024;
/// With the list of blobs or the store's own notes, of the bytes that went so many in a hundred may be in doubt.
const IN_DOUBT: u64 = 15;
/// What a filesystem may gain otherwise where a promise is exact, a share in a thousand or bytes: what it and the engine
/// write down of a removal, of all of it and of an object.
const PER_MILLE: u64 = 5;
const NOTES: u64 = 64_000;
const NOTES_OF_AN_OBJECT: u64 = 16_000;
/// Bytes of the disk of its own that an engine has: a sparse file, of which little is ever written.
const DISK: u64 = 8_000_000_000;
/// A build's trace is written to its history, as a blob of some 100 kB, three seconds after it has ended: what
/// comes while a set goes is no byte of the set.
const HISTORY: Duration = Duration::from_secs(5);

/// What is measured of each engine.
const RUNS: [(&str, Run); 7] = [
    (
        "graph_driver_promises_hold_to_the_byte",
        Run {
            sets: 32,
            exact: 95,
            length: Length::Long,
            ..LONG
        },
    ),
    (
        "graph_driver_promises_hold_over_the_api_alone",
        Run {
            from: From::Afar,
            // Of a base that is gone the API tells no size, and steps that no image has may be it; nor does it
            // tell all of a container without an image. Measured: 42 to 60 in a hundred for one look, and every
            // range held the truth.
            exact: 40,
            ..LONG
        },
    ),
    (
        "graph_driver_promises_hold_over_the_api_in_one_session",
        Run {
            from: From::Afar,
            in_one_session: true,
            // Measured: 85 to 100. What went before it was looked at is as open as above.
            exact: 75,
            ..LONG
        },
    ),
    ("containerd_promises_hold_on_this_machine", CONTAINERD),
    (
        "containerd_promises_hold_on_this_machine_without_the_list",
        Run {
            refuses: Some("/grpc"),
            ..CONTAINERD
        },
    ),
    (
        "containerd_promises_hold_over_the_api_with_the_list",
        Run {
            from: From::Afar,
            ..CONTAINERD
        },
    ),
    (
        "containerd_promises_hold_over_the_api_without_the_list",
        Run {
            from: From::Afar,
            refuses: Some("/grpc"),
            sets: 7,
            exact: 0,
            in_doubt: None,
            ..CONTAINERD
        },
    ),
];

const LONG: Run = Run {
    store: Store::GraphDriver,
    from: From::ThisMachine,
    refuses: None,
    sets: 40,
    exact: 90,
    in_doubt: None,
    length: Length::Search,
    in_one_session: false,
};

const CONTAINERD: Run = Run {
    store: Store::Containerd,
    sets: 14,
    exact: 95,
    in_doubt: Some(IN_DOUBT),
    ..LONG
};

fn main() -> ExitCode {
    let mut trials = Vec::new();
    for programs in Programs::all() {
        for (name, run) in RUNS {
            let programs = programs.clone();
            let name = match &programs {
                Ok(programs) if !programs.label.is_empty() => format!("{}::{name}", programs.label),
                _ => name.to_owned(),
            };
            trials.push(trial::of(name, run.length, move || run.on(programs)));
        }
    }
    trial::run(trials)
}

/// Where dtop stands when it looks at the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    ThisMachine,
    /// Where the engine's folder cannot be read.
    Afar,
}

/// Sets of marks on several scenes of one engine.
#[derive(Clone, Copy, Debug)]
struct Run {
    store: Store,
    from: From,
    /// What lies between does not let this path through.
    refuses: Option<&'static str>,
    /// How many sets must free something.
    sets: usize,
    /// So many sets in a hundred are exact at least.
    exact: usize,
    /// Of the bytes that went, at most so many in a hundred are in doubt.
    in_doubt: Option<u64>,
    length: Length,
    /// What was found out for a set is known for the next, as on a screen that stays open.
    in_one_session: bool,
}

/// Sets drawn from one scene, one after the other: what is left gets odder with each.
const SETS: usize = 12;

/// What came of a set.
struct Outcome {
    at_least: u64,
    /// None where the promise has no upper end.
    at_most: Option<u64>,
    is_exact: bool,
    lost: u64,
    /// What the filesystem has more, where that is the engine's own.
    gained: Option<i64>,
}

impl Run {
    fn on(&self, programs: Result<Programs, Missing>) -> Result<Completion, Failed> {
        let ctr = programs
            .as_ref()
            .ok()
            .map(|it| it.containerd.with_file_name("ctr"));
        let own = match self.from {
            From::ThisMachine => SmallDisk::of(Format::Ext4 { reserve: 0 }, DISK),
            From::Afar => Err(Missing("by length, no filesystem tells".into())),
        };
        let start = |it: Programs| {
            let setup = Setup::Docker(it, self.store);
            match &own {
                Ok(disk) => PrivateEngine::start_as_one_in(&setup, disk.path()),
                Err(_) => PrivateEngine::start_as_one(&setup),
            }
        };
        let engine = match programs.and_then(start) {
            Ok(engine) => engine,
            Err(missing) => return trial::without_engine(&missing),
        };
        let engine = On {
            engine,
            disk: own.ok(),
        };
        let is_containerd = engine.get("/info")["Driver"] == "overlayfs";
        if is_containerd != (self.store == Store::Containerd) {
            return Ok(Completion::ignored_with("this version has no such store"));
        }
        let seed = std::env::var("DTOP_TEST_SEED").ok();
        let seed: u64 = seed.and_then(|seed| seed.parse().ok()).unwrap_or(1);
        let mut random = Random::new(seed);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let manner = Manner {
            refuses: self.refuses,
            ..Manner::default()
        };
        let proxy = Proxy::with_manner(&engine.socket(), engine.folder(), manner);
        let scene = Scene::on(&engine);
        let mut outcomes = Vec::new();
        let mut known = Inventory::default();
        if has_notes(self) {
            fleet::leave(&engine, &scene);
            fleet::link(&engine, &scene);
            fleet::share(&engine, &scene, &ctr.expect("containerd's client"));
            std::thread::sleep(HISTORY);
            for (set, choose) in first::SETS {
                let measured = self.measure(&engine, &proxy, &choose, (set, &mut known));
                let outcome = runtime.block_on(measured).expect("a set");
                assert!(outcome.is_exact, "{set}");
                outcomes.push(outcome);
            }
        }
        for number in 0.. {
            if outcomes.len() >= self.sets {
                break;
            }
            let name = format!("scene{number}");
            // Loading ends with an empty cache, so it comes first.
            fleet::load(&engine, &scene, &mut random, &name);
            if number % 2 == 0 || self.store == Store::GraphDriver {
                Fleet::build(&engine, &scene, &mut random, &name);
                // Only that store's engine keeps the first size, and only here that is known.
                if self.from == From::ThisMachine && self.store == Store::GraphDriver {
                    Fleet::grown(&scene, &engine, &name);
                }
            }
            if self.store == Store::Containerd {
                std::thread::sleep(HISTORY);
            }
            for set in 0..SETS {
                if outcomes.len() >= self.sets {
                    break;
                }
                let set = format!("seed {seed}, scene {number}, set {set}");
                if !self.in_one_session {
                    known = Inventory::default();
                }
                let random = RefCell::new(&mut random);
                let choose = |survey: &Survey| marks(survey, *random.borrow_mut());
                let measured = self.measure(&engine, &proxy, &choose, (&set, &mut known));
                let outcome = runtime.block_on(measured);
                outcomes.extend(outcome);
            }
        }
        self.judge(&outcomes);
        Ok(Completion::Completed)
    }

    /// Marks a set, plans it, removes it, and looks at the disk.
    async fn measure(
        &self,
        engine: &On,
        proxy: &Proxy,
        choose: &dyn Fn(&Survey) -> Selection,
        (set, known): (&str, &mut Inventory),
    ) -> Option<Outcome> {
        let door = open(proxy.socket(), self.from).await;
        let base = scan_once(&*door, ScanScope::ALL, known, |_, _| {})
            .await
            .expect("a picture");
        let blobs = base.blobs.as_ref().known();
        let has_notes = blobs.is_some_and(|list| list.notes().is_some());
        let is_noted = self.store == Store::Containerd && self.from == From::ThisMachine;
        assert_eq!(
            has_notes, is_noted,
            "{set}: what is measured is another way"
        );
        if is_noted && self.refuses.is_none() {
            assert_is_served(&base, proxy).await;
        }
        let survey = Survey::new(base.clone());
        *known = survey.inventory().clone();
        let selection = choose(&survey);
        let plan = Plan::new(&survey, &selection);
        if plan.steps.is_empty() {
            return None;
        }
        let counted = (reads_logs(&base), self.from == From::ThisMachine);
        let before = Disk::of(engine, self.store, counted);
        let free = engine.free();
        let order = Confirmed {
            plan: plan.clone(),
            base,
            journal: Journal::default(),
            save: None,
            until: None,
        };
        let removal = remove(door, order, Arc::new(AtomicBool::new(false)), |_| {})
            .await
            .expect("a removal");
        let gained = engine
            .free()
            .zip(free)
            .map(|(after, before)| after - before);
        let after = Disk::of(engine, self.store, counted);
        let stayed: Vec<_> = removal
            .done
            .iter()
            .filter(|it| !it.outcome.is_away())
            .collect();
        assert!(stayed.is_empty(), "{set}: not all went: {stayed:#?}");
        let outcome = Outcome {
            at_least: plan.frees.at_least.0,
            at_most: Some(plan.frees.at_most.0).filter(|most| *most != u64::MAX),
            is_exact: is_settled(&plan.frees),
            lost: before.lost(&after),
            gained,
        };
        let report = report(set, &plan, &outcome);
        eprintln!("{report}, accounted {}", removal.account.freed.0);
        if std::env::var_os("DTOP_TEST_PICTURES").is_some() {
            let (plan, changes) = (steps(&plan), before.changes(&after).join("\n"));
            eprintln!("{plan:#?}\n{changes}\n{}", picture(&survey));
        }
        let doubts = plan.frees.doubts();
        let is_afar = self.from == From::Afar;
        assert!(is_afar || !plan.frees.is_by_length(), "{report}: by length");
        let documented = |doubt: &Doubt| {
            let ambiguous = matches!(
                doubt,
                Doubt::SharedRecord(_) | Doubt::HiddenLayers(_) | Doubt::NoSize(_) | Doubt::Further
            );
            ambiguous || self.store == Store::Containerd || *doubt == Doubt::ByLength && is_afar
        };
        let has_reason = outcome.is_exact || !doubts.is_empty() && doubts.iter().all(documented);
        assert!(has_reason, "{report}: a range without a reason");
        assert!(!plan.frees.pending, "{report}: still pending");
        let slack = self.slack(&plan, outcome.lost);
        let fits = outcome.lost + slack >= outcome.at_least
            && outcome
                .at_most
                .is_none_or(|most| outcome.lost <= most.saturating_add(slack));
        assert!(
            fits,
            "{report}\nplan: {:#?}\ndone: {:#?}\nleft: {}\n{}\n{}",
            steps(&plan),
            removal.done,
            engine.get("/images/json?all=1"),
            before.changes(&after).join("\n"),
            picture(&survey),
        );
        if let Some(gained) = outcome.gained.filter(|_| outcome.is_exact) {
            let frees = outcome.at_least;
            let notes = NOTES + objects(&plan) * NOTES_OF_AN_OBJECT;
            let slack = notes.max(frees * PER_MILLE / 1000);
            assert!(
                gained.abs_diff(i64::try_from(frees).expect("bytes")) <= slack,
                "{report}, gained {gained}\nplan: {:#?}\n{}",
                steps(&plan),
                before.changes(&after).join("\n"),
            );
        }
        Some(outcome)
    }

    fn slack(&self, plan: &Plan, lost: u64) -> u64 {
        let containers = plan
            .steps
            .iter()
            .filter(|step| step.id.kind() == Kind::Container);
        match self.store {
            Store::GraphDriver => containers.count() as u64 * INIT_LAYER,
            Store::Containerd => lost / SHARE + objects(plan) * AN_OBJECT,
        }
    }

    /// Over all sets: enough of them exact.
    fn judge(&self, outcomes: &[Outcome]) {
        let exact = outcomes.iter().filter(|outcome| outcome.is_exact).count();
        let lost: u64 = outcomes.iter().map(|outcome| outcome.lost).sum();
        let doubt: u64 = outcomes
            .iter()
            .filter_map(|outcome| Some(outcome.at_most? - outcome.at_least))
            .sum();
        let open = outcomes.iter().filter(|outcome| outcome.at_most.is_none());
        let error = |outcome: &Outcome| match outcome.gained {
            Some(gained) => gained.abs_diff(i64::try_from(outcome.at_least).unwrap_or(i64::MAX)),
            None => outcome.lost.abs_diff(outcome.at_least),
        };
        let worst = outcomes
            .iter()
            .filter(|it| it.is_exact)
            .max_by_key(|it| error(it));
        let worst = worst.map_or_else(String::new, |worst| {
            format!("; at worst {} of {} bytes off", error(worst), worst.lost)
        });
        eprintln!(
            "{exact} of {} sets exact{worst}; {doubt} of {lost} bytes in doubt, {} without an upper end",
            outcomes.len(),
            open.count(),
        );
        assert!(
            exact * 100 >= outcomes.len() * self.exact,
            "{exact} of {} exact",
            outcomes.len()
        );
        if let Some(most) = self.in_doubt {
            assert!(doubt * 100 <= lost * most, "{doubt} of {lost} in doubt");
            let open = outcomes.iter().filter(|outcome| outcome.at_most.is_none());
            assert_eq!(open.count(), 0, "without an upper end");
        }
    }
}

/// Parents that follow are images of their own, each with its manifest, config and snapshots.
fn objects(plan: &Plan) -> u64 {
    let steps = plan.steps.iter();
    steps.map(|step| 1 + step.follows().len() as u64).sum()
}

/// An engine, on a filesystem of its own where it has one.
struct On {
    engine: PrivateEngine,
    disk: Option<SmallDisk>,
}

impl On {
    /// Returns what is unused on its filesystem, once all was written.
    fn free(&self) -> Option<i64> {
        let disk = self.disk.as_ref()?;
        i64::try_from(disk.written().unused()).ok()
    }
}

impl std::ops::Deref for On {
    type Target = PrivateEngine;

    fn deref(&self) -> &PrivateEngine {
        &self.engine
    }
}

/// True where nothing is in doubt, or nothing but what lengths are in blocks: what is counted by length here is held to
/// lengths, too.
fn is_settled(frees: &Freed) -> bool {
    let mut doubts = frees.doubts().iter();
    !frees.pending
        && frees.at_least == frees.at_most
        && doubts.all(|doubt| *doubt == Doubt::ByLength)
}

/// True where the promise counts containers' log files.
fn reads_logs(inventory: &Inventory) -> bool {
    let details = inventory
        .containers
        .iter()
        .filter_map(|it| it.details.as_ref().known());
    details.into_iter().any(|details| details.log.is_some())
}

async fn open(socket: &Path, from: From) -> Arc<dyn Engine> {
    let options = ClientOptions {
        // No other host than one reached through a unix socket counts as this machine.
        host: match from {
            From::Afar => "tcp://far:2375".into(),
            From::ThisMachine => format!("unix://{}", socket.display()).into(),
        },
        why: "the test's own".into(),
        ..ClientOptions::default()
    };
    let engine = DockerEngine::open(Address::Unix(socket.to_path_buf()), options).await;
    Arc::new(engine.expect("an engine"))
}

/// The store's own notes can be read.
fn has_notes(run: &Run) -> bool {
    run.store == Store::Containerd && run.from == From::ThisMachine
}

/// Some of everything that is not in the way of all the rest.
fn marks(survey: &Survey, random: &mut Random) -> Selection {
    let percent = 10 + random.next() % 35;
    let items: BTreeMap<ItemId, AddedBy> = Kind::ALL
        .into_iter()
        .flat_map(|kind| survey.rows(kind).map(move |row| survey.item(kind, row)))
        .filter(|item| &*item.name() != "base:1")
        .map(|item| item.id())
        .filter(|_| random.percent(percent))
        .map(|id| (id, AddedBy::Selection))
        .collect();
    Selection {
        items,
        ..Selection::default()
    }
}
