//! Why bytes are there that the engine does not count, and what can be done about each.

/// Why bytes are there that no image, container, volume, build cache record or log counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// Settings, mounts and checkpoints of containers; everything in their folders but the logs.
    ContainerFolders,
    /// Folders and layers of containers that the engine does not list.
    GoneContainers,
    /// Folders of the storage driver that nothing refers to, and layers that nothing stands on.
    Unreferenced,
    /// What another storage driver, or the containerd store, has left.
    OtherStore,
    /// The builder's notes, history and content.
    BuildKit,
    /// Blobs and snapshots that only a lease keeps, of something under way or cut off.
    Leased,
    Swarm,
    Plugins,
    Temporary,
    /// What the engine writes down of images and layers.
    ImageMetadata,
    Network,
    /// Folders of volumes that the engine does not list, and its notes on volumes.
    GoneVolumes,
    /// Whole blocks and folders of what is counted by the length of its files.
    Rounding,
    /// Layers that the storage driver keeps as whole copies of those below.
    Copies,
    /// The engine's own name, its runtimes and mount points.
    EngineFiles,
    /// Files that no engine writes there.
    Other,
}

impl Cause {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::ContainerFolders,
        Self::GoneContainers,
        Self::Unreferenced,
        Self::OtherStore,
        Self::BuildKit,
        Self::Leased,
        Self::Swarm,
        Self::Plugins,
        Self::Temporary,
        Self::ImageMetadata,
        Self::Network,
        Self::GoneVolumes,
        Self::Rounding,
        Self::Copies,
        Self::EngineFiles,
        Self::Other,
    ];

    /// The cause that JSON has this word for.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.word() == word)
    }

    /// The word for it in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::ContainerFolders => "container_folders",
            Self::GoneContainers => "gone_containers",
            Self::Unreferenced => "unreferenced_layers",
            Self::OtherStore => "other_store",
            Self::BuildKit => "buildkit",
            Self::Leased => "leases",
            Self::Swarm => "swarm",
            Self::Plugins => "plugins",
            Self::Temporary => "tmp",
            Self::ImageMetadata => "image_metadata",
            Self::Network => "network",
            Self::GoneVolumes => "volume_folders",
            Self::Rounding => "blocks_and_folders",
            Self::Copies => "layer_copies",
            Self::EngineFiles => "engine_files",
            Self::Other => "other",
        }
    }

    /// What it is, in a few words.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::ContainerFolders => "container folders without their logs",
            Self::GoneContainers => "left by containers that are gone",
            Self::Unreferenced => "layer folders that nothing refers to",
            Self::OtherStore => "left by another store",
            Self::BuildKit => "BuildKit's own notes and content",
            Self::Leased => "content kept by leases, not images",
            Self::Swarm => "swarm",
            Self::Plugins => "plugins",
            Self::Temporary => "temporary files",
            Self::ImageMetadata => "notes on images and layers",
            Self::Network => "networks",
            Self::GoneVolumes => "volume folders that are not listed",
            Self::Rounding => "whole blocks and folders",
            Self::Copies => "layers kept as whole copies",
            Self::EngineFiles => "the engine's own files",
            Self::Other => "other files",
        }
    }

    /// What can be done about it through the engine. Never to take files away behind its back: it would go on
    /// as if they were there.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::ContainerFolders => {
                "settings, mounts and checkpoints; each goes when its container is removed"
            }
            Self::GoneContainers => {
                "the engine could not load or not quite remove them: restart it, then docker rm takes them, or \
                 its journal says what is wrong"
            }
            Self::Unreferenced => {
                "a pull or build that is under way, or one that was cut off. No docker command takes what is \
                 left: to be rid of it, save what matters and let the engine begin in a new data-root"
            }
            Self::OtherStore => {
                "out of sight while this store runs: switch the engine back (storage-driver, \
                 containerd-snapshotter in daemon.json), remove with docker what is there, switch forth again"
            }
            Self::BuildKit => {
                "build history and notes: docker buildx history rm and docker builder prune let go of what is \
                 idle; databases stay as long as they once were"
            }
            Self::Leased => {
                "a pull or build that is under way or was cut off keeps it: docker image prune lets go of what \
                 pulls left, docker builder prune of what builds left; otherwise it goes within a day"
            }
            Self::Swarm => "the swarm's state and certificates: docker swarm leave lets go of them",
            Self::Plugins => "docker plugin ls shows them, docker plugin rm removes one",
            Self::Temporary => {
                "loads, builds and copies that are under way; the engine empties it when it starts"
            }
            Self::ImageMetadata => "goes with the images and layers that it is about",
            Self::Network => {
                "the engine's notes on networks: docker network prune removes unused ones"
            }
            Self::GoneVolumes => {
                "the engine takes folders that it does not know up again when it starts; then docker volume rm \
                 removes them"
            }
            Self::Rounding => {
                "what images, containers, volumes and build cache take beyond the length of their files; goes \
                 with them"
            }
            Self::Copies => {
                "vfs keeps each layer as a copy of all below it; goes with the layers, and another storage \
                 driver needs none"
            }
            Self::EngineFiles => "its name, its runtimes and its mount points; nothing to gain",
            Self::Other => "the engine does not write this there: look who does",
        }
    }
}
