//! Puts an answer into the picture of an engine.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{Inspected, Inventory, Part, Progress};
use crate::domain::bytes::{Bytes, Figure};
use crate::domain::item::{
    Backing, Container, ContainerDetails, ContainerId, Image, ImageId, ItemId, LogFiles, Source,
    State, Volume, VolumeName,
};
use crate::domain::paths::{Paths, ResolvedPaths, lies_in};
use crate::domain::store::disk_usage::{DiskUsage, HardLink};
use crate::domain::store::layerdb::LayerDb;
use crate::domain::text::Text;
use crate::domain::unexplained;

/// So many files of which names lie elsewhere are kept of all things: 16 MiB.
const MOST_LINKS: usize = (16 << 20) / size_of::<HardLink>();

impl Inventory {
    /// Puts an answer in its place. A new list keeps what was measured of the objects it still has.
    pub fn apply(&mut self, part: Part) {
        match part {
            Part::Engine(engine) => self.engine = engine,
            Part::Disks(disks) => self.disks = disks,
            Part::Measuring(measuring) => self.measuring = measuring,
            Part::Images(images) => {
                self.take_images(images);
                self.tell_sources();
            }
            Part::Containers(containers) => self.take_containers(containers),
            Part::Volumes(volumes) => self.take_volumes(volumes),
            Part::VolumeWarnings(warnings) => self.volume_warnings = warnings,
            Part::Resolved(paths) => self.resolved = Arc::new(paths),
            Part::Outsiders(kind, answer) => self.outsiders.replace(kind, answer),
            Part::Mounted(mounted) => self.mounted = Arc::new(mounted),
            Part::BuildCache(records) => self.cache = records,
            Part::SharedSizes(shared) => {
                self.layers_size = shared.layers.or(self.layers_size);
                self.take_shared_sizes(shared.images);
            }
            Part::Layers(layers) => {
                self.take_layers(layers);
                self.tell_sources();
            }
            Part::Blobs(blobs) => {
                self.blobs = blobs;
                self.tell_sources();
            }
            Part::Stored(stored) => self.take_stored(stored),
            Part::OnDisk(found) => Arc::make_mut(&mut self.on_disk).add(found),
            Part::Extents(extents) => self.extents = Arc::new(extents),
            Part::Contents(contents) => {
                let explained = contents.map(|it| unexplained::explain(&it, self).into());
                self.unexplained = explained;
            }
            Part::ContainerDetails(id, details) => self.take_details(&id, details),
            Part::VolumeSizes { sizes, complete } => self.take_volume_sizes(sizes, complete),
            Part::DiskUsage(usages) => self.take_disk_usage(usages),
            Part::Logs(sizes) => self.take_logs(sizes),
            Part::Stage(stage, progress) => {
                if matches!(progress, Progress::Done(_)) {
                    self.listed.insert(stage);
                }
                self.stages.insert(stage, progress);
            }
        }
    }

    /// What was measured is kept of what is still there.
    fn take_stored(&mut self, stored: Figure<Arc<LayerDb>>) {
        match &stored {
            Figure::Known(stored) if !self.on_disk.is_empty() => {
                Arc::make_mut(&mut self.on_disk).retain(stored);
            }
            Figure::Known(_) => {}
            Figure::Pending | Figure::Unknown => self.on_disk = Arc::default(),
        }
        self.stored = stored;
    }

    fn take_images(&mut self, mut images: Vec<Image>) {
        let known = self.images.iter().map(|image| &image.id);
        if !known.eq(images.iter().map(|image| &image.id)) {
            // It was said of other images.
            self.layers_size = None;
        }
        let mut old: HashMap<ImageId, Image> = std::mem::take(&mut self.images)
            .into_iter()
            .map(|image| (image.id.clone(), image))
            .collect();
        for image in &mut images {
            let Some(before) = old.remove(&image.id) else {
                continue;
            };
            if image.content.is_pending() {
                image.content = before.content;
            }
            if image.shared.is_pending() {
                image.shared = before.shared;
            }
            image.last_tagged = image.last_tagged.or(before.last_tagged);
            // A list that cannot tell does not take back what inspecting told.
            if image.source == Source::Unknown {
                image.source = before.source;
            }
        }
        self.images = images;
        if !self.on_disk.images.is_empty() {
            let there: HashSet<&ImageId> = self.images.iter().map(|it| &it.id).collect();
            let on_disk = Arc::make_mut(&mut self.on_disk);
            on_disk.images.retain(|id, _| there.contains(id));
        }
    }

