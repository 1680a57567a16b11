//! The list of images out of the names that the containerd store keeps, as the engine makes it of them
//! (moby's `daemon/containerd/image_list.go`).

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::found::{FoundImage, Platform};
use crate::domain::bytes::Bytes;
use crate::domain::inventory::Store;
use crate::domain::item::{Image, ImageId};
use crate::domain::reference;
use crate::domain::text::Text;
use crate::domain::time::{Timestamp, from_engine};
use crate::engine::metadata::reader::Named;
use crate::engine::metadata::store::StoreReading;
use crate::engine::wire::{self, Dialect};

/// How the engine calls what has lost its last name: this, and the digest.
const DANGLING: &str = "moby-dangling@";
/// Which versions' lists are known to be made like this: those from 27 on count statements about images, too.
const VERSIONS: std::ops::RangeInclusive<u32> = 26..=29;
const COUNTS_STATEMENTS: u32 = 27;
/// From this version on what can be run nowhere is listed, too.
const LISTS_ALL: u32 = 28;

/// The names of each image, by the digest that they stand for.
pub(super) struct NamesByDigest<'a> {
    of_images: HashMap<&'a Text, Vec<&'a Named>>,
    parents: HashSet<&'a Text>,
}

impl<'a> NamesByDigest<'a> {
    pub(super) fn of(named: &'a [Named]) -> Self {
        let mut of_images: HashMap<&Text, Vec<&Named>> = HashMap::new();
        for row in named {
            of_images.entry(&row.target).or_default().push(row);
        }
        let parents = named.iter().filter_map(|row| row.parent.as_ref());
        Self {
            of_images,
            parents: parents.collect(),
        }
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = ImageId> {
        self.of_images.keys().map(|id| ImageId::new((*id).clone()))
    }

    fn of_image(&self, id: &ImageId) -> &[&'a Named] {
        self.of_images.get(id.text()).map_or(&[], |rows| &**rows)
    }

    /// Returns true for a step of a build, which nothing has a name for and another image was made of: it shares with
    /// nobody.
    pub(super) fn is_step(&self, id: &ImageId) -> bool {
        let mut rows = self.of_image(id).iter();
        self.parents.contains(id.text()) && rows.all(|row| is_dangling(row))
    }

    /// When an image was last given a name.
    pub(super) fn tagged(&self, id: &ImageId) -> Option<Timestamp> {
        self.of_image(id).iter().filter_map(|row| row.tagged).max()
    }

    /// Returns an image as the engine lists it; `None` where a name is none that it would give, or another version may
    /// list it otherwise.
    pub(super) fn image(
        &self,
        id: &ImageId,
        found: &FoundImage,
        noted: &StoreReading,
        version: u32,
    ) -> Option<Image> {
        VERSIONS.contains(&version).then_some(())?;
        let rows = self.of_image(id);
        let tags = rows.iter().filter(|row| !is_dangling(row));
        let tags: Option<Vec<&str>> = tags.map(|row| reference::familiar(&row.name)).collect();
        let tags = tags?;
        // Its last name has the word.
        let named = rows.iter().rev().find(|row| !is_dangling(row));
        let parent = &named.or(rows.first())?.parent;
        let sizes = found.packed.iter().map(|(_, size)| *size);
        let unpacked = found.platforms.iter().map(|it| it.unpacked(noted));
        let packed: Bytes = if version >= COUNTS_STATEMENTS {
            sizes.sum()
        } else {
            found.platforms.iter().map(|it| it.packed.total).sum()
        };
        let mut row = json!({
            "Id": id.as_str(),
            "RepoTags": tags,
            "Size": (packed + unpacked.sum::<Bytes>()).0,
        });
        if let Some(shown) = found.shown() {
            let repository = tags.last().map(|tag| reference::repository(tag));
            row["RepoDigests"] = repository
                .map(|it| format!("{it}@{id}"))
                .into_iter()
                .collect();
            row["ParentId"] = json!(parent.as_deref());
            row["Created"] = json!(shown.created());
            row["Labels"] = shown.config.pointer("/config/Labels").cloned().into();
        } else {
            (version >= LISTS_ALL).then_some(())?;
            row["RepoDigests"] = json!([id.as_str()]);
        }
        let dialect = Dialect {
            podman: false,
            store: Store::Containerd,
        };
        wire::images(&Value::Array(vec![row]), dialect).pop()
    }
}

impl Platform {
    /// Returns when it was made, in seconds, which is all that a list tells.
    fn created(&self) -> i64 {
        let created = self.config.get("created").and_then(Value::as_str);
        created
            .and_then(from_engine)
            .map_or(0, Timestamp::as_second)
    }
}

fn is_dangling(row: &Named) -> bool {
    row.name.strip_prefix(DANGLING) == Some(&*row.target)
}
