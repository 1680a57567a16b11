//! The disks of an engine's host, asked over the login there.
//!
//! A folder of that name may exist where the login leads and be another engine's: a virtual machine or a
//! container in between has folders of its own. So the host must be the one that the engine says it runs on.

use std::io;
use std::path::Path;

use rustix::system::uname;

use serde_json::Value;

use super::disks::{Capacity, LAYERS, LookOrder, places, settled};
use super::mount_table::MountTable;
use super::proof::CONTAINERD;
use super::written::of_statistics;
use crate::domain::bytes::Bytes;
use crate::domain::disk::{Disk, DiskList, Places};
use crate::domain::inventory::{EngineInfo, Store};
use crate::domain::text::Text;
use crate::engine::transport::ssh::{Login, quoted};

/// No folder of an engine's has a longer name.
const LONGEST: usize = 512;

/// What the engine says of the machine that it runs on (`/info`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Home {
    name: String,
    kernel: String,
    memory: u64,
    /// Where its containerd listens, since API 1.46.
    containerd: Option<String>,
}

impl Home {
    #[must_use]
    pub fn of(info: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self {
            name: text(&info["Name"]),
            kernel: text(&info["KernelVersion"]),
            memory: info["MemTotal"].as_u64().unwrap_or_default(),
            containerd: info["Containerd"]["Address"].as_str().map(str::to_owned),
        }
    }

    /// Returns what the engine says of its machine that this machine is not; nothing if it is this one.
    pub(super) fn differs_here(&self) -> Option<&'static str> {
        let system = uname();
        let release = system.release().to_string_lossy();
        let is_kernel = self.kernel == release || self.kernel == as_engines_write(&release);
        if self.name.is_empty() || self.name.as_bytes() != system.nodename().to_bytes() {
            Some("Name")
        } else if !is_kernel {
            Some("KernelVersion")
        } else if self.memory == 0 || memory_here() != Some(self.memory) {
            Some("MemTotal")
        } else {
            None
        }
    }

    /// Returns true where the engine says which containerd it uses.
    pub(super) fn names_containerd(&self) -> bool {
        self.containerd.is_some()
    }

    /// Returns true where the host is this machine by its own words.
    fn is(&self, name: Option<&str>, kernel: Option<&str>) -> bool {
        let same = |said: &str, found: Option<&str>| said.is_empty() || found == Some(said);
        !self.name.is_empty() && same(&self.name, name) && same(&self.kernel, kernel)
    }

    /// Returns the folders that may hold the engine's data, and what of it.
    pub(super) fn folders(&self, engine: &EngineInfo) -> Vec<(String, Places)> {
        let root = engine.root.trim_end_matches('/');
        // It goes into a shell's script: nothing but an absolute path without control characters does, and none
        // so long that the script would not be written at one stroke.
        let is_path = root.starts_with('/') && root.len() <= LONGEST;
        if !is_path || root.chars().any(char::is_control) {
            return Vec::new();
        }
        let mut folders = vec![(root.to_owned(), Places::default())];
        for (name, holds) in places(engine) {
            let is_name = !name.is_empty() && name.len() <= LONGEST;
            if is_name && name.split('/').all(is_plain) {
                folders.push((format!("{root}/{name}"), holds));
            }
        }
        if engine.store == Store::Containerd && self.containerd.as_deref().is_none_or(is_systems) {
            folders.push((CONTAINERD.to_owned(), LAYERS));
        }
        folders
    }
}

/// Returns what `/proc/meminfo` says, as it does to an engine here.
fn memory_here() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

/// Returns a kernel's release as Docker writes it, which takes it apart: `3.8-19` is `3.8.0-19` there.
fn as_engines_write(release: &str) -> String {
    let end = |text: &str| {
        text.find(|letter: char| !letter.is_ascii_digit())
            .unwrap_or(text.len())
    };
    let (mut numbers, mut rest) = ([0_u64; 3], release);
    for (index, number) in numbers.iter_mut().enumerate() {
        let begin = match index {
            0 => Some(rest),
            _ => rest.strip_prefix('.'),
        };
        let Some(digits) = begin.filter(|text| end(text) > 0) else {
            break;
        };
        let (own, after) = digits.split_at(end(digits));
        *number = own.parse().unwrap_or_default();
        rest = after;
    }
    let [kernel, major, minor] = numbers;
    format!("{kernel}.{major}.{minor}{rest}")
}

