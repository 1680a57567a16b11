//! Scenes whose things share bytes in every way that people make them do.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::engine::{PrivateEngine, run};
use crate::support::random::Random;
use crate::support::scene::{Builder, Scene};

/// A scene under way; each has names of its own, so that several fit on one engine.
pub struct Fleet<'a> {
    engine: &'a PrivateEngine,
    scene: &'a Scene<'a>,
    random: &'a mut Random,
    name: String,
}

impl<'a> Fleet<'a> {
    /// Everything: builds with either builder on shared bases, several tags, containers, volumes.
    pub fn build(
        engine: &'a PrivateEngine,
        scene: &'a Scene<'a>,
        random: &'a mut Random,
        name: &str,
    ) {
        let mut fleet = Self {
            engine,
            scene,
            random,
            name: name.to_owned(),
        };
        fleet.imports();
        fleet.kit();
        fleet.classic();
        fleet.odd_builds();
        fleet.volumes();
        fleet.containers();
        fleet.moved();
    }

    fn named(&self, what: &str) -> String {
        format!("{what}-{}:1", self.name)
    }

    /// A step that writes a file of some size, of random bytes or of zeros.
    fn write(&mut self, to: &str) -> String {
        let bytes = 20_000 + self.random.next() % 300_000;
        let from = if self.random.percent(70) {
            "urandom"
        } else {
            "zero"
        };
        format!("dd if=/dev/{from} of=/{to} bs={bytes} count=1")
    }

    fn dockerfile(&mut self, base: &str, steps: &[&str]) -> String {
        let mut text = format!("FROM {base}\nENV scene={}\n", self.name);
        for step in steps {
            match *step {
                "COPY" => text.push_str("COPY note /note\n"),
                "WORKDIR" => text.push_str("WORKDIR /work\n"),
                "LABEL" => text.push_str("LABEL some=thing\nCMD [\"sh\"]\n"),
                file => {
                    let write = self.write(file);
                    writeln!(text, "RUN {write}").expect("a string takes all");
                }
            }
        }
        text
    }

    fn imports(&mut self) {
        let seed = self.random.next();
        self.scene
            .import(&self.named("lib"), |root| files(root, seed, 3));
        let seed = self.random.next();
        self.scene
            .import(&self.named("alone"), |root| files(root, seed, 2));
    }

    /// BuildKit: a chain of images, a sibling that shares a step, several stages, twins, a second tag.
    fn kit(&mut self) {
        let kit = |fleet: &Self, what: &str, file: &str, options: &[&str]| {
            let name = fleet.named(what);
            fleet
                .scene
                .build_with(Builder::BuildKit, &name, file, options);
        };
        let first = self.dockerfile("base:1", &["one", "LABEL"]);
        let upper = self.dockerfile(&self.named("app"), &["three", "WORKDIR"]);
        let more = self.write("two");
        kit(self, "app", &format!("{first}RUN {more}\n"), &[]);
        let more = self.write("other");
        kit(
            self,
            "sibling",
            &format!("{first}COPY note /note\nRUN {more}\n"),
            &[],
        );
        kit(self, "upper", &upper, &[]);
        let (made, kept) = (self.write("made"), self.write("kept"));
        let (lib, from) = (
            self.named("lib"),
            "COPY --from=tools /made /made\nCOPY note /note",
        );
        let stages = format!("FROM base:1 AS tools\nRUN {made}\nRUN {kept}\nFROM {lib}\n{from}\n");
        kit(self, "stages", &stages, &[]);
        let twin = self.dockerfile("base:1", &["twin"]);
        kit(self, "twin", &twin, &[]);
        kit(self, "twin-again", &twin, &["--no-cache"]);
        let (app, second) = (self.named("app"), self.named("second-name"));
        self.scene.tag(&app, &second);
    }

    /// The classic builder, with intermediate images, and a commit.
    fn classic(&mut self) {
        let file = self.dockerfile("base:1", &["old", "LABEL", "older", "COPY"]);
        self.scene
            .build(Builder::Classic, &self.named("old"), &file);
        let file = self.dockerfile(&self.named("old"), &["newer"]);
        self.scene
            .build(Builder::Classic, &self.named("newer"), &file);
        let container = format!("committed-{}", self.name);
        self.scene
            .stopped(&container, 33_000, &[], &self.named("app"));
        self.engine
            .docker(&["commit", &container, &self.named("commit")]);
    }

