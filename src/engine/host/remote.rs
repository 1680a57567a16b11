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
mod tests {
    use std::process::Command;

    use super::*;

    fn home() -> Home {
        Home {
            name: "web-3".into(),
            kernel: "6.1.0".into(),
            memory: 0,
            containerd: None,
        }
    }

    fn engine(root: &str, store: Store) -> EngineInfo {
        EngineInfo {
            root: root.into(),
            store,
            ..EngineInfo::default()
        }
    }

    fn answer(text: &str) -> Vec<Disk> {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let folders = home().folders(&engine("/d", Store::Containerd));
        read(&lines, &home(), &folders).disks
    }

    #[test]
    fn each_filesystem_is_told_once() {
        let disks = answer(
            "name web-3\nkernel 6.1.0\n\
             folder 0\ndevice 64769\nblocks /dev/my disk 1000 700 200 78% /mnt/my disk\n\
             inodes /dev/my disk 50 20 30 40% /mnt/my disk\n\
             folder 1\ndevice 64769\nblocks /dev/my disk 1000 700 200 78% /mnt/my disk\ninodes \n\
             folder 4\ndevice 64770\nblocks pool/x 9000 0 9000 0% /var/lib/containerd\n\
             inodes pool/x 0 0 0 - /var/lib/containerd",
        );
        let disk = |path: &str, total, free, inodes_total, inodes_free| Disk {
            path: path.into(),
            total: Bytes(total),
            free: Bytes(free),
            inodes_total,
            inodes_free,
            holds: LAYERS,
            ..Disk::default()
        };
        assert_eq!(
            disks,
            [
                disk("/d", 1_024_000, 204_800, 50, 30),
                disk(CONTAINERD, 9_216_000, 9_216_000, 0, 0),
            ]
        );
    }

    #[test]
    fn what_was_written_is_known_of_all_or_none() {
        let written = |own: &str, other: &str| {
            let lines = format!(
                "name web-3\nkernel 6.1.0\nfolder 0\ndevice 1\nblocks /dev/a 10 5 5 50% /\nwritten {own}\n\
                 folder 1\ndevice 1\nblocks /dev/a 10 5 5 50% /\nwritten {own}\n\
                 folder 4\ndevice 2\nblocks /dev/b 10 5 5 50% /b\nwritten {other}\nsynced yes"
            );
            let lines: Vec<String> = lines.lines().map(str::to_owned).collect();
            let folders = home().folders(&engine("/d", Store::Containerd));
            read(&lines, &home(), &folders).written
        };
        let statistics = |sectors: u64| format!("9 0 99 9 9 0 {sectors} 9 0 9 9");
        let (own, other) = (statistics(10), statistics(7));
        assert_eq!(written(&own, &other), Some(Bytes(17 * 512)));
        assert_eq!(written(&own, ""), None);
        assert_eq!(written("9 0 99", &other), None);
    }

    #[test]
    fn without_numbers_of_devices_the_lines_tell_filesystems_apart() {
        let one = "device \nblocks /dev/a 10 5 5 50% /\ninodes /dev/a 10 5 5 50% /\n";
        let other = "device \nblocks /dev/b 10 5 5 50% /b\ninodes \n";
        let disks = answer(&format!(
            "name web-3\nkernel 6.1.0\nfolder 0\n{one}folder 1\n{one}folder 4\n{other}"
        ));
        let paths: Vec<&str> = disks.iter().map(|disk| &*disk.path).collect();
        assert_eq!(paths, ["/d", CONTAINERD]);
    }

    #[test]
    fn another_machines_disks_are_not_the_engines() {
        let rest = "folder 0\ndevice 1\nblocks a 10 5 5 50% /\ninodes a 10 5 5 50% /";
        assert_eq!(answer(&format!("name mac\nkernel 6.1.0\n{rest}")), []);
        assert_eq!(answer(&format!("name web-3\nkernel 5.0\n{rest}")), []);
        assert_eq!(answer(rest), []);
        assert_eq!(
            answer(&format!("name web-3\nkernel 6.1.0\n{rest}")).len(),
            1
        );
        assert!(!Home::default().is(Some(""), Some("")));
    }