/// A storage driver's name comes from the engine.
fn is_plain(name: &str) -> bool {
    let letters = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    !name.is_empty() && name.chars().all(letters)
}

/// The system's own containerd keeps its data in the usual place.
fn is_systems(address: &str) -> bool {
    matches!(
        address,
        "/run/containerd/containerd.sock" | "/var/run/containerd/containerd.sock"
    )
}

/// Asks the host for the filesystems that hold the engine's data, each once; none where it is not the
/// engine's host, or does not say. Nothing is written there.
///
/// # Errors
/// The login has broken off.
pub async fn disks(
    login: &Login,
    home: &Home,
    engine: &EngineInfo,
    order: LookOrder,
) -> io::Result<DiskList> {
    let folders = home.folders(engine);
    if folders.is_empty() {
        return Ok(DiskList::default());
    }
    let found = read(&login.ask(&script(&folders, order)).await?, home, &folders);
    Ok(DiskList {
        disks: settled(found.disks, engine),
        ..found
    })
}

/// `-P` keeps a filesystem on one line, and `-k` the unit at 1024 bytes, in busybox too.
///
/// `sync -f` is of coreutils 8.24 and of busybox; where it is missing nothing is synchronised, as a plain `sync` waits
/// for every filesystem of the host.
fn script(folders: &[(String, Places)], order: LookOrder) -> String {
    let sync = match order {
        LookOrder::AsTheyAre => "",
        LookOrder::Synced => "timeout 10 sync -f \"$p\" >/dev/null 2>&1 </dev/null || s=no\n",
    };
    // A mapped device is known by the name that its link leads to.
    let written = match order {
        LookOrder::AsTheyAre => ":",
        LookOrder::Synced => {
            "d=$(readlink -f \"$(df -Pk \"$p\" 2>/dev/null </dev/null | tail -n 1 | cut -d ' ' -f 1)\" 2>/dev/null)\n\
             echo written $(cat \"/sys/class/block/${d##*/}/stat\" 2>/dev/null </dev/null)"
        }
    };
    let each = folders.iter().enumerate().map(|(index, (folder, _))| {
        // Where the engine does not say which containerd it uses, it is the system's if that runs.
        let condition = if folder == CONTAINERD {
            "[ -S /run/containerd/containerd.sock ] && "
        } else {
            ""
        };
        format!(
            "p={}; {condition}[ -d \"$p\" ] && {{ echo folder {index}\n{sync}\
             echo device $(stat -c %d \"$p\" 2>/dev/null)\n\
             echo sort $(stat -f -c %t \"$p\" 2>/dev/null)\n\
             echo blocks \"$(df -Pk \"$p\" 2>/dev/null </dev/null | tail -n 1)\"\n\
             echo inodes \"$(df -Pi \"$p\" 2>/dev/null </dev/null | tail -n 1)\"\n{written}; }}\n",
            quoted(folder)
        )
    });
    // Containers' own mounts are many, and nobody's disk.
    let machine = "export LC_ALL=C; echo name $(uname -n); echo kernel $(uname -r)\n\
        grep -v -e '/merged ' -e '/shm ' /proc/self/mountinfo 2>/dev/null | head -n 200 | sed 's/^/mount /'\n";
    let end = match order {
        LookOrder::AsTheyAre => "",
        LookOrder::Synced => "echo synced $s\n",
    };
    let first = format!("s=yes; {machine}");
    let parts = std::iter::once(first).chain(each);
    parts.chain(std::iter::once(end.to_owned())).collect()
}

