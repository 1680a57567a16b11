//! `clean --until-free` on fleets drawn at random, each on a filesystem of its own: sparse, preallocated, small and
//! shared things, of which lengths tell nothing.
//!
//! What each of them takes is what the filesystem lost while it was made. From that follows what must hold, whatever
//! dtop counts: the exit code is 0 if and only if the target is met, no step could have been left out, and nobody else
//! is blamed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test that cannot go on ends with the place and the cause; each fleet is shown with --nocapture"
)]

mod support;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use libtest_mimic::Completion;
use rustix::fs::{FallocateFlags, fallocate};
use serde_json::Value;

use support::engine::{PrivateEngine, Setup, Store};
use support::length::Length;
use support::program::{CALLERS_ENGINE, Missing, Programs};
use support::random::Random;
use support::scene::{Builder, Scene};
use support::small_disk::{Format, SmallDisk};
use support::{STATE, dtop, trial};

/// Bytes of the disks: sparse files, of which little is ever written.
const DISK: u64 = 3_000_000_000;
/// What a thing may take otherwise when it goes than when it came: folders of the engine that grew, trees that a
/// filesystem splits and joins. The things themselves are several times as large.
const NOISE: u64 = 1_000_000;

const EXT4: Format = Format::Ext4 { reserve: 0 };
const OVERLAY2: Store = Store::GraphDriver;
/// Each with the seed that it is drawn with.
const FLEETS: [(u64, Format, Store); 10] = [
    (1, EXT4, OVERLAY2),
    (2, Format::Xfs, OVERLAY2),
    (3, Format::Btrfs, OVERLAY2),
    (4, EXT4, Store::Containerd),
    (5, Format::Xfs, Store::Containerd),
    (6, Format::Btrfs, Store::Containerd),
    (7, EXT4, OVERLAY2),
    (8, Format::Xfs, OVERLAY2),
    (9, Format::Btrfs, OVERLAY2),
    (10, EXT4, Store::Containerd),
];

fn main() -> ExitCode {
    let trials = FLEETS.map(|(seed, format, store)| {
        let run = move || match docker_on(format, store) {
            Ok(Some((engine, disk))) => {
                goes_until_the_disk_has_enough(&engine, &disk, (seed, format));
                drop(engine);
                drop(disk);
                Ok(Completion::Completed)
            }
            Ok(None) => Ok(Completion::ignored_with("this version has no such store")),
            Err(missing) => trial::without_engine(&missing),
        };
        let store = match store {
            Store::GraphDriver => "overlay2",
            Store::Containerd => "containerd",
        };
        let name = format!("fleet_{seed:02}_{}_{store}", format.name());
        trial::of(name, Length::Long, run)
    });
    trial::run(trials.into())
}

/// Returns true where nothing that is unpacked goes for certain, as nobody looks into the snapshots of the containerd
/// store and files may have blocks in common: things are taken in their order until the disk has enough, and which of
/// them were too many shows only then.
fn is_hardly_certain(engine: &PrivateEngine, format: Format) -> bool {
    let may_share = matches!(format, Format::Btrfs | Format::PackedBtrfs);
    may_share && engine.store() == Store::Containerd
}

/// Starts the newest engine on a filesystem of its own; nothing where it does not know the store.
fn docker_on(format: Format, store: Store) -> Result<Option<(PrivateEngine, SmallDisk)>, Missing> {
    let disk = SmallDisk::of(format, DISK)?;
    let newest = Programs::all().pop().unwrap_or_else(Programs::installed)?;
    let setup = Setup::Docker(newest, store);
    let engine = match store {
        Store::Containerd => PrivateEngine::start_as_one_in(&setup, disk.path())?,
        Store::GraphDriver => {
            let driver = ["--storage-driver".to_owned(), "overlay2".to_owned()];
            PrivateEngine::start_in(&setup, &driver, disk.path())?
        }
    };
    Ok((engine.store() == store).then_some((engine, disk)))
}

