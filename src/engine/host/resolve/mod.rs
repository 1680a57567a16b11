//! Where paths really are on this machine: through links, and through a folder that is mounted at several places.

use std::collections::HashMap;
use std::fs;

use crate::domain::inventory::Inventory;
use crate::domain::paths::{Paths, ResolvedPaths, parent, plain, upwards};
use crate::domain::text::Text;

/// So many links may follow each other, as in Linux.
const MOST_LINKS: usize = 40;
/// Filesystems of which a look may never come back (by the beginning of their names in mountinfo).
const FAR: [&str; 12] = [
    "nfs",
    "cifs",
    "smb",
    "fuse",
    "ceph",
    "9p",
    "afs",
    "autofs",
    "glusterfs",
    "lustre",
    "ocfs",
    "gfs",
];

/// Paths that may be links.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// What containers mount, and what outsiders do.
    pub binds: Vec<Paths>,
    /// What volumes are names for.
    pub devices: Vec<Text>,
    /// The folders of volumes.
    pub mountpoints: Vec<Text>,
}

impl Asked {
    #[must_use]
    pub fn of(inventory: &Inventory) -> Self {
        let containers = inventory.containers.iter().map(|it| it.binds.clone());
        let outsiders = inventory.outsiders.iter().map(|it| it.binds.clone());
        let volumes = inventory.volumes.iter();
        Self {
            binds: containers.chain(outsiders).collect(),
            devices: volumes
                .clone()
                .filter_map(|it| it.device().cloned())
                .collect(),
            mountpoints: volumes.map(|it| it.mountpoint.clone()).collect(),
        }
    }
}

/// Returns where bind mounts and volumes really are, of those that are elsewhere than they read. What is not there from
/// here resolved where it says.
///
/// Nothing below the mount point of a network filesystem is touched.
#[must_use]
pub fn resolve(asked: &Asked) -> ResolvedPaths {
    if asked.binds.iter().all(Paths::is_empty) && asked.devices.is_empty() {
        return ResolvedPaths::default();
    }
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mut guide = Resolver::new(&table);
    let mut found = ResolvedPaths::new();
    let binds = asked.binds.iter().flat_map(Paths::iter);
    for bind in binds.chain(asked.devices.iter().map(|it| &**it)) {
        let to = guide.follow(bind).map(|to| guide.canonical(to));
        note(&mut found, bind, to);
    }
    for volume in &asked.mountpoints {
        // What is mounted over a volume's folder while it is used is what the volume names, and not its folder.
        let to = plain(volume).and_then(|volume| {
            let above = guide.follow(parent(&volume)?)?;
            let name = volume.rsplit('/').next()?;
            let above = guide.canonical(above);
            Some(format!("{}/{name}", above.trim_end_matches('/')))
        });
        note(&mut found, volume, to);
    }
    found
}

fn note(resolved: &mut ResolvedPaths, path: &str, to: Option<String>) {
    match to {
        Some(to) if to != path => {
            resolved.insert(path.into(), to.into());
        }
        _ => {
            resolved.remove(path);
        }
    }
}

/// A line of mountinfo.
struct MountPoint {
    device: String,
    /// The folder of the filesystem that is seen there.
    root: String,
    point: String,
    is_far: bool,
}

impl MountPoint {
    /// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw` (proc(5)).
    fn read(line: &str) -> Option<Self> {
        let (about, filesystem) = line.split_once(" - ")?;
        let mut fields = about.split(' ').skip(2);
        let device = fields.next()?.to_owned();
        let root = unescaped(fields.next()?);
        let point = unescaped(fields.next()?);
        let sort = filesystem.split(' ').next()?;
        let is_far = FAR.iter().any(|far| sort.starts_with(far));
        Some(Self {
            device,
            root,
            point,
            is_far,
        })
    }

    /// Returns what follows after a folder in a path that lies in it.
    fn below<'p>(folder: &str, path: &'p str) -> Option<&'p str> {
        let rest = path.strip_prefix(folder.trim_end_matches('/'))?;
        (rest.is_empty() || rest.starts_with('/')).then_some(rest)
    }
}

/// Returns the kernel writes what would break a line as three octal digits.
fn unescaped(field: &str) -> String {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|_| *first == b'\\');
        let octal = octal.and_then(|it| u8::from_str_radix(std::str::from_utf8(it).ok()?, 8).ok());
        rest = if let Some(byte) = octal {
            bytes.push(byte);
            &after[3..]
        } else {
            bytes.push(*first);
            after
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Knows the ways on this machine, and remembers those it went.
struct Resolver {
    mounts: Vec<MountPoint>,
    /// The mount that is seen at a mount point: the last one there.
    points: HashMap<String, usize>,
    /// What links say; nothing of what is none.
    links: HashMap<String, Option<String>>,
}

impl Resolver {
    fn new(table: &str) -> Self {
        let mounts: Vec<MountPoint> = table.lines().filter_map(MountPoint::read).collect();
        let points = mounts.iter().zip(0..);
        Self {
            points: points.map(|(it, at)| (it.point.clone(), at)).collect(),
            mounts,
            links: HashMap::new(),
        }
    }

    /// Returns an absolute path without links and steps upwards; `None` where links lead in a circle.
    fn follow(&mut self, path: &str) -> Option<String> {
        let mut real = String::new();
        let mut rest: Vec<String> = parts(path);
        let mut links = 0;
        while let Some(part) = rest.pop() {
            if part == ".." {
                real.truncate(real.rfind('/').unwrap_or_default());
                continue;
            }
            let next = format!("{real}/{part}");
            let Some(to) = self.link(&next) else {
                real = next;
                continue;
            };
            links += 1;
            if links > MOST_LINKS {
                return None;
            }
            if to.starts_with('/') {
                real.clear();
            }
            rest.extend(parts(&to));
        }
        if real.is_empty() {
            real.push('/');
        }
        Some(real)
    }

    /// Returns what a link says; `None` of what is none, or is not to be touched.
    fn link(&mut self, path: &str) -> Option<String> {
        if let Some(known) = self.links.get(path) {
            return known.clone();
        }
        let is_far = self.mount_of(path).is_some_and(|mount| mount.is_far);
        let read = || Some(fs::read_link(path).ok()?.to_str()?.to_owned());
        let to = if is_far { None } else { read() };
        self.links.insert(path.to_owned(), to.clone());
        to
    }

    fn mount_of(&self, path: &str) -> Option<&MountPoint> {
        let at = upwards(path).find_map(|folder| self.points.get(folder))?;
        self.mounts.get(*at)
    }

    /// The name of a folder at the first place where its filesystem is mounted with it.
    fn canonical(&self, path: String) -> String {
        let named = self.mount_of(&path).and_then(|mount| {
            let place = format!(
                "{}{}",
                mount.root.trim_end_matches('/'),
                MountPoint::below(&mount.point, &path)?
            );
            self.mounts.iter().find_map(|it| {
                let rest =
                    (it.device == mount.device).then(|| MountPoint::below(&it.root, &place))??;
                Some(format!("{}{rest}", it.point.trim_end_matches('/')))
            })
        });
        named.filter(|it| !it.is_empty()).unwrap_or(path)
    }
}

/// Returns the parts of a path, the last one first.
fn parts(path: &str) -> Vec<String> {
    let parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
    parts.rev().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
