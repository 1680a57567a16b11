//! How much has been written to the devices of filesystems: what somebody writes while things are removed takes back
//! what they gave.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rustix::fs::{Dev, major, minor, stat};

use super::mount_table::MountTable;
use crate::domain::bytes::Bytes;
use crate::domain::disk::Disk;

/// The unit of a device's statistics, whatever its blocks are (Documentation/block/stat.rst of the kernel).
const SECTOR: u64 = 512;
/// Where a line of such statistics has what was written: after four of reads, and how many writes there were.
const SECTORS_WRITTEN: usize = 6;

/// Returns how much has been written to the devices of filesystems here since the kernel knows them; `None` where one
/// of them lies on no device that is counted: on a network, in memory, or on several devices under one name.
#[must_use]
pub fn written(disks: &[Disk]) -> Option<Bytes> {
    let devices = disks.iter().map(|disk| device(Path::new(&*disk.path)));
    let devices: BTreeSet<Dev> = devices.collect::<Option<_>>()?;
    devices.into_iter().map(of_device).sum()
}

/// Returns the device that holds a folder. btrfs numbers its subvolumes itself; what it was mounted from is its device.
fn device(folder: &Path) -> Option<Dev> {
    let own = stat(folder).ok()?.st_dev;
    if of_device(own).is_some() {
        return Some(own);
    }
    let mounts = MountTable::of_process("self").ok()?;
    let source = mounts.holding(folder)?.source();
    Some(stat(source).ok()?.st_rdev).filter(|device| *device != 0)
}

fn of_device(device: Dev) -> Option<Bytes> {
    let (major, minor) = (major(device), minor(device));
    of_statistics(&fs::read_to_string(format!("/sys/dev/block/{major}:{minor}/stat")).ok()?)
}

/// Returns how much has been written, by the line of a device's statistics.
pub(super) fn of_statistics(line: &str) -> Option<Bytes> {
    let sectors = line.split_whitespace().nth(SECTORS_WRITTEN)?;
    Some(Bytes(sectors.parse::<u64>().ok()?.saturating_mul(SECTOR)))
}

#[cfg(test)]
mod tests;