fn goes_until_the_disk_has_enough(
    engine: &PrivateEngine,
    disk: &SmallDisk,
    (seed, format): (u64, Format),
) {
    let mut fleet = Fleet::new(engine, disk, seed);
    fleet.build(format);
    let random = &mut fleet.random;
    // Every fifth is asked for more than it has.
    let percent = if seed % 5 == 0 {
        150
    } else {
        15 + random.next() % 65
    };
    let all: u64 = fleet.parts.iter().map(|part| part.bytes).sum();
    let before = disk.settled().available();
    let wanted = before + all / 100 * percent;
    eprintln!(
        "seed {seed}: {percent} % of {all} bytes in\n{:#?}",
        fleet.parts
    );

    let until = wanted.to_string();
    let line = ["clean", "--until-free", &until, "--even-volumes", "--yes"];
    let (code, said, why) = run(engine, &[&line[..], &["--json"]].concat());
    let object: Value = serde_json::from_str(&said).expect("one object");
    let now = disk.written().available();
    let gone = gone(&object);
    let told =
        format!("seed {seed}: {before} to {wanted}, now {now}, gone {gone:#?}\n{why}\n{object:#}");
    eprintln!(
        "seed {seed}: {} steps, {} over",
        gone.len(),
        now.saturating_sub(wanted)
    );
    assert!(!why.contains("something else"), "{told}");
    let is_met = now >= wanted;
    assert_eq!(code, Some(if is_met { 0 } else { 3 }), "{told}");
    assert_eq!(is_met, percent <= 100, "{told}");
    if is_met && !is_hardly_certain(engine, format) {
        fleet.assert_minimal(&gone, now - wanted, &told);
    } else if is_met {
        let is_reached = object["frees"].as_u64() >= Some(wanted - before);
        let is_said = why.contains(" can go for certain");
        assert!(is_said != is_reached, "{told}");
        let ends = object["done"].as_array().expect("steps").iter();
        let left = ends.filter(|it| it["outcome"] == "not_needed");
        assert!(left.count() > 0, "{told}");
    } else {
        let left = fleet
            .parts
            .iter()
            .filter(|part| part.is_shown && part.may_go);
        let left = left.filter(|part| !part.is_in(&gone));
        let left: u64 = left.map(|part| part.bytes).sum();
        assert!(left <= NOISE, "{left} left: {told}");
    }

    let (code, said, why) = run(engine, &line);
    assert!(!why.contains("something else"), "{why}");
    assert_eq!(code, Some(if is_met { 0 } else { 3 }), "{said}{why}");
    assert_eq!(said, "", "nothing more goes");
}

/// The kinds and IDs of what has gone.
fn gone(object: &Value) -> BTreeSet<String> {
    let done = object["done"].as_array().expect("a list").iter();
    let mut gone = BTreeSet::new();
    for done in done {
        let outcome = done["outcome"].as_str().expect("a word");
        assert!(
            ["removed", "gone", "not_needed"].contains(&outcome),
            "{object:#}"
        );
        if outcome != "not_needed" {
            gone.insert(key(
                done["kind"].as_str().expect("a word"),
                done["id"].as_str().expect("an ID"),
            ));
        }
    }
    gone
}

fn key(kind: &str, id: &str) -> String {
    format!("{kind} {id}")
}

/// Bytes that go once all of some things have gone.
#[derive(Debug)]
#[allow(dead_code, reason = "what it is is shown")]
struct Part {
    what: &'static str,
    of: BTreeSet<String>,
    bytes: u64,
    /// False where something has it, too, that stays.
    may_go: bool,
    /// False where the kernel tells that they are shared, but not with whom.
    is_shown: bool,
}

impl Part {
    fn is_in(&self, gone: &BTreeSet<String>) -> bool {
        self.may_go && self.of.is_subset(gone)
    }
}

struct Fleet<'a> {
    engine: &'a PrivateEngine,
    disk: &'a SmallDisk,
    scene: Scene<'a>,
    random: Random,
    parts: Vec<Part>,
    made: u32,
    /// After what was made last.
    available: u64,
}

