//! Objects for tests, each with one line.

use std::sync::Arc;

use crate::domain::bytes::{Bytes, Figure};
use crate::domain::inventory::{Inventory, Part};
use crate::domain::item::{
    Backing, Container, ContainerDetails, ContainerId, Image, ImageId, ImageMount, ItemId, Labels,
    LogFiles, Record, RecordId, Source, State, Volume, VolumeName,
};
use crate::domain::outsider::{Outsider, OutsiderKind};
use crate::domain::paths::Paths;
use crate::domain::reference::is_digest;
use crate::domain::text::Text;
use crate::domain::time::Timestamp;

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).expect("a time")
}

pub(crate) fn texts(names: &[&str]) -> Vec<Text> {
    names.iter().map(|name| Text::from(*name)).collect()
}

/// Returns a mount of the image that a name means.
pub(crate) fn mount(image: &str) -> ImageMount {
    ImageMount {
        image: image.into(),
        destination: "/m".into(),
        folder: Text::new(),
    }
}

pub(crate) fn labels(pairs: &[(&str, &str)]) -> Labels {
    let pairs = pairs.iter().map(|(k, v)| ((*k).into(), (*v).into()));
    Labels::new(pairs.collect())
}

pub(crate) fn image(id: &str, names: &[&str]) -> Image {
    Image {
        id: ImageId::new(id),
        parent: None,
        digests: texts(names)
            .into_iter()
            .filter(|name| is_digest(name))
            .collect(),
        names: texts(names),
        created: Some(at(0)),
        size: Figure::Known(Bytes(100)),
        shared: Figure::Pending,
        labels: Labels::default(),
        source: Source::Local,
        last_tagged: None,
        content: Figure::Pending,
    }
}

pub(crate) fn child(id: &str, parent: &str, names: &[&str]) -> Image {
    Image {
        parent: Some(ImageId::new(parent)),
        ..image(id, names)
    }
}

/// Returns a container that has been inspected.
pub(crate) fn container(name: &str, image: &str, state: State) -> Container {
    let details = ContainerDetails {
        started: (state != State::Created).then(|| at(10)),
        finished: state.is_stopped().then(|| at(20)),
        ..ContainerDetails::default()
    };
    Container {
        id: ContainerId::new(name),
        name: name.into(),
        image_id: Some(ImageId::new(image)),
        image: image.into(),
        command: "sh".into(),
        state,
        created: Some(at(5)),
        labels: Labels::default(),
        volumes: Vec::new(),
        image_mounts: Vec::new(),
        binds: Paths::default(),
        details: Figure::Known(Arc::new(details)),
    }
}

pub(crate) fn stopped(name: &str, image: &str) -> Container {
    container(name, image, State::Exited)
}

pub(crate) fn running(name: &str, image: &str) -> Container {
    container(name, image, State::Running)
}

/// Returns a running container that the engine removes when it stops.
pub(crate) fn fleeting(name: &str, image: &str) -> Container {
    let details = ContainerDetails {
        started: Some(at(10)),
        auto_remove: true,
        ..ContainerDetails::default()
    };
    Container {
        details: Figure::Known(Arc::new(details)),
        ..running(name, image)
    }
}

pub(crate) fn mounting(mut container: Container, volumes: &[&str]) -> Container {
    container.volumes = volumes.iter().map(|name| VolumeName::new(*name)).collect();
    container
}

/// Returns a container whose log can be read: of every three bytes two can be emptied.
pub(crate) fn logging(mut container: Container, third: u64) -> Container {
    if let Figure::Known(details) = &mut container.details {
        let details = Arc::make_mut(details);
        details.log_bounded = Some(false);
        details.log = Some(LogFiles {
            size: Bytes(third * 3),
            blocks: Bytes(third * 3),
            packed: Bytes::ZERO,
            written: Bytes(third),
            aside: Bytes(third),
            rotated: 1,
        });
    }
    container
}

pub(crate) fn volume(name: &str, size: u64) -> Volume {
    Volume {
        name: VolumeName::new(name),
        driver: "local".into(),
        size: Figure::Known(Bytes(size)),
        anonymous: false,
        created: Some(at(1)),
        labels: Labels::default(),
        mountpoint: "".into(),
        scope: "local".into(),
        backing: Backing::Folder,
        usage: None,
    }
}

pub(crate) fn anonymous(name: &str, size: u64) -> Volume {
    Volume {
        anonymous: true,
        ..volume(name, size)
    }
}

pub(crate) fn record(id: &str, parents: &[&str]) -> Record {
    Record {
        id: RecordId::new(id),
        parents: parents.iter().map(|id| RecordId::new(*id)).collect(),
        kind: "regular".into(),
        description: id.into(),
        in_use: false,
        shared: false,
        size: Figure::Known(Bytes(7)),
        created: None,
        last_used: None,
    }
}

/// Returns a swarm service that is all there is of them.
pub(crate) fn service(name: &str, images: &[&str], volumes: &[&str]) -> Part {
    outsider(OutsiderKind::Service, name, images, volumes)
}

/// Returns an outsider that is all there is of its kind.
pub(crate) fn outsider(kind: OutsiderKind, name: &str, images: &[&str], volumes: &[&str]) -> Part {
    let outsider = Outsider {
        images: texts(images),
        volumes: volumes.iter().map(|name| VolumeName::new(*name)).collect(),
        ..Outsider::new(kind, name)
    };
    Part::Outsiders(kind, Figure::Known(vec![outsider]))
}

pub(crate) fn inventory(images: Vec<Image>, containers: Vec<Container>) -> Inventory {
    let mut inventory = Inventory::default();
    inventory.images = images;
    inventory.containers = containers;
    inventory
}

pub(crate) fn an_image(id: &str) -> ItemId {
    ItemId::Image(ImageId::new(id))
}

pub(crate) fn a_container(id: &str) -> ItemId {
    ItemId::Container(ContainerId::new(id))
}

pub(crate) fn a_log(id: &str) -> ItemId {
    ItemId::Log(ContainerId::new(id))
}

pub(crate) fn a_volume(id: &str) -> ItemId {
    ItemId::Volume(VolumeName::new(id))
}

pub(crate) fn a_record(id: &str) -> ItemId {
    ItemId::Record(RecordId::new(id))
}
