//! What folders of a graph driver hold beyond what the engine says of them.
//!
//! - A layer that BuildKit made counts for the engine what its archive's files have, and a symbolic link has
//!   nothing in an archive (moby `layer/migration.go`, `packSizeCounter`); of other layers its length counts
//!   (`pkg/directory`), as it does here.
//! - A record that is written to again and again, a build's context or a cache mount, keeps the size that it had
//!   when it was first asked for (moby `builder/builder-next/adapters/snapshot`, `Usage`).

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::Root;
use super::measure::{Walker, single};
use super::walk::Look;
use crate::domain::bytes::Bytes;
use crate::domain::item::{RecordId, Text};
use crate::domain::stored::Stored;

/// So long is counted at a time: the figures wait for it. Links that were counted once are never counted again.
const PATIENCE: Duration = Duration::from_secs(5);

/// Counts what `written` records have, and then the links of layers in BuildKit's folders that `before` does not
/// know. What cannot be counted in time is left out.
pub(super) fn count(
    root: &Root,
    driver: &str,
    stored: &mut Stored,
    written: &[RecordId],
    before: Option<&Stored>,
) {
    let until = Instant::now() + PATIENCE;
    let walker = Walker::until(until);
    for record in written {
        let open = folder(root, driver, record.as_str());
        if let Ok(taken) = open.and_then(|top| walker.whole(top)) {
            stored.written.insert(record.clone(), taken.length);
        }
    }
    let before = before.into_iter().flat_map(|before| &before.layers);
    let known: HashMap<&Text, Bytes> = before
        .filter_map(|layer| Some((&layer.folder, layer.links?)))
        .collect();
    for layer in stored.layers.iter_mut().filter(|it| it.is_by_buildkit()) {
        layer.links = known.get(&layer.folder).copied().or_else(|| {
            let top = folder(root, driver, &layer.folder).ok()?;
            links(top, &walker).ok()
        });
    }
}

fn folder(root: &Root, driver: &str, name: &str) -> io::Result<OwnedFd> {
    root.open_folder(&Path::new(driver).join(single(name)?).join("diff"))
}

/// Lengths of all links below a folder. Only folders are opened, and only links are looked at, unless the filesystem
/// does not tell which is which.
fn links(top: OwnedFd, walker: &Walker) -> io::Result<Bytes> {
    let mut found = walker.walk(top, None, &Mutex::default(), Look::Links)?;
    match found.unread.pop() {
        Some(unread) => Err(unread.error),
        None => Ok(found.taken.length),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;
    use crate::domain::item::ChainId;
    use crate::domain::stored::StoredLayer;

    const BUILT: &str = "abcdefghijklmnopqrstuvwxy";

    fn layer(folder: &str) -> StoredLayer {
        StoredLayer {
            chain: ChainId::new(format!("sha256:{folder}")),
            parent: None,
            diff_id: folder.into(),
            folder: folder.into(),
            size: Bytes(5),
            links: None,
        }
    }

    fn root() -> (TempDir, Root) {
        let dir = TempDir::new().unwrap();
        for name in [BUILT, "f0", "written"] {
            let diff = dir.path().join("overlay2").join(name).join("diff");
            std::fs::create_dir_all(diff.join("bin")).unwrap();
            std::fs::write(diff.join("bin/busybox"), "12345").unwrap();
            symlink("busybox", diff.join("bin/sh")).unwrap();
            symlink("/a/very/long/way", diff.join("link")).unwrap();
        }
        let root = Root::open(dir.path().to_str().unwrap().into()).unwrap();
        (dir, root)
    }

    fn counted(root: &Root, before: Option<&Stored>) -> Stored {
        let mut stored = Stored {
            layers: vec![layer(BUILT), layer("f0")],
            ..Stored::default()
        };
        let written = ["written", "gone", "../../etc"].map(RecordId::new);
        count(root, "overlay2", &mut stored, &written, before);
        stored
    }

    #[test]
    fn links_of_what_buildkit_made_are_counted_and_what_is_written_to_is_measured() {
        let (_dir, root) = root();
        let stored = counted(&root, None);
        let links: Vec<_> = stored.layers.iter().map(|it| it.links).collect();
        assert_eq!(links, [Some(Bytes(7 + 16)), None]);
        let written = HashMap::from([(RecordId::new("written"), Bytes(5 + 7 + 16))]);
        assert_eq!(stored.written, written);
    }

    #[test]
    fn links_are_counted_once_and_what_is_written_to_every_time() {
        let (dir, root) = root();
        let before = counted(&root, None);
        for name in [BUILT, "written"] {
            let diff = dir.path().join("overlay2").join(name).join("diff");
            symlink("more", diff.join("another")).unwrap();
        }
        let after = counted(&root, Some(&before));
        assert_eq!(after.layers, before.layers);
        assert_eq!(
            after.written[&RecordId::new("written")],
            Bytes(5 + 7 + 16 + 4)
        );
        assert_eq!(
            counted(&root, None).layers[0].links,
            Some(Bytes(7 + 16 + 4))
        );
    }
}
