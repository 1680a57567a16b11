//! The disks of an engine whose folder this user may not open, as a user of the docker group may not.
//!
//! Who may use the socket may know how full the disk is, and nothing more: the folder cannot be looked into, so that
//! it is the engine's is shown by less. Root listens at the socket, and the engine names this very machine. A socket
//! that is forwarded, or that of a virtual machine or a container, must not lend another disk.

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{statfs, statvfs};
use rustix::process::geteuid;
use tokio::net::UnixStream;

use super::disks::{EXT, LookOrder, disk_of, is_synced, settled};
use super::mount_table::{Mount, MountTable};
use super::proof::{CONTAINERD, ListedIds, NotLocal, prove};
use super::remote::Home;
use super::root::Root;
use super::written::written;
use crate::domain::disk::{Disk, DiskList, Places};
use crate::domain::inventory::EngineInfo;
use crate::domain::text::Text;
use crate::engine::port::blocking::run_blocking;

/// Programs that carry a socket from elsewhere, by their names in `/proc`.
const CARRIERS: [&str; 6] = ["ssh", "sshd", "sshd-session", "socat", "autossh", "ncat"];

/// Why the disks of an engine are not asked.
#[derive(Debug, thiserror::Error)]
enum NoPeer {
    #[error("who listens at its socket cannot be asked: {0}")]
    Unasked(io::Error),
    #[error("user {0} listens at its socket, not root")]
    NotRoot(u32),
    #[error("who listens at its socket is outside of this container")]
    Outside,
    #[error("{0} carries its socket from elsewhere")]
    Carried(String),
    #[error("it runs on another machine by its own words ({0})")]
    Elsewhere(&'static str),
    #[error("who listens at its socket sees another folder there")]
    OtherView,
}

/// Who listens at a socket, by the kernel's word (`SO_PEERCRED`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SocketPeer {
    user: u32,
    /// None where it cannot be seen from here: it is outside of this container.
    process: Option<i32>,
}

impl SocketPeer {
    /// Asks the kernel. Nothing is sent.
    async fn at(socket: &Path) -> io::Result<Self> {
        let peer = UnixStream::connect(socket).await?.peer_cred()?;
        Ok(Self {
            user: peer.uid(),
            process: peer.pid().filter(|process| *process > 0),
        })
    }
}

/// Asks the disks of an engine behind a socket here, where its folder does not let this user in. Nothing elsewhere.
pub async fn disks(socket: &Path, home: &Home, engine: &EngineInfo, order: LookOrder) -> DiskList {
    let info = engine.clone();
    if !run_blocking(move || is_shut(&info))
        .await
        .unwrap_or_default()
    {
        return DiskList::default();
    }
    let listener = SocketPeer::at(socket).await.map_err(NoPeer::Unasked);
    let (home, engine) = (home.clone(), engine.clone());
    let asked = run_blocking(move || {
        let mounts = MountTable::of_process("self").unwrap_or_default();
        match listener.and_then(|it| shown(it, &home, &mounts, &engine.root)) {
            Ok(()) => DiskList {
                proof: Some(SHOWN.into()),
                ..asked(&home, &engine, &mounts, order)
            },
            Err(why) => DiskList {
                proof: Some(format!("nor can its disk be asked: {why}").into()),
                ..DiskList::default()
            },
        }
    });
    asked.await.unwrap_or_default()
}

const SHOWN: &str = "its disk is asked all the same, as root listens at the socket and the engine names this machine";

/// Returns true where nothing but this user's rights keeps the engine's folder from proving whose it is.
fn is_shut(engine: &EngineInfo) -> bool {
    match prove(engine, &ListedIds::default()) {
        Err(NotLocal::Closed { .. }) => {
            let opened = Root::open(engine.root.clone());
            opened.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
        }
        // What would show it may not be read.
        Err(NotLocal::Unproven { .. }) => !geteuid().is_root(),
        Ok(_) | Err(_) => false,
    }
}

