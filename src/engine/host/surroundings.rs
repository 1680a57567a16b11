//! What can be seen of an engine's host from this machine.

use super::disks::disks;
use super::proof::{ListedIds, NotLocal, prove};
use super::root::RootProof;
use crate::domain::disk::DiskList;
use crate::domain::inventory::EngineInfo;
use crate::domain::text::Text;

/// What can be seen of an engine's host from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostInfo {
    pub local: Result<RootProof, NotLocal>,
    /// None where nothing shows that they are the engine's.
    pub disks: DiskList,
}

impl HostInfo {
    /// Returns why the engine does not count as local, and what that means for its disks.
    #[must_use]
    pub fn why_not_local(&self) -> Option<Text> {
        let why = self.local.as_ref().err()?.to_string();
        Some(match &self.disks.proof {
            Some(proof) => format!("{why}; {proof}").into(),
            None => why.into(),
        })
    }
}

/// Proves that the engine is local and asks its disks. It opens files, which may hang on a dead network
/// filesystem: call it where blocking is allowed.
#[must_use]
pub fn look(engine: &EngineInfo, known: &ListedIds) -> HostInfo {
    match prove(engine, known) {
        Ok(root) => HostInfo {
            local: Ok(root.proven()),
            disks: DiskList {
                disks: disks(&root, engine, known),
                ..DiskList::default()
            },
        },
        Err(reason) => HostInfo {
            local: Err(reason),
            disks: DiskList::default(),
        },
    }
}
