//! A registry on loopback that wants a password, in a folder of its own.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

use super::daemon::Daemon;
use super::program::{Missing, on_path};

pub const USER: &str = "ann";
pub const PASSWORD: &str = "secret";
/// The password above as bcrypt has it.
const HASH: &str = "$2b$04$sRQtdrWXlsDzlVixhnk0ceGvyB.qqAi7eNOfTTmgn0gMMyLZQvSsK";

pub struct Registry {
    daemon: Daemon,
    /// `127.0.0.1:40123`
    pub address: String,
}

impl Registry {
    /// Debian's `docker-registry`, with its data in this folder.
    pub fn start(folder: &Path) -> Result<Self, Missing> {
        let program = on_path("docker-registry");
        let program = program.ok_or_else(|| Missing("no docker-registry on PATH".into()))?;
        // Somebody else may take the port before it does; then it does not answer, and the test says so.
        let free = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
        let address = free.expect("a free port").to_string();
        let data = folder.join("registry");
        fs::create_dir_all(&data).expect("a folder");
        fs::write(data.join("users"), format!("{USER}:{HASH}\n")).expect("users");
        let settings = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {0}/data\n\
             http:\n  addr: {address}\nauth:\n  htpasswd:\n    realm: test\n    path: {0}/users\n",
            data.display()
        );
        fs::write(data.join("config.yml"), settings).expect("settings");
        let mut command = Command::new(program);
        command.arg("serve").arg(data.join("config.yml"));
        let daemon = Daemon::start(command, &data, || TcpStream::connect(&address).is_ok())?;
        Ok(Self { daemon, address })
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.daemon.stop();
    }
}