    fn take_containers(&mut self, mut containers: Vec<Container>) {
        let known = self.containers.iter().map(|container| &container.id);
        if !known.eq(containers.iter().map(|container| &container.id)) {
            self.layers_size = None;
        }
        let states: HashMap<&ContainerId, &State> = self
            .containers
            .iter()
            .map(|it| (&it.id, &it.state))
            .collect();
        let changed = containers
            .iter()
            .filter(|it| states.get(&it.id) != Some(&&it.state));
        let changed: Vec<&Container> = changed.collect();
        let written: HashSet<VolumeName> =
            changed.iter().flat_map(|it| it.volumes.clone()).collect();
        let paths: Vec<Paths> = changed.iter().map(|it| it.binds.clone()).collect();
        self.doubt_emptiness(&written, &paths);
        let mut old: HashMap<ContainerId, Figure<Arc<ContainerDetails>>> =
            std::mem::take(&mut self.containers)
                .into_iter()
                .map(|container| (container.id, container.details))
                .collect();
        for container in &mut containers {
            if container.details.is_pending()
                && let Some(details) = old.remove(&container.id)
            {
                container.details = details;
            }
        }
        let ids = containers.iter().map(|container| container.id.clone());
        self.places = ids.zip(0..).collect();
        self.containers = containers;
    }

    fn take_details(&mut self, id: &ContainerId, details: Figure<Arc<ContainerDetails>>) {
        let Some(container) = self.container_mut(id) else {
            return;
        };
        let old = container.details.as_ref().known().cloned();
        container.details = details;
        // The engine tells no log's size: what was measured stays.
        set_log(container, old.as_ref().and_then(|old| old.log));
        let ran = |it: &Arc<ContainerDetails>| (it.started, it.finished);
        let now = container.details.as_ref().known().map(ran);
        keep_usage(container, old.as_ref());
        if old.is_some() && now.is_some() && old.as_ref().map(ran) != now {
            let written = container.volumes.iter().cloned().collect();
            let paths = container.binds.clone();
            self.doubt_emptiness(&written, &[paths]);
        }
    }

    /// Volumes that were measured to be empty, and that a container may have written to since: whether they
    /// still are is not known. A plan takes empty ones along unasked.
    fn doubt_emptiness(&mut self, written: &HashSet<VolumeName>, paths: &[Paths]) {
        for volume in &mut self.volumes {
            if volume.emptiness(self.engine.measure).is_empty()
                && (written.contains(&volume.name)
                    || is_reached(&volume.mountpoint, paths, &self.resolved))
            {
                volume.size = Figure::Unknown;
                volume.usage = None;
            }
        }
    }

    /// Returns a container of the list. Details come one by one, for each of thousands.
    fn container_mut(&mut self, id: &ContainerId) -> Option<&mut Container> {
        let place = self.places.get(id).copied();
        let stands = |place: &usize| self.containers.get(*place).is_some_and(|it| it.id == *id);
        let place = place.filter(stands).or_else(|| {
            // Not a list that came as an answer.
            self.containers.iter().position(|it| it.id == *id)
        })?;
        self.containers.get_mut(place)
    }

    fn take_volumes(&mut self, mut volumes: Vec<Volume>) {
        let old = std::mem::take(&mut self.volumes).into_iter();
        let mut old: HashMap<VolumeName, Volume> =
            old.map(|volume| (volume.name.clone(), volume)).collect();
        for volume in &mut volumes {
            // A volume made anew under an old name is another volume.
            if let Some(old) = old.remove(&volume.name)
                && volume.size.is_pending()
                && old.created == volume.created
            {
                volume.size = old.size;
                volume.usage = old.usage;
            }
        }
        self.volumes = volumes;
    }

    fn take_shared_sizes(&mut self, sizes: Vec<(ImageId, Option<Bytes>)>) {
        let sizes: HashMap<_, _> = sizes.into_iter().collect();
        for image in &mut self.images {
            if let Some(size) = sizes.get(&image.id) {
                image.shared = (*size).into();
            }
        }
    }

    fn take_layers(&mut self, layers: Vec<Inspected>) {
        let mut layers: HashMap<_, _> = layers
            .into_iter()
            .map(|inspected| (inspected.id.clone(), inspected))
            .collect();
        for image in &mut self.images {
            if let Some(inspected) = layers.remove(&image.id) {
                image.content = inspected.content;
                image.last_tagged = inspected.last_tagged;
                image.source = inspected.source.unwrap_or(image.source);
            }
        }
    }

