//! An engine on a filesystem of its own: what dtop promises of it, and what the filesystem gains.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::support::STATE;
use super::support::engine::{PrivateEngine, run};
use super::support::program::CALLERS_ENGINE;
use super::support::scene::Scene;
use super::support::small_disk::SmallDisk;

pub const MB: u64 = 1 << 20;
pub const GB: u64 = 1 << 30;

pub struct Host<'a> {
    pub engine: &'a PrivateEngine,
    pub scene: Scene<'a>,
    pub disk: &'a SmallDisk,
}

/// What a plan promised, and what the filesystem gained when it was carried out.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    pub frees: u64,
    pub at_most: Option<u64>,
    pub exact: bool,
    pub gained: u64,
    /// How far a promise may be off: what the filesystem and the engine write down of a removal.
    pub bound: u64,
}

impl Host<'_> {
    pub fn dtop(&self, args: &[&str]) -> Value {
        let mut command = Command::new(super::support::dtop());
        for name in CALLERS_ENGINE {
            command.env_remove(name);
        }
        command.env("XDG_CONFIG_HOME", env!("CARGO_TARGET_TMPDIR"));
        command.env("XDG_STATE_HOME", STATE);
        let host = self.engine.host();
        let said = run(command.args(["-H", &host]).args(args).arg("--json"));
        serde_json::from_str(&said).unwrap_or_else(|e| panic!("{e}: {said}"))
    }

    /// Waits until nothing is written and nothing comes back any more, and returns what is free then.
    pub fn free_at_rest(&self) -> u64 {
        self.disk.still_for(Duration::from_millis(250)).unused()
    }

    /// Promises, removes, and looks at the disk: what it gained lies between the least and the most that was promised.
    pub fn removes(&self, what: &str, chosen: &[&str]) -> Outcome {
        // What was copied before has its place on the disk: what is still to be written has none to share.
        self.free_at_rest();
        let plan = self.dtop(&[&["plan"], chosen].concat());
        let frees = plan["frees"].as_u64().expect("a promise");
        let at_most = plan["at_most"].as_u64();
        let before = self.free_at_rest();
        let cleaned = self.dtop(&[&["clean", "--yes"], chosen].concat());
        let done = cleaned["done"].as_array().expect("steps");
        let gained = self.free_at_rest().saturating_sub(before);
        let bound = (64_000 + 16_000 * done.len() as u64).max(gained / 200);
        let exact = plan["exact"] == true;
        eprintln!("{what}: promised {frees} to {at_most:?}, exact {exact}, gained {gained}");
        assert!(
            frees <= gained + bound,
            "{what}: gained {gained}: {cleaned}"
        );
        assert!(
            at_most.is_none_or(|most| gained <= most + bound),
            "{what}: at most {at_most:?}, gained {gained}: {cleaned}"
        );
        assert!(!exact || at_most == Some(frees), "{what}: {plan}");
        Outcome {
            frees,
            at_most,
            exact,
            gained,
            bound,
        }
    }

    /// The same of what is promised exactly. Returns the promise.
    pub fn goes(&self, what: &str, chosen: &[&str]) -> u64 {
        let found = self.removes(what, chosen);
        assert!(found.exact, "{what}: {found:?}");
        found.frees
    }

    /// Makes a volume, and returns the folder of its data.
    pub fn data(&self, volume: &str) -> PathBuf {
        self.scene.volume(volume, 0);
        let data = self.engine.root().join("volumes");
        let data = data.join(volume).join("_data");
        assert!(data.starts_with(self.disk.path()), "{}", data.display());
        data
    }

    /// Runs a container to its end, and returns its own folder.
    pub fn run(&self, name: &str, options: &[&str], command: &str) -> PathBuf {
        self.run_of("base:1", name, options, command)
    }

    pub fn run_of(&self, image: &str, name: &str, options: &[&str], command: &str) -> PathBuf {
        self.scene.run(name, options, image, command);
        let format = ["inspect", "--format", "{{.Id}}", name];
        let id = self.engine.docker(&format);
        let list = if self.engine.is_podman() {
            "overlay-containers"
        } else {
            "containers"
        };
        self.engine.root().join(Path::new(list)).join(id)
    }
}
