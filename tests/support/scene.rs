//! Scenes on a private engine, built as people build them: import, build, run, stop.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::engine::{PrivateEngine, run};

/// Which builder makes an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builder {
    Classic,
    BuildKit,
}

/// Escape sequences (colour, title, cursor, clear), a bell, a bidi override, a newline and a tab.
pub const EVIL: &str =
    "\u{1b}[31m\u{1b}]0;owned\u{7}\u{1b}[2J\u{1b}[5;5H\u{202e}evil\u{2066}\n\tend";
/// Each of these takes two columns.
pub const WIDE: &str = "漢字コンテナ";

/// An engine with the image `base:1`: a busybox, and a shell at its usual place.
pub struct Scene<'a> {
    engine: &'a PrivateEngine,
}

impl<'a> Scene<'a> {
    pub fn on(engine: &'a PrivateEngine) -> Self {
        let scene = Self { engine };
        scene.import("base:1", |root| {
            fs::create_dir(root.join("bin")).expect("a folder");
            fs::copy(engine.busybox(), root.join("bin/busybox")).expect("busybox");
            for applet in ["sh", "dd", "sleep", "mkdir", "true"] {
                std::os::unix::fs::symlink("busybox", root.join("bin").join(applet))
                    .expect("a link");
            }
        });
        scene
    }

    /// An image of one layer, which came from no registry and no builder.
    pub fn import(&self, name: &str, fill: impl FnOnce(&Path)) -> String {
        let root = self.folder();
        fill(&root);
        let tar = root.with_extension("tar");
        run(Command::new("tar")
            .arg("-C")
            .arg(&root)
            .arg("-cf")
            .arg(&tar)
            .arg("."));
        self.engine
            .docker(&["import".as_ref(), tar.as_os_str(), name.as_ref()]);
        fs::remove_dir_all(&root).expect("the folder goes");
        fs::remove_file(tar).expect("the archive goes");
        self.image_id(name)
    }

    /// The name as the engine writes it: Podman says where an image without a registry is from.
    pub fn name(&self, name: &str) -> String {
        if self.engine.is_podman() {
            format!("docker.io/library/{name}")
        } else {
            name.to_owned()
        }
    }

    /// Builds an image and returns its ID. Podman has but one builder, whichever is asked for. The context holds a file `note` of ten bytes.
    pub fn build(&self, builder: Builder, name: &str, dockerfile: &str) -> String {
        self.build_with(builder, name, dockerfile, &[])
    }

    /// The same, with more options for `docker build`.
    pub fn build_with(
        &self,
        builder: Builder,
        name: &str,
        dockerfile: &str,
        options: &[&str],
    ) -> String {
        let context = self.folder();
        fs::write(context.join("note"), "ten bytes\n").expect("a note");
        let id = self.build_in(&context, builder, name, dockerfile, options);
        fs::remove_dir_all(context).expect("the context goes");
        id
    }

    /// The same, of a context that is there already.
    pub fn build_in(
        &self,
        context: &Path,
        builder: Builder,
        name: &str,
        dockerfile: &str,
        options: &[&str],
    ) -> String {
        fs::write(context.join("Dockerfile"), dockerfile).expect("a Dockerfile");
        let mut command = self.engine.client();
        command
            .env(
                "DOCKER_BUILDKIT",
                if builder == Builder::BuildKit && !self.engine.is_podman() {
                    "1"
                } else {
                    "0"
                },
            )
            .args(["build", "--network", "none", "--tag", name])
            .args(options)
            .arg(context);
        run(&mut command);
        self.image_id(name)
    }

    /// An image that lost its name to a newer build; returns its ID.
    pub fn dangling(&self, builder: Builder, name: &str) -> String {
        let build = |bytes| {
            let run = format!("FROM base:1\nRUN dd if=/dev/zero of=/{bytes} bs={bytes} count=1\n");
            self.build(builder, name, &run)
        };
        let old = build(40_000);
        assert_ne!(old, build(41_000), "the second build took the name");
        old
    }

    pub fn tag(&self, from: &str, to: &str) {
        self.engine.docker(&["tag", from, to]);
    }

    pub fn image_id(&self, name: &str) -> String {
        self.id_at(&format!("/images/{name}/json"))
    }

    /// A request costs a small part of what starting the engine's client does.
    fn id_at(&self, path: &str) -> String {
        let id = self.engine.get(path)["Id"].as_str().map(str::to_owned);
        id.unwrap_or_else(|| panic!("no ID at {path}"))
    }

    /// A container that ran and ended, with `bytes` written to its own layer; returns its ID.
    pub fn stopped(&self, name: &str, bytes: u32, options: &[&str], image: &str) -> String {
        let write = format!("dd if=/dev/zero of=/written bs={bytes} count=1");
        self.run(name, options, image, &write);
        self.id_at(&format!("/containers/{name}/json"))
    }

    /// A container that runs until somebody stops it; it ends at once when told. Returns its ID.
    pub fn running(&self, name: &str, options: &[&str], image: &str) -> String {
        let wait = "trap 'exit 0' TERM; while true; do sleep 1; done";
        self.run(name, &[&["--detach"], options].concat(), image, wait);
        self.id_at(&format!("/containers/{name}/json"))
    }

    pub fn paused(&self, name: &str, image: &str) -> String {
        let id = self.running(name, &[], image);
        self.engine.docker(&["pause", name]);
        id
    }

    /// A running `--rm` container with an anonymous volume that holds data; returns that volume's name.
    pub fn vanishing(&self, name: &str, image: &str) -> String {
        self.running(name, &["--rm", "--volume", "/data"], image);
        let volume = self.volume_of(name);
        self.fill(&volume, 5_000);
        volume
    }

    /// The name of a container's one volume.
    pub fn volume_of(&self, container: &str) -> String {
        let format = "{{range .Mounts}}{{.Name}}{{end}}";
        self.engine
            .docker(&["inspect", "--format", format, container])
    }

    /// A named volume with this many bytes.
    pub fn volume(&self, name: &str, bytes: usize) {
        self.engine.docker(&["volume", "create", name]);
        self.fill(name, bytes);
    }

    /// Writes to a volume as its containers would.
    pub fn fill(&self, volume: &str, bytes: usize) {
        let format = "{{.Mountpoint}}";
        let at = self
            .engine
            .docker(&["volume", "inspect", "--format", format, volume]);
        assert!(
            Path::new(&at).starts_with(self.engine.folder()),
            "not private: {at}"
        );
        if bytes > 0 {
            fs::write(Path::new(&at).join("data"), vec![0; bytes]).expect("data");
        }
    }

    /// Runs a container to its end, or until it runs with `--detach`.
    pub fn run(&self, name: &str, options: &[&str], image: &str, command: &str) {
        let command = [image, "sh", "-c", command];
        let fixed = ["--network", "none", "--name", name];
        if !self.engine.is_podman() {
            let run = [&["run"], &fixed[..], options, &command].concat();
            self.engine.docker(&run);
            return;
        }
        // Podman lets nobody attach to what does not run yet, as `docker run` does.
        let (detach, options): (Vec<&str>, Vec<&str>) =
            options.iter().partition(|option| **option == "--detach");
        let create = [&["create"], &fixed[..], &options, &command].concat();
        self.engine.docker(&create);
        self.engine.docker(&["start", name]);
        if detach.is_empty() {
            self.engine.docker(&["wait", name]);
        }
    }

    /// A folder of the engine that nobody else has.
    pub fn folder(&self) -> PathBuf {
        tempfile::tempdir_in(self.engine.folder())
            .expect("a folder")
            .keep()
    }
}