    #[test]
    fn what_is_no_answer_is_no_disk() {
        for line in [
            "blocks df: /d: No such file or directory",
            "blocks a b c d",
            "blocks ",
            "blocks a 99999999999999999999 1 1 1% /",
            "blocks a 1 2 3 /",
        ] {
            let text = format!("name web-3\nkernel 6.1.0\nfolder 0\ndevice 1\n{line}\ninodes ");
            assert_eq!(answer(&text), [], "{line}");
        }
        assert_eq!(
            answer("name web-3\nkernel 6.1.0\nfolder 9\nblocks a 1 1 1 1% /"),
            []
        );
    }

    #[test]
    fn only_a_path_goes_into_the_script() {
        for root in ["", "relative", "-h", "/a\nrm -rf b", "$(id)"] {
            assert_eq!(
                home().folders(&engine(root, Store::GraphDriver)),
                [],
                "{root}"
            );
        }
        let paths = |home: &Home| {
            let folders = home.folders(&engine("/a/", Store::Containerd));
            folders
                .into_iter()
                .map(|(path, _)| path)
                .collect::<Vec<_>>()
        };
        let own = ["/a", "/a/containerd/daemon", "/a/volumes", "/a/containers"];
        assert_eq!(paths(&home()), [&own[..], &[CONTAINERD]].concat());
        let elsewhere = Home {
            containerd: Some("/tmp/x/containerd.sock".into()),
            ..home()
        };
        assert_eq!(paths(&elsewhere), own);
        let odd = EngineInfo {
            driver: "a; rm -rf b".into(),
            ..engine("/a", Store::GraphDriver)
        };
        assert_eq!(home().folders(&odd).len(), 3, "not the driver's");
    }

    /// Shells and tools as they are found here, at a folder with a name that is a command everywhere else.
    #[test]
    fn the_script_tells_what_the_system_tells() {
        let place = tempfile::tempdir().unwrap();
        let trap = place
            .path()
            .join("a'b $(touch pwned) `touch pwned`;touch pwned");
        std::fs::create_dir(&trap).unwrap();
        let folders = [trap.to_str().unwrap(), "/none"];
        let folders = folders.map(|path| (path.to_owned(), Places::ALL));
        let stat = rustix::fs::statvfs(&trap).unwrap();
        let system = Home {
            name: rustix::system::uname().nodename().to_str().unwrap().into(),
            kernel: rustix::system::uname().release().to_str().unwrap().into(),
            memory: 0,
            containerd: None,
        };
        for shell in [&["sh"][..], &["busybox", "sh"]] {
            let said = Command::new(shell[0])
                .args(&shell[1..])
                .args(["-c", &script(&folders, LookOrder::Synced)])
                .current_dir(place.path())
                .output();
            let Ok(said) = said else { continue };
            let text = String::from_utf8(said.stdout).unwrap();
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            let DiskList { disks, written, .. } = read(&lines, &system, &folders);
            assert_eq!(disks.len(), 1, "{text}");
            // Both know it where the filesystem lies on a device; others write meanwhile.
            if let (Some(then), Some(now)) = (written, super::super::written(&disks)) {
                assert!(then <= now && !then.is_zero(), "{then} {now} {text}");
            }
            assert_eq!(&*disks[0].path, folders[0].0);
            // Of ext it is told what it keeps for root.
            let is_ext =
                rustix::fs::statfs(&trap).unwrap().f_type == crate::engine::host::disks::EXT;
            assert_eq!(
                disks[0].kept.is_zero(),
                !is_ext || stat.f_bfree == stat.f_bavail,
                "{text}"
            );
            assert_eq!(
                disks[0].total.0,
                stat.f_blocks * stat.f_frsize / 1024 * 1024,
                "{text}"
            );
            assert_eq!(disks[0].inodes_total, stat.f_files, "{text}");
            assert!(!place.path().join("pwned").exists());
        }
    }
}