impl<'a> Fleet<'a> {
    fn new(engine: &'a PrivateEngine, disk: &'a SmallDisk, seed: u64) -> Self {
        let scene = Scene::on(engine);
        // It stays, and so do its image and a volume.
        let volume = ["--volume", "kept:/data"];
        let words = ["--network", "none", "base:1", "sh"];
        engine.docker(&[&["create"], &volume[..], &words].concat());
        Self {
            engine,
            disk,
            scene,
            random: Random::new(seed),
            parts: Vec::new(),
            made: 0,
            available: at_rest(disk),
        }
    }

    /// Some of everything, in an order of its own.
    fn build(&mut self, format: Format) {
        let mut makers: Vec<fn(&mut Self)> = Vec::new();
        let all: [fn(&mut Self); 8] = [
            Self::plain_image,
            Self::image_of_small_files,
            Self::dangling_image,
            Self::image_with_a_hole,
            Self::built_image,
            Self::plain_volume,
            Self::preallocated_volume,
            Self::linked_volumes,
        ];
        for maker in all {
            let is_made = self.random.percent(75);
            makers.extend(is_made.then_some(maker));
        }
        makers.push(Self::sparse_volume);
        makers.push(Self::images_on_another);
        makers.push(Self::volume_of_small_files);
        makers.push(Self::linked_to_what_stays);
        if format != EXT4 {
            makers.push(Self::reflinked_volumes);
        }
        while !makers.is_empty() {
            let at = self.random.below(makers.len());
            makers.swap_remove(at)(self);
        }
    }

    fn bytes(&mut self) -> u64 {
        4_000_000 + self.random.next() % 20_000_000
    }

    fn named(&mut self, what: &str) -> String {
        self.made += 1;
        format!("{what}:{}", self.made)
    }

    /// Makes something, and notes what the filesystem lost.
    fn make(&mut self, what: &'static str, make: impl FnOnce(&mut Self) -> Vec<String>) -> u64 {
        let of = make(self).into_iter().collect();
        let now = at_rest(self.disk);
        let bytes = self.available.saturating_sub(now);
        self.available = now;
        self.parts.push(Part {
            what,
            of,
            bytes,
            may_go: true,
            is_shown: true,
        });
        bytes
    }

    /// Says that so many bytes of what was made last go only with other things, too, or with none.
    fn share(&mut self, what: &'static str, bytes: u64, with: Option<Vec<String>>) {
        let part = self.parts.last_mut().expect("a part");
        part.bytes = part.bytes.saturating_sub(bytes);
        let may_go = with.is_some();
        let of = part.of.iter().cloned();
        let of = of.chain(with.into_iter().flatten()).collect();
        self.parts.push(Part {
            what,
            of,
            bytes,
            may_go,
            is_shown: true,
        });
    }

    fn import(&mut self, what: &str, fill: impl FnOnce(&Path)) -> String {
        let name = self.named(what);
        key("image", &self.scene.import(&name, fill))
    }

    fn noise(&mut self) -> Vec<u8> {
        let bytes = self.bytes();
        self.random.bytes(usize::try_from(bytes).expect("a size"))
    }

    fn plain_image(&mut self) {
        let data = self.noise();
        self.make("an image", |fleet| {
            vec![fleet.import("plain", |root| write(&root.join("data"), &data))]
        });
    }

    fn image_of_small_files(&mut self) {
        let count = 1_500 + self.random.below(4_000);
        self.make("an image of small files", |fleet| {
            vec![fleet.import("small", |root| small_files(root, count))]
        });
    }

    /// The first loses its name to the second.
    fn dangling_image(&mut self) {
        let name = self.named("again");
        for what in ["a dangling image", "the image that took its name"] {
            let data = self.noise();
            self.make(what, |fleet| {
                let image = fleet
                    .scene
                    .import(&name, |root| write(&root.join("data"), &data));
                vec![key("image", &image)]
            });
        }
    }

    /// Long, and empty: the classic builder would copy it, and fill it.
    fn image_with_a_hole(&mut self) {
        let data = "if=/dev/zero bs=4096 count=1 seek=16383";
        self.kit("an image with a hole", data, (1 << 26, 4096));
    }