    /// What makes layers that look alike, are empty, or are none.
    fn odd_builds(&mut self) {
        let (kit, old) = (Builder::BuildKit, Builder::Classic);
        let build = |fleet: &Self, builder, what: &str, file: &str, options: &[&str]| {
            let name = fleet.named(what);
            fleet.scene.build_with(builder, &name, file, options);
        };
        // The same content twice is one layer, which two records keep.
        let copy = format!("FROM {}\nCOPY note /note\n", self.named("lib"));
        build(self, kit, "copy", &copy, &[]);
        build(self, kit, "copy-again", &copy, &["--no-cache"]);
        // The same content on another base is another layer.
        let elsewhere = format!("FROM {}\nCOPY note /note\n", self.named("alone"));
        build(self, kit, "copy-elsewhere", &elsewhere, &[]);
        for (builder, what) in [(kit, "kit"), (old, "classic")] {
            let label = format!("FROM {}\nLABEL of={what}\n", self.named("app"));
            build(self, builder, &format!("label-{what}"), &label, &[]);
            let scratch = format!("FROM scratch\nCOPY note /{what}\nLABEL of={}\n", self.name);
            build(self, builder, &format!("scratch-{what}"), &scratch, &[]);
            let empty = "FROM base:1\nRUN true\nWORKDIR /\nRUN true\nONBUILD RUN mkdir /later\n";
            let empty = format!("{empty}LABEL of={what}-{}\n", self.name);
            build(self, builder, &format!("empty-{what}"), &empty, &[]);
            let later = self.write("later/file");
            let on = format!(
                "FROM {}\nRUN {later}\n",
                self.named(&format!("empty-{what}"))
            );
            build(self, builder, &format!("on-{what}"), &on, &[]);
        }
        // Links have no bytes in the archive of a layer, and some on the disk.
        for (builder, what) in [(kit, "kit"), (old, "classic")] {
            let far = format!("/a/long/way/to/{}", self.name);
            let made = format!("mkdir /way && ln -s {far} /way/link && ln -s {far} /link");
            let links = format!("FROM base:1\nRUN {made}\n");
            build(self, builder, &format!("links-{what}"), &links, &[]);
        }
        let label = self.named("label-kit");
        self.scene.tag(&label, &self.named("label-second"));
    }

    /// A context and a cache mount that grow after the engine was first asked for their size.
    pub fn grown(scene: &'a Scene<'a>, engine: &'a PrivateEngine, name: &str) {
        let context = scene.folder();
        for turn in 1..=2_usize {
            fs::write(context.join(format!("turn-{turn}")), vec![7; turn * 40_000])
                .expect("a file");
            let run = format!("dd if=/dev/zero of=/cache/{turn} bs={turn}0000 count=1");
            let file = format!(
                "FROM scratch AS none\nCOPY . /\nFROM base:1\nCOPY --from=none /turn-{turn} /turn\n\
                 RUN --mount=type=cache,id={name},target=/cache {run}\n"
            );
            let name = format!("grown-{name}:{turn}");
            scene.build_in(&context, Builder::BuildKit, &name, &file, &[]);
            engine.docker(&["system", "df"]);
        }
        fs::remove_dir_all(context).expect("the context goes");
    }

    fn volumes(&mut self) {
        for volume in ["spare", "data"] {
            let bytes = 5_000 + usize::try_from(self.random.next() % 90_000).unwrap_or(0);
            self.scene.volume(&format!("{volume}-{}", self.name), bytes);
        }
        let (odd, empty) = (format!("odd-{}", self.name), format!("empty-{}", self.name));
        self.scene.volume(&empty, 0);
        self.scene.volume(&odd, 4_321);
        let format = "{{.Mountpoint}}";
        let inspect = ["volume", "inspect", "--format", format, &odd];
        let at = std::path::PathBuf::from(self.engine.docker(&inspect));
        fs::hard_link(at.join("data"), at.join("again")).expect("a link");
        let sparse = fs::File::create(at.join("sparse")).expect("a file");
        sparse.set_len(70_000).expect("a hole");
    }

    fn containers(&mut self) {
        for image in ["app", "upper", "newer", "stages", "alone"] {
            let name = format!("of-{image}-{}", self.name);
            if image == "alone" {
                // Nothing in it can run, but a container can be made of it.
                let image = self.named(image);
                self.engine.docker(&[
                    "create",
                    "--network",
                    "none",
                    "--name",
                    &name,
                    &image,
                    "none",
                ]);
                continue;
            }
            let volume = format!("data-{}:/data", self.name);
            let options: &[&str] = if image == "upper" {
                &["--volume", &volume, "--volume", "/anonymous"]
            } else {
                &[]
            };
            let bytes = 1_000 + u32::try_from(self.random.next() % 60_000).unwrap_or(0);
            if image == "stages" {
                continue;
            }
            self.scene
                .stopped(&name, bytes, options, &self.named(image));
        }
        if self.random.percent(50) {
            self.scene.running(
                &format!("running-{}", self.name),
                &[],
                &self.named("sibling"),
            );
        }
    }

    /// A tag that went to a newer build, below a container, and images that were removed by force.
    fn moved(&mut self) {
        for builder in [Builder::BuildKit, Builder::Classic] {
            let what = if builder == Builder::BuildKit {
                "moved-kit"
            } else {
                "moved-old"
            };
            let image = self.named(what);
            for turn in ["first", "second"] {
                let file = self.dockerfile("base:1", &["step", turn]);
                self.scene.build(builder, &image, &file);
                if turn == "first" && self.random.percent(60) {
                    let name = format!("of-{what}-{}", self.name);
                    self.scene.stopped(&name, 9_000, &[], &image);
                }
            }
        }
        for builder in [Builder::BuildKit, Builder::Classic] {
            let what = if builder == Builder::BuildKit {
                "forced-kit"
            } else {
                "forced-old"
            };
            let file = self.dockerfile("base:1", &["under", "top"]);
            let image = self.named(what);
            self.scene.build(builder, &image, &file);
            let name = format!("of-{what}-{}", self.name);
            self.scene.stopped(&name, 7_000, &[], &image);
            self.engine.docker(&["image", "rm", "--force", &image]);
        }
    }
}

