//! Bytes of volumes, measured in the folder of an engine that is proven to be local.
//!
//! The engine tells all volumes' sizes in one answer at the end of one long walk (ENGINE.md §1.3). Here each is told by
//! itself: its size in the engine's own unit, the bytes of the files, a hard link once, folders not counted (moby's
//! `pkg/directory`), and what goes with it by blocks.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::fstat;

use super::folder::{FolderReader, refusal, single};
use super::leash::Walker;
use super::meter::Meter;
use super::root::Root;
use super::taken::is_folder;
use crate::domain::bytes::Bytes;
use crate::domain::item::{Backing, Volume};
use crate::domain::store::disk_usage::DiskUsage;

const MOUNTED: &str = "another filesystem is mounted below it";
/// What a volume was measured to take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeUsage {
    /// The lengths of its files, in the engine's own unit.
    pub length: Bytes,
    pub disk: Arc<DiskUsage>,
}

/// The folder of a volume's data in the volume's own.
const DATA: &str = "_data";

impl Walker {
    /// Returns what a volume takes. It may take as long as the volume is large.
    ///
    /// A walk stays on one filesystem. The engine does not when it removes a volume: one with another mounted
    /// below it has more than is seen here, and must not pass for an empty one.
    ///
    /// # Errors
    /// The volume lies elsewhere or has driver options, another filesystem is mounted below it
    /// ([`io::ErrorKind::CrossesDevices`]), a folder may not be read, or nobody waits for the answer any more.
    pub fn volume(&self, root: &Root, volume: &Volume) -> io::Result<VolumeUsage> {
        let folder = folder_of(volume)?;
        let mountpoint = root.relative(&volume.mountpoint);
        if mountpoint != Some(&folder) {
            return Err(refusal("it does not lie where the engine keeps volumes"));
        }
        let mounts = self.mounts(root);
        // Its own folder or one above it: `volumes` may be another disk.
        let own = folder.strip_prefix("volumes").unwrap_or(&folder);
        let in_volumes = mounts.at(Path::new("volumes"));
        if in_volumes.is_some_and(|it| it.is_crossed_by(own)) || mounts.at(&folder).is_some() {
            return Err(mounted());
        }
        let mut meter = Meter::new(self);
        let data = meter.folder(root.open_folder(&folder)?, None)?;
        if data.is_crossed {
            return Err(mounted());
        }
        // The folder above goes with it, and what the engine notes there.
        let above = folder.parent().unwrap_or(Path::new(""));
        let list = root.open_folder(above)?;
        meter.entry(&fstat(&list)?);
        let mut entries = FolderReader::new(list)?;
        while let Some((name, stat)) = entries.next()? {
            if name == DATA {
                continue;
            }
            if is_folder(&stat) {
                meter.folder(root.open_folder(&above.join(name))?, None)?;
            } else {
                meter.entry(&stat);
            }
        }
        Ok(VolumeUsage {
            length: data.taken.length,
            disk: Arc::new(meter.usage(data.entries == 0)),
        })
    }
}

/// Returns where an engine keeps a volume of its own, below its root.
fn folder_of(volume: &Volume) -> io::Result<PathBuf> {
    if volume.backing != Backing::Folder {
        return Err(refusal("its bytes live elsewhere"));
    }
    let name = single(volume.name.as_str())?;
    Ok(Path::new("volumes").join(name).join(DATA))
}

fn mounted() -> io::Error {
    io::Error::new(io::ErrorKind::CrossesDevices, MOUNTED)
}

#[cfg(test)]
mod tests;