    fn built_image(&mut self) {
        let bytes = self.bytes();
        let data = format!("if=/dev/urandom bs={bytes} count=1 iflag=fullblock");
        self.kit("an image and its build cache", &data, (bytes, bytes));
    }

    /// An image of BuildKit's, whose layer is build cache, too. The containerd store has it three times: unpacked for
    /// the image, where holes are filled; as it was built, for the cache; and packed, for both.
    fn kit(&mut self, what: &'static str, data: &str, (length, blocks): (u64, u64)) {
        self.make(what, |fleet| {
            let name = fleet.named("built");
            let to = format!("/{}", name.replace(':', "-"));
            let step = format!("dd of={to} {data}");
            let file = format!("FROM base:1\nRUN {step}\n");
            let image = fleet.scene.build(Builder::BuildKit, &name, &file);
            let records = fleet.engine.get("/system/df");
            let records = records["BuildCache"].as_array().expect("a list").iter();
            let has_it = |record: &&Value| record["Description"].to_string().contains(&to);
            let record = records.clone().find(has_it).expect("its record");
            let record = key("build_cache", record["ID"].as_str().expect("an ID"));
            vec![key("image", &image), record]
        });
        if self.engine.store() == Store::Containerd {
            let both = self.parts.last_mut().expect("a part");
            both.bytes = both.bytes.saturating_sub(length + blocks);
            let ways = [("image", length), ("build_cache", blocks)];
            let parts = ways.map(|(kind, bytes)| Part {
                what,
                of: both
                    .of
                    .iter()
                    .filter(|it| it.starts_with(kind))
                    .cloned()
                    .collect(),
                bytes,
                may_go: true,
                is_shown: true,
            });
            self.parts.extend(parts);
        }
    }

    /// Two images on a third: what that has goes with the last of them.
    fn images_on_another(&mut self) {
        let data = self.noise();
        let name = self.named("below");
        let bytes = self.make("an image below others", |fleet| {
            let image = fleet
                .scene
                .import(&name, |root| write(&root.join("data"), &data));
            vec![key("image", &image)]
        });
        let below = self.parts.len() - 1;
        let mut all = Vec::new();
        for _ in 0..2 {
            let data = self.noise();
            self.make("an image on another", |fleet| {
                let context = fleet.scene.folder();
                write(&context.join("data"), &data);
                let above = fleet.named("above");
                let file = format!("FROM {name}\nCOPY data /more\n");
                let image = fleet
                    .scene
                    .build_in(&context, Builder::Classic, &above, &file, &[]);
                fs::remove_dir_all(context).expect("the context goes");
                all.push(key("image", &image));
                vec![key("image", &image)]
            });
        }
        let part = &mut self.parts[below];
        part.of.extend(all);
        assert_eq!(part.bytes, bytes);
    }

    /// A volume without a name, or with one, and its folder.
    fn volume_folder(&mut self) -> (String, PathBuf) {
        let name = if self.random.percent(50) {
            self.engine.docker(&["volume", "create"])
        } else {
            let name = self.named("volume").replace(':', "-");
            self.engine.docker(&["volume", "create", &name])
        };
        let at = self.folder_of(&name);
        (key("volume", &name), at)
    }

    fn folder_of(&self, volume: &str) -> PathBuf {
        let at = self
            .engine
            .root()
            .join("volumes")
            .join(volume)
            .join("_data");
        assert!(at.is_dir(), "{}", at.display());
        at
    }

    fn plain_volume(&mut self) {
        let data = self.noise();
        self.make("a volume", |fleet| {
            let (volume, at) = fleet.volume_folder();
            write(&at.join("data"), &data);
            vec![volume]
        });
    }

    fn volume_of_small_files(&mut self) {
        let count = 1_500 + self.random.below(4_000);
        self.make("a volume of small files", |fleet| {
            let (volume, at) = fleet.volume_folder();
            small_files(&at, count);
            vec![volume]
        });
    }

    fn sparse_volume(&mut self) {
        self.make("a sparse volume", |fleet| {
            let (volume, at) = fleet.volume_folder();
            let file = File::create(at.join("sparse")).expect("a file");
            file.set_len(1 << 30).expect("a hole");
            vec![volume]
        });
    }