/// Images that come from an archive, on a shared base, with no build cache left of them.
///
/// Each is saved by itself. Docker 25 and newer keep a reference to every layer that an archive of several images
/// has twice (`saveConfigAndLayer` in moby's `image/tarexport/save.go` returns without releasing it), so that the
/// layer stays when all images are gone, until the engine is started anew.
pub fn load(engine: &PrivateEngine, scene: &Scene<'_>, random: &mut Random, name: &str) {
    let mut fleet = Fleet {
        engine,
        scene,
        random,
        name: name.to_owned(),
    };
    let shared = fleet.dockerfile("base:1", &["shared"]);
    let base = fleet.named("loaded-base");
    scene.build(Builder::BuildKit, &base, &shared);
    let mut names = vec![base.clone()];
    for what in ["loaded-a", "loaded-b", "loaded-c"] {
        let file = fleet.dockerfile(&base, &["own", "COPY"]);
        let name = fleet.named(what);
        scene.build(Builder::BuildKit, &name, &file);
        names.push(name);
    }
    let archive = |at: usize| engine.folder().join(format!("fleet-{at}.tar"));
    for (at, name) in names.iter().enumerate() {
        engine.docker(&["save", "--output", &archive(at).to_string_lossy(), name]);
    }
    let mut remove = vec!["image", "rm"];
    remove.extend(names.iter().map(String::as_str));
    engine.docker(&remove);
    engine.docker(&["builder", "prune", "--all", "--force"]);
    for at in 0..names.len() {
        engine.docker(&["load", "--input", &archive(at).to_string_lossy()]);
        fs::remove_file(archive(at)).expect("the archive goes");
    }
}

/// An image that another was built on a moment ago, both removed since: the build cache has no use for what it was
/// unpacked to, but a lease of the build keeps it for some minutes.
pub fn leave(engine: &PrivateEngine, scene: &Scene<'_>) {
    let under = "FROM base:1\nRUN dd if=/dev/urandom of=/under bs=1M count=4\n";
    scene.build(Builder::BuildKit, "under:1", under);
    scene.build(Builder::BuildKit, "on:1", "FROM under:1\nCOPY note /note\n");
    engine.docker(&["image", "rm", "under:1", "on:1"]);
}

/// Copies that are linked: what each has is unpacked by itself, and once more on a base, as hard links to the same
/// files.
pub fn link(engine: &PrivateEngine, scene: &Scene<'_>) {
    scene.import("files:1", |root| {
        let mut random = Random::new(9);
        for (name, pages) in [("early", 700), ("later", 900)] {
            let bytes = (0..pages * 4_096).map(|_| random.next().to_le_bytes()[0]);
            fs::write(root.join(name), bytes.collect::<Vec<u8>>()).expect("a file");
        }
    });
    let copy = |what: &str| format!("COPY --link --from=files:1 {what} /{what}\n");
    let (early, later) = (copy("early"), copy("later"));
    let file = format!("FROM base:1\n{early}RUN true\n{later}RUN true\n");
    scene.build(Builder::BuildKit, "linked:1", &file);
    engine.docker(&["image", "rm", "files:1"]);
}

/// An image that another namespace of the same containerd has, too, as Kubernetes or nerdctl would.
pub fn share(engine: &PrivateEngine, scene: &Scene<'_>, ctr: &Path) {
    scene.import("shared:1", |root| files(root, 77, 30));
    let archive = engine.folder().join("shared.tar");
    let ctr = |namespace: &str, args: &[&str]| {
        let mut command = Command::new(ctr);
        command
            .arg("--address")
            .arg(engine.folder().join("containerd.sock"));
        run(command
            .args(["--namespace", namespace, "images"])
            .args(args));
    };
    let file = archive.to_string_lossy();
    ctr("moby", &["export", &file, "docker.io/library/shared:1"]);
    ctr("elsewhere", &["import", "--no-unpack", &file]);
    fs::remove_file(&archive).expect("the archive goes");
}

/// Some files of random bytes, one of them under two names.
fn files(root: &Path, seed: u64, count: u64) {
    let mut random = Random::new(seed);
    for number in 0..count {
        let bytes: Vec<u8> = (0..10_000 + random.next() % 100_000)
            .map(|_| random.next().to_le_bytes()[0])
            .collect();
        fs::write(root.join(format!("file-{number}")), bytes).expect("a file");
    }
    fs::hard_link(root.join("file-0"), root.join("linked")).expect("a link");
}
