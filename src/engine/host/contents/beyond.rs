//! What lies beside an engine's folder, is not in its totals, and nobody thinks of: another root of the same engine,
//! and what Podman leaves in its folder for temporary files.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Mutex;

use rustix::fs::{FileType, fstat};

use crate::domain::inventory::{EngineInfo, Store};
use crate::domain::store::folder::{Owner, Portion};
use crate::domain::unexplained::Cause;
use crate::engine::host::folder::FolderReader;
use crate::engine::host::leash::Walker;
use crate::engine::host::root::{Root, unless_gone};
use crate::engine::host::taken::blocks;
use crate::engine::host::walk::{Linked, LookAt};
use crate::engine::metadata::store::above_remapped;

/// Where Podman puts temporary files unless it is told otherwise.
const TEMPORARY: &str = "/var/tmp";
/// How Podman 4.3.1 names what its API was given to import or load. It does not remove what was imported.
const ARCHIVE: &[u8] = b"api_load.tar";
/// Folders that only an engine's root has together with `volumes`.
const OF_A_ROOT: [&str; 2] = ["image", "containers"];

/// Returns what lies beside an engine's folder and is none of its things.
pub(super) fn portions(
    root: &Root,
    engine: &EngineInfo,
    walker: &Walker,
) -> io::Result<Vec<Portion>> {
    let mut found = Vec::new();
    if let Some(above) = above_remapped(root.path()) {
        found.extend(other_root(above, engine, walker)?);
    }
    if engine.is_podman() {
        found.extend(archives(Path::new(TEMPORARY), root));
    }
    Ok(found)
}

/// Returns true for a folder in an engine's root that is a root itself, of the time when users were mapped
/// (`userns-remap`): `UID.GID`, with what engines keep.
pub(super) fn is_other_root(root: &Root, folder: &Path) -> bool {
    let path = Path::new(&**root.path()).join(folder);
    above_remapped(&path.to_string_lossy()).is_some() && is_root(root, folder)
}

fn is_root(at: &Root, folder: &Path) -> bool {
    let has = |name: &str| at.open_folder(&folder.join(name)).is_ok();
    has("volumes") && OF_A_ROOT.into_iter().all(has)
}

/// Returns what the root takes in which the engine kept its things before users were mapped, one folder up. A folder
/// that is named after a mapping, such as this engine's own, is no part of it.
fn other_root(above: &str, engine: &EngineInfo, walker: &Walker) -> io::Result<Option<Portion>> {
    let Ok(other) = Root::open(above.into()) else {
        return Ok(None);
    };
    if !is_root(&other, Path::new("")) {
        return Ok(None);
    }
    let mut all = blocks(&fstat(&other.dir)?);
    let linked = Mutex::new(Linked::default());
    let mounts = walker.mounts(&other);
    let mut entries = FolderReader::new(other.open_folder(Path::new(""))?)?;
    while let Some((name, stat)) = entries.next()? {
        let path = Path::new(&name);
        let is_mapped = above_remapped(&format!("{above}/{}", path.display())).is_some();
        // An engine of today whose users are mapped runs its own containerd there.
        let is_own = engine.store == Store::Containerd && name.as_bytes() == b"containerd";
        if is_mapped || is_own || stat.st_dev != other.device {
            continue;
        }
        all += match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                let Some(folder) = unless_gone(other.open_folder(path))? else {
                    continue;
                };
                let found = walker.walk(folder, mounts.at(path), &linked, LookAt::All)?;
                found.taken.blocks
            }
            _ => blocks(&stat),
        };
    }
    Ok(Some(Portion {
        owner: Owner::Nobody(Cause::OtherRoot),
        path: above.into(),
        blocks: all,
        counted: None,
    }))
}

/// Returns the archives that Podman was given to import and keeps, each of the root's own user. A folder that cannot
/// be read has none.
pub(super) fn archives(folder: &Path, root: &Root) -> Option<Portion> {
    let path = folder.to_string_lossy();
    let temporary = Root::open((&*path).into()).ok()?;
    let owner = fstat(&root.dir).ok()?.st_uid;
    let mut entries = FolderReader::new(temporary.open_folder(Path::new("")).ok()?).ok()?;
    let mut all = crate::domain::bytes::Bytes::ZERO;
    while let Ok(Some((name, stat))) = entries.next() {
        let number = name.as_bytes().strip_prefix(ARCHIVE);
        let is_archive =
            number.is_some_and(|it| !it.is_empty() && it.iter().all(u8::is_ascii_digit));
        let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        if is_archive && is_file && stat.st_uid == owner {
            all += blocks(&stat);
        }
    }
    Some(Portion {
        owner: Owner::Nobody(Cause::Archives),
        path: format!("{path}/api_load.tar*").into(),
        blocks: all,
        counted: None,
    })
}