/// Shows that the engine behind a socket runs on this machine.
fn shown(listener: SocketPeer, home: &Home, mounts: &MountTable, root: &str) -> Result<(), NoPeer> {
    if listener.user != 0 {
        return Err(NoPeer::NotRoot(listener.user));
    }
    let process = listener.process.ok_or(NoPeer::Outside)?;
    // Hidden from this user on some machines. What the engine says of itself decides then.
    let name = std::fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
    if CARRIERS.contains(&name.trim()) {
        return Err(NoPeer::Carried(name.trim().to_owned()));
    }
    if let Some(fact) = home.differs_here() {
        return Err(NoPeer::Elsewhere(fact));
    }
    let theirs = MountTable::of_process(&process.to_string());
    if theirs.is_ok_and(|theirs| !theirs.agrees_on(mounts, &real(Path::new(root)))) {
        return Err(NoPeer::OtherView);
    }
    Ok(())
}

/// Asks each filesystem that holds the engine's data once, wherever it can be asked.
fn asked(home: &Home, engine: &EngineInfo, mounts: &MountTable, order: LookOrder) -> DiskList {
    let root = real(Path::new(&*engine.root));
    let mut found: Vec<(Option<&Mount>, Disk)> = Vec::new();
    let mut closed: Vec<(Text, Places)> = Vec::new();
    let mut synced = order == LookOrder::Synced;
    for (folder, holds) in folders(home, engine, mounts) {
        let below = folder.strip_prefix(&*engine.root).ok();
        let real = below.map_or_else(|| folder.clone(), |below| root.join(below));
        let mount = mounts.holding(&real);
        let is_same = |known: Option<&Mount>| match (known, mount) {
            (Some(known), Some(mount)) => known.shares_disk(mount),
            (known, mount) => known.is_none() && mount.is_none(),
        };
        if let Some((_, disk)) = found.iter_mut().find(|(known, _)| is_same(*known)) {
            disk.holds = disk.holds.and(holds);
            continue;
        }
        // The folder itself may lie where nobody else may go, and its filesystem elsewhere, too.
        let points = mount.into_iter().flat_map(|mount| mounts.points(mount));
        let mut points = std::iter::once(&*folder).chain(points);
        let disk = if synced {
            let points: Vec<&Path> = points.collect();
            synced = points.iter().any(|point| is_synced(point));
            points.into_iter().find_map(disk)
        } else {
            points.find_map(disk)
        };
        let path: Text = folder.to_string_lossy().into();
        match disk {
            Some(disk) => found.push((
                mount,
                Disk {
                    path,
                    holds,
                    ..disk
                },
            )),
            None => closed.push((path, holds)),
        }
    }
    let mut disks = settled(found.into_iter().map(|(_, disk)| disk).collect(), engine);
    for (_, holds) in &closed {
        // What was not found is not the root's where it is known to lie elsewhere.
        if let Some(root) = disks.first_mut() {
            root.holds = root.holds.without(*holds);
        }
    }
    DiskList {
        written: written(&disks),
        disks,
        closed: closed.into_iter().map(|(path, _)| path).collect(),
        proof: None,
        synced,
    }
}

/// Returns the folders that may each lie on a filesystem of their own, and what they hold: the root first. Whatever
/// is mounted right below it holds something, too.
fn folders(home: &Home, engine: &EngineInfo, mounts: &MountTable) -> Vec<(PathBuf, Places)> {
    let root = real(Path::new(&*engine.root));
    let mounted = mounts
        .right_below(&root)
        .map(|mount| (mount.point().to_owned(), Places::default()));
    let mut folders: Vec<(PathBuf, Places)> = Vec::new();
    let named = home.folders(engine).into_iter();
    let named = named.map(|(folder, holds)| (PathBuf::from(folder), holds));
    for (folder, holds) in named.chain(mounted) {
        let is_there = folder != Path::new(CONTAINERD) || has_containerd(home);
        if is_there && !folders.iter().any(|(known, _)| *known == folder) {
            folders.push((folder, holds));
        }
    }
    folders
}

/// Returns a path without links, as mounts are named: the root may be one.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// As over ssh: where the engine does not say which containerd it uses, it is the system's if that runs.
fn has_containerd(home: &Home) -> bool {
    home.names_containerd() || Path::new("/run/containerd/containerd.sock").exists()
}

/// Asks the filesystem at a point.
fn disk(point: &Path) -> Option<Disk> {
    let stat = statvfs(point).ok()?;
    let is_ext = statfs(point).is_ok_and(|stat| stat.f_type == EXT);
    Some(disk_of(&stat, is_ext))
}
