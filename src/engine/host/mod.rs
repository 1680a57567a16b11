//! The engine's host, where it is this machine.
//!
//! - `proof`: is that folder this engine's? `root`: the folder, out of which nothing leads. `surroundings`: both, with the
//!   filesystems (`disks`); over a login (`remote`), or where the folder is closed to this user (`peer`), these alone.
//! - `walk`: one way down through folders, ended by a `leash`. `meter` and `measure` measure one thing with it,
//!   `on_disk` layers, `containers` what containers take, `contents` all that lies in the folder.
//! - `logs`: log files, and how they are emptied. `unlisted`: containers that no list has. `resolve`: where paths lead.
//! - `mounts`, `mount_table`, `extents`, `taken`, `folder`, `written`, `in_use`, `podman`: what the system tells.

mod containers;
mod contents;
mod disks;
pub(in crate::engine) mod extents;
mod folder;
pub(in crate::engine) mod in_use;
pub(in crate::engine) mod leash;
mod logs;
mod measure;
mod meter;
mod mount_table;
mod mounts;
pub mod on_disk;
pub mod peer;
pub(in crate::engine) mod podman;
pub(in crate::engine) mod proof;
pub mod remote;
mod resolve;
pub(in crate::engine) mod root;
mod surroundings;
mod taken;
mod unlisted;
mod walk;
mod written;

pub use containers::{Containers, containers};
pub use contents::{MeasuredVolumes, contents};
pub use disks::{LookOrder, again, sync};
pub use leash::{CancelGuard, Walker};
pub use logs::{LogOrder, logs, truncate};
pub use measure::VolumeUsage;
pub use proof::{ListedIds, NotLocal, prove};
pub(in crate::engine) use proof::{leaving, mounting};
pub use resolve::{Asked, resolve};
pub use root::{Root, RootProof};
pub use surroundings::{HostInfo, look};
pub use unlisted::{Unlisted, unlisted};
pub use written::written;

#[cfg(test)]
mod tests;
