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
    /// What a node of a swarm keeps.
    Swarm,
    /// Managed plugins.
    Plugins,
    /// What is being written, or was left of that.
    Temporary,
    /// What the engine writes down of images and layers.
    ImageMetadata,
    /// What networks keep.
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
    /// A folder that could not be read, whatever is in it.
    Unread,
    /// Databases of the engine's notes.
    Databases,
    /// What another namespace of the same containerd keeps.
    OtherNamespace,
    /// A root in which the engine kept its things with another setting of `userns-remap`.
    OtherRoot,
    /// Archives that Podman was given to import, and keeps.
    Archives,
}

impl Cause {
    /// All of them.
    pub const ALL: [Self; 21] = [
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
        Self::Unread,
        Self::Databases,
        Self::OtherNamespace,
        Self::OtherRoot,
        Self::Archives,
    ];

    /// Returns true for what is no part of the engine's folder as it is now, and so not of the sum.
    #[must_use]
    pub fn is_beyond(self) -> bool {
        matches!(self, Self::OtherRoot | Self::Archives)
    }

    /// Returns the cause that JSON has this word for.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.word() == word)
    }

    /// Returns the word for it in JSON.
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
            Self::Unread => "unreadable",
            Self::Databases => "databases",
            Self::OtherNamespace => "other_namespace",
            Self::OtherRoot => "other_root",
            Self::Archives => "podman_archives",
        }
    }

    /// Returns what it is, in a few words.
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
            Self::Unread => "cannot be read, and is not counted",
            Self::Databases => "the engine's databases",
            Self::OtherNamespace => "another user of containerd's",
            Self::OtherRoot => "another root of the engine's (beyond)",
            Self::Archives => "imported archives (beyond)",
        }
    }

    /// Returns what can be done about it through the engine. Never to take files away behind its back: it would go on
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
                "the builder's history and what belongs to it: it stays when docker builder prune has taken all \
                 records; docker buildx history rm --all takes the history, where buildx knows it"
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
            Self::ImageMetadata => {
                "what is written down of images and layers goes with them; folders that once had many entries \
                 stay as large"
            }
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
            Self::Unread => {
                "the filesystem gives no answer, or not to dtop: dmesg says whether its disk is ill"
            }
            Self::Databases => {
                "they never shrink: what is removed leaves room in them, which is used again before they grow"
            }
            Self::OtherNamespace => {
                "another namespace of the same containerd, such as kubelet's k8s.io: ctr namespaces ls names \
                 them. What is in use there is needed; its own tools say what is not"
            }
            Self::OtherRoot => {
                "not in the sum: what the engine kept while userns-remap was set otherwise. With that setting \
                 (daemon.json) and a restart it is seen again, and docker removes what is not wanted"
            }
            Self::Archives => {
                "not in the sum: Podman's API was given them to import and does not remove them. Once no import \
                 runs nothing reads them any more"
            }
        }
    }
}