    /// Tells where images are from by their blobs, which know it best.
    fn tell_sources(&mut self) {
        let Figure::Known(blobs) = &self.blobs else {
            return;
        };
        for image in &mut self.images {
            if let Some(kept) = blobs.image(&image.id) {
                image.source = kept.origin.source(image);
            }
        }
    }

    fn take_logs(&mut self, sizes: Vec<(ContainerId, Option<LogFiles>)>) {
        let sizes: HashMap<_, _> = sizes.into_iter().collect();
        for container in &mut self.containers {
            if let Some(log) = sizes.get(&container.id) {
                set_log(container, *log);
            }
        }
    }

    /// Takes in what things take on the disk. Of all of them together no more files with several names are kept than
    /// [`MOST_LINKS`]; whether further ones go is not certain.
    fn take_disk_usage(&mut self, usages: Vec<(ItemId, Arc<DiskUsage>)>) {
        let mut of_volumes = HashMap::new();
        for (id, usage) in usages {
            match id {
                ItemId::Volume(name) => {
                    of_volumes.insert(name, usage);
                }
                ItemId::Container(id) => {
                    let container = self.container_mut(&id).map(|it| &mut it.details);
                    if let Some(Figure::Known(details)) = container {
                        Arc::make_mut(details).usage = Some(usage);
                    }
                }
                ItemId::Image(_) | ItemId::Record(_) | ItemId::Log(_) => {}
            }
        }
        let mut room = MOST_LINKS;
        for volume in &mut self.volumes {
            let usage = of_volumes.remove(&volume.name);
            volume.usage = usage.or(volume.usage.take());
            keep_links(&mut volume.usage, &mut room);
        }
        for container in &mut self.containers {
            if let Figure::Known(details) = &mut container.details
                && details
                    .usage
                    .as_ref()
                    .is_some_and(|it| !it.links.is_empty())
            {
                keep_links(&mut Arc::make_mut(details).usage, &mut room);
            }
        }
    }

    fn take_volume_sizes(&mut self, sizes: Vec<(VolumeName, Option<Bytes>)>, complete: bool) {
        let sizes: HashMap<_, _> = sizes.into_iter().collect();
        // Podman measures what is mounted over a volume's folder, too.
        let own = |it: &&mut Volume| it.backing == Backing::Folder;
        for volume in self.volumes.iter_mut().filter(own) {
            match sizes.get(&volume.name) {
                Some(size) => {
                    volume.size = (*size).into();
                    volume.usage = None;
                }
                None if complete && volume.size.is_pending() => volume.size = Figure::Unknown,
                None => {}
            }
        }
    }
}

/// Keeps the files of a thing of which names lie elsewhere, as long as there is room for them.
fn keep_links(usage: &mut Option<Arc<DiskUsage>>, room: &mut usize) {
    let Some(usage) = usage.as_mut().filter(|it| !it.links.is_empty()) else {
        return;
    };
    match room.checked_sub(usage.links.len()) {
        Some(left) => *room = left,
        None => Arc::make_mut(usage).forget_links(),
    }
}

/// Returns true if one of these bind mounts shows what is in a volume, or may show it.
fn is_reached(mountpoint: &Text, paths: &[Paths], resolved: &ResolvedPaths) -> bool {
    let led = |path: &str| resolved.get(path).map(ToString::to_string);
    let mut folders = led(mountpoint).into_iter().chain([mountpoint.to_string()]);
    folders.any(|folder| {
        let mut binds = paths.iter().flat_map(Paths::iter);
        binds.any(|bind| {
            let to = led(bind).unwrap_or_else(|| bind.to_owned());
            lies_in(&to, &folder) || lies_in(&folder, &to)
        })
    })
}

/// Keeps what a container was measured to take, unless it has written or run since: then it is measured anew.
fn keep_usage(container: &mut Container, old: Option<&Arc<ContainerDetails>>) {
    let seen = |it: &ContainerDetails| (it.size_rw, it.started, it.finished);
    if let Figure::Known(details) = &mut container.details
        && let Some(old) = old.filter(|old| old.usage.is_some() && seen(old) == seen(details))
        && details.usage.is_none()
    {
        Arc::make_mut(details).usage.clone_from(&old.usage);
    }
}

/// Takes the size of a container's logs in, where details are known that it belongs to.
fn set_log(container: &mut Container, log: Option<LogFiles>) {
    if let Figure::Known(details) = &mut container.details
        && log.is_some()
        && details.log != log
    {
        Arc::make_mut(details).log = log;
    }
}