    fn preallocated_volume(&mut self) {
        let bytes = self.bytes();
        self.make("a preallocated volume", |fleet| {
            let (volume, at) = fleet.volume_folder();
            let file = File::create(at.join("reserved")).expect("a file");
            fallocate(&file, FallocateFlags::KEEP_SIZE, 0, bytes).expect("room");
            vec![volume]
        });
    }

    /// Two volumes with the same file, by hard links.
    fn linked_volumes(&mut self) {
        self.two_volumes("a file of two volumes", true, |from, to| {
            fs::hard_link(from, to).expect("a link");
        });
    }

    /// Two volumes with files of the same blocks.
    fn reflinked_volumes(&mut self) {
        self.two_volumes("blocks of two volumes", false, |from, to| {
            let mut command = Command::new("cp");
            support::engine::run(command.arg("--reflink=always").args([from, to]));
        });
    }

    fn two_volumes(
        &mut self,
        what: &'static str,
        is_shown: bool,
        share: impl FnOnce(&Path, &Path),
    ) {
        let data = self.noise();
        let mut first = (String::new(), PathBuf::new());
        self.make("the first of two volumes", |fleet| {
            first = fleet.volume_folder();
            write(&first.1.join("data"), &data);
            vec![first.0.clone()]
        });
        let mut second = String::new();
        let shared = data.len() as u64;
        self.share(what, shared, Some(Vec::new()));
        let part = self.parts.len() - 1;
        self.make("the second of two volumes", |fleet| {
            let (volume, at) = fleet.volume_folder();
            share(&first.1.join("data"), &at.join("data"));
            second.clone_from(&volume);
            vec![volume]
        });
        let both = &mut self.parts[part];
        both.of.insert(second);
        both.is_shown = is_shown;
    }

    /// A volume with a file that another has, too, which a container holds.
    fn linked_to_what_stays(&mut self) {
        let data = self.noise();
        self.make("a volume with what stays", |fleet| {
            let (volume, at) = fleet.volume_folder();
            write(&at.join("data"), &data);
            let kept = fleet.folder_of("kept").join("data");
            fs::hard_link(at.join("data"), kept).expect("a link");
            vec![volume]
        });
        self.share("a file that stays", data.len() as u64, None);
    }

    /// No step could have been left out: without it too little would be free.
    fn assert_minimal(&self, gone: &BTreeSet<String>, over: u64, told: &str) {
        for step in gone {
            let with_it = self.parts.iter().filter(|part| part.of.contains(step));
            let frees: Vec<&Part> = with_it.filter(|part| part.is_in(gone)).collect();
            let bytes: u64 = frees.iter().map(|part| part.bytes).sum();
            assert!(
                bytes + NOISE > over,
                "{step} frees {bytes} where {over} are over: {frees:#?}\n{told}"
            );
        }
    }
}

/// Runs dtop against an engine: its exit code, and what it says.
fn run(engine: &PrivateEngine, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(dtop());
    for name in CALLERS_ENGINE {
        command.env_remove(name);
    }
    command.env("XDG_CONFIG_HOME", env!("CARGO_TARGET_TMPDIR"));
    command.env("XDG_STATE_HOME", STATE);
    command.args(["-H", &engine.host()]).args(args);
    let output = command.output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = (text(&output.stdout), text(&output.stderr));
    (output.status.code(), said.0, said.1)
}

/// What is available once what was made is written; what each thing takes is noted roughly, and there are many.
fn at_rest(disk: &SmallDisk) -> u64 {
    disk.still_for(Duration::from_millis(250)).available()
}

fn write(to: &Path, data: &[u8]) {
    fs::write(to, data).expect("a file");
}

fn small_files(root: &Path, count: usize) {
    for file in 0..count {
        let folder = root.join((file / 1000).to_string());
        fs::create_dir_all(&folder).expect("a folder");
        let words = format!("{count} {file:090}");
        fs::write(folder.join(file.to_string()), words).expect("a file");
    }
}