fn read(lines: &[String], home: &Home, folders: &[(String, Places)]) -> DiskList {
    let (mut name, mut kernel) = (None, None);
    let mounts = lines
        .iter()
        .filter_map(|line| Some(line.strip_prefix("mount ")?.as_bytes()));
    let mounts = MountTable::read(mounts);
    let mut found: Vec<FoundFolder<'_>> = Vec::new();
    for line in lines {
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        match (key, found.last_mut()) {
            ("name", None) => name = Some(value),
            ("kernel", None) => kernel = Some(value),
            ("folder", _) => {
                let folder = value
                    .parse()
                    .ok()
                    .and_then(|index: usize| folders.get(index));
                found.extend(folder.map(|(path, holds)| FoundFolder::new(path, *holds)));
            }
            ("device", Some(disk)) => disk.device = value,
            ("sort", Some(disk)) => disk.sort = value,
            ("blocks", Some(disk)) => disk.blocks = value,
            ("inodes", Some(disk)) => disk.inodes = value,
            ("written", Some(disk)) => disk.written = of_statistics(value),
            _ => {}
        }
    }
    if !home.is(name, kernel) {
        return DiskList {
            proof: Some("nor can its disk be asked: the host behind ssh is not the one that the engine names".into()),
            ..DiskList::default()
        };
    }
    let mut disks: Vec<(String, Disk)> = Vec::new();
    let mut written = Some(Bytes::ZERO);
    for found in &found {
        let key = found.key();
        if let Some((_, disk)) = disks.iter_mut().find(|(known, _)| *known == key) {
            disk.holds = disk.holds.and(found.holds);
        } else if let Some(disk) = found.disk() {
            disks.push((key, disk));
            written = written.zip(found.written).map(|(all, own)| all + own);
        }
    }
    DiskList {
        written,
        disks: disks.into_iter().map(|(_, disk)| disk).collect(),
        closed: closed(&mounts, folders, &found),
        proof: None,
        synced: lines.iter().any(|line| line == "synced yes"),
    }
}

/// Returns the folders that lie on another filesystem than the root and that this login may not ask: only what is
/// mounted shows them.
fn closed(
    mounts: &MountTable,
    folders: &[(String, Places)],
    found: &[FoundFolder<'_>],
) -> Vec<Text> {
    let holding = |path: &str| mounts.holding(Path::new(path));
    let Some(root) = folders.first().and_then(|(root, _)| holding(root)) else {
        return Vec::new();
    };
    let is_closed = |path: &&str| {
        let is_elsewhere = holding(path).is_some_and(|mount| !mount.shares_disk(root));
        is_elsewhere && *path != CONTAINERD && found.iter().all(|found| found.path != *path)
    };
    let paths = folders.iter().map(|(path, _)| path.as_str());
    paths.filter(is_closed).map(Text::from).collect()
}

/// What was said of a folder.
struct FoundFolder<'a> {
    path: &'a str,
    holds: Places,
    device: &'a str,
    /// The filesystem's magic number, as `stat -f` writes it.
    sort: &'a str,
    blocks: &'a str,
    inodes: &'a str,
    /// How much was written to its device, where it is on one.
    written: Option<Bytes>,
}

impl<'a> FoundFolder<'a> {
    fn new(path: &'a str, holds: Places) -> Self {
        let (device, sort, blocks, inodes) = ("", "", "", "");
        Self {
            path,
            holds,
            device,
            sort,
            blocks,
            inodes,
            written: None,
        }
    }

    /// Returns what tells filesystems apart: the device's number, else the line of the filesystem itself.
    fn key(&self) -> String {
        if self.device.is_empty() {
            self.blocks.to_owned()
        } else {
            self.device.to_owned()
        }
    }

    fn disk(&self) -> Option<Disk> {
        let [blocks, taken, free] = columns(self.blocks)?;
        // Some filesystems count none.
        let [inodes_total, _, inodes_free] = columns(self.inodes).unwrap_or_default();
        let bytes = |blocks: u64| Bytes(blocks.saturating_mul(1024));
        let seen = Capacity {
            total: bytes(blocks),
            unused: bytes(blocks) - bytes(taken),
            free: bytes(free),
            is_ext: self.sort == "ef53",
        };
        Some(Disk {
            path: self.path.into(),
            inodes_total,
            inodes_free,
            holds: self.holds,
            ..seen.disk()
        })
    }
}

/// Total, used and available of a line of `df -P`: three numbers before a percentage. The filesystem's name and
/// the mount's may hold blanks.
fn columns(line: &str) -> Option<[u64; 3]> {
    let words: Vec<&str> = line.split_whitespace().collect();
    words.windows(4).find_map(|four| {
        let is_share = four[3] == "-" || four[3].ends_with('%');
        let [total, used, free] = [0, 1, 2].map(|at| four[at].parse().ok());
        is_share.then_some([total?, used?, free?])
    })
}

#[cfg(test)]
mod tests;
