//! Which volumes a path leads into: by the bind mounts of containers and of outsiders, and by the devices of other
//! volumes. A look at each path and the folders above it, however many there are of either.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use smallvec::SmallVec;

use crate::domain::index::ItemNo;
use crate::domain::inventory::Inventory;
use crate::domain::item::Volume;
use crate::domain::paths::{parent, plain, upwards};
use crate::domain::text::Text;

/// The folders of all volumes.
pub(super) struct VolumeFolders<'a> {
    inventory: &'a Inventory,
    /// Places of the volumes that a folder is of.
    volumes: HashMap<Cow<'a, str>, SmallVec<[u32; 2]>>,
    /// Every folder that volumes lie in.
    above: HashSet<String>,
}

/// Where a path leads.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reach {
    /// Places of the volumes that it lies in.
    pub volumes: Vec<u32>,
    /// The folder above some volumes that it is.
    pub above: Option<Text>,
    /// Nobody here knows.
    pub unresolved: bool,
}

impl<'a> VolumeFolders<'a> {
    pub(super) fn new(inventory: &'a Inventory) -> Self {
        let mut folders = Self {
            inventory,
            volumes: HashMap::new(),
            above: HashSet::new(),
        };
        for (place, volume) in (0..).zip(&inventory.volumes) {
            for folder in spellings(inventory, &volume.mountpoint) {
                folders.add(place, volume, folder);
            }
        }
        folders
    }

    fn add(&mut self, place: u32, volume: &Volume, folder: Cow<'a, str>) {
        let around = parent(&folder).filter(|it| is_around(it, volume));
        let mut at = parent(around.unwrap_or(&folder));
        while let Some(above) = at {
            if !self.above.insert(above.to_owned()) {
                break;
            }
            at = parent(above);
        }
        self.volumes.entry(folder).or_default().push(place);
    }

    /// Returns the volumes whose own folder a path is.
    fn around(&self, path: &str) -> impl Iterator<Item = u32> {
        let data = format!("{}/_data", path.trim_end_matches('/'));
        let places = self.volumes.get(&*data).into_iter().flatten().copied();
        places.filter(move |place| {
            let volume = self.inventory.volumes.get(*place as usize);
            volume.is_some_and(|volume| is_around(path, volume))
        })
    }

    /// Finds the volumes that a path leads into, as it reads and as it leads.
    pub(super) fn reach(&self, path: &str) -> Reach {
        let mut reach = Reach::default();
        let mut is_known = false;
        for path in spellings(self.inventory, path) {
            is_known = true;
            let found = upwards(&path).filter_map(|folder| self.volumes.get(folder));
            reach.volumes.extend(found.flatten());
            reach.volumes.extend(self.around(&path));
            if self.above.contains(&*path) {
                reach.above = Some(Text::from(&*path));
            }
        }
        reach.volumes.sort_unstable();
        reach.volumes.dedup();
        reach.unresolved = !is_known;
        reach
    }
}

/// Returns true for the folder that the engine has made around a volume's data: it is nobody else's.
fn is_around(folder: &str, volume: &Volume) -> bool {
    let name = folder.rsplit('/').next();
    name == Some(volume.name.as_str())
}

/// Returns a path as it reads, and as it is resolved; none where it goes up and nobody knows where.
fn spellings<'a>(inventory: &'a Inventory, path: &'a str) -> impl Iterator<Item = Cow<'a, str>> {
    let resolved = inventory.resolved.get(path).and_then(|to| plain(to));
    plain(path).into_iter().chain(resolved)
}

/// Containers that mount folders above volumes.
#[derive(Debug, Default)]
pub(super) struct Above(HashMap<Text, Vec<ItemNo>>);

impl Above {
    pub(super) fn add(&mut self, folder: Text, container: ItemNo) {
        let containers = self.0.entry(folder).or_default();
        if containers.last() != Some(&container) {
            containers.push(container);
        }
    }

    /// Returns those that mount a folder above this volume, in the order of the engine's list.
    pub(super) fn of(&self, inventory: &Inventory, volume: &Volume) -> Vec<ItemNo> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let mut found: Vec<ItemNo> = Vec::new();
        for path in spellings(inventory, &volume.mountpoint) {
            let above = upwards(&path).skip(1);
            found.extend(above.filter_map(|folder| self.0.get(folder)).flatten());
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}
