//! What a crowded engine says of each of its things: as long as on a build server with names, labels and build
//! arguments of all its teams, and never twice the same.

use std::fmt::Write;

use jiff::Timestamp;

/// How much of everything there is at any time.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub images: u64,
    /// Images stand on so many bases.
    pub bases: u64,
    /// Build cache records, each of a layer of an image.
    pub records: u64,
    pub containers: u64,
    pub volumes: u64,
    pub words: Words,
}

/// How much is said of each thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words {
    /// As much as in the recorded answers (tests/recorded): short commands and names, and no labels.
    Few,
    /// As much as on the server of a company: names with hosts and groups, digests, the usual ten labels, commands
    /// with build arguments.
    Many,
}

/// How many layers a base has, and how many each image has for itself.
const BASE_LAYERS: u64 = 5;
pub const OWN_LAYERS: u64 = 10;
pub const LAYERS: u64 = BASE_LAYERS + OWN_LAYERS;
/// Rows of a history that make no layer.
const SETTINGS: u64 = 4;
/// What is built, over and over, by so many teams.
const SERVICES: u64 = 400;
const TEAMS: u64 = 40;
/// When the first thing was made, in seconds since 1970.
const BEGIN: i64 = 1_700_000_000;

/// Sixty-four digits that look random and are the same every time.
pub fn digits(what: &str, number: u64) -> String {
    let mut state = what.bytes().fold(number, |state, byte| {
        (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut text = String::with_capacity(64);
    for _ in 0..4 {
        // splitmix64
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        write!(text, "{:016x}", mixed ^ (mixed >> 31)).expect("a text takes it");
    }
    text
}

fn second(number: u64) -> i64 {
    BEGIN + i64::try_from(number).expect("few")
}

/// As engines write times, to the nanosecond.
fn time(number: u64) -> String {
    let nanosecond = i32::try_from(number % 999_999_937 + 1).expect("less than a second");
    let time = Timestamp::new(second(number), nanosecond).expect("a time");
    time.to_string()
}

fn bytes(number: u64) -> u64 {
    number.wrapping_mul(2_654_435_761) % 40_000_000 + 1
}

/// A layer of all there ever are.
#[derive(Clone, Copy)]
struct Layer(u64);

impl Layer {
    /// What made it, as BuildKit writes it without the word in front: the build arguments that a step can see stand
    /// in its command, so that the last steps of no two builds are the same.
    fn step(self, words: Words) -> String {
        if words == Words::Few {
            return format!("/bin/sh -c dd if=/dev/urandom of=/b bs=1k count={}", self.0);
        }
        let own = self.0 / 2;
        let (image, place) = (own / OWN_LAYERS, own % OWN_LAYERS);
        let service = image % SERVICES;
        if self.is_of_base() || place < 7 {
            let path = format!("/srv/checkout-service-worker-{service}");
            return match place % 3 {
                0 => format!(
                    "/bin/sh -c set -eux; apt-get update && apt-get install -y --no-install-recommends ca-certificates \
                     curl libpq5 tzdata worker-{service}-tools-{place} && rm -rf /var/lib/apt/lists/*"
                ),
                1 => format!(
                    "/bin/sh -c npm ci --omit=dev --prefix {path}/module-{place} && npm cache clean --force"
                ),
                _ => format!(
                    "/bin/sh -c make -C {path}/part-{place} -j8 release install DESTDIR=/opt/worker"
                ),
            };
        }
        let revision = &digits("revision", image)[..40];
        format!(
            "|3 BUILD_NUMBER={image} GIT_SHA={revision} TARGETPLATFORM=linux/amd64 /bin/sh -c npm run build -- --part \
             {place} --service worker-{service} --out /opt/worker"
        )
    }

    /// Even numbers are bases' layers, odd ones images'.
    fn is_of_base(self) -> bool {
        self.0.is_multiple_of(2)
    }

    fn diff_id(self) -> String {
        format!("sha256:{}", digits("layer", self.0))
    }

    fn record(self) -> String {
        digits("record", self.0)[..25].to_owned()
    }
}

impl Size {
    /// Bases change, as everything does: an image of so high a number stands on a later one.
    fn base(self, image: u64) -> u64 {
        image % self.bases + self.bases * (image / (self.images * 4))
    }

    /// The first image on a base, whose build made the base's records.
    fn is_first(self, image: u64) -> bool {
        image % (self.images * 4) < self.bases
    }

    fn layers(self, image: u64) -> impl DoubleEndedIterator<Item = Layer> {
        let base = self.base(image) * BASE_LAYERS;
        let below = (0..BASE_LAYERS).map(move |place| Layer((base + place) * 2));
        below.chain((0..OWN_LAYERS).map(move |place| Layer((image * OWN_LAYERS + place) * 2 + 1)))
    }

    /// An image was made when its top layer was.
    fn made(self, image: u64) -> u64 {
        self.layers(image).last().expect("a layer").0
    }

    fn total(self, image: u64) -> u64 {
        self.layers(image).map(|layer| bytes(layer.0)).sum()
    }
}

pub fn image_id(number: u64) -> String {
    format!("sha256:{}", digits("image", number))
}

fn repository(number: u64) -> String {
    format!(
        "registry.gitlab.example.org:5050/platform-engineering/team-{}/checkout-service-worker-{}",
        number % TEAMS,
        number % SERVICES
    )
}

/// Tags and digest references; every fifth image has lost its tags to a later one.
fn names(size: Size, number: u64) -> (String, String) {
    if size.words == Words::Few {
        let name = format!("[\"service-{}:{number}\"]", number % SERVICES);
        let is_untagged = number.is_multiple_of(5);
        let tags = if is_untagged { "[]".to_owned() } else { name };
        return (tags, "[]".to_owned());
    }
    let repository = repository(number);
    let revision = &digits("revision", number)[..12];
    let tags = if number.is_multiple_of(5) {
        "[]".to_owned()
    } else {
        format!(
            "[\"{repository}:release-2026.11-build.{number}-{revision}\",\"{repository}:sha-{revision}\"]"
        )
    };
    let digest = digits("digest", number);
    (tags, format!("[\"{repository}@sha256:{digest}\"]"))
}

fn labels(size: Size, number: u64) -> String {
    if size.words == Words::Few {
        return "null".to_owned();
    }
    let revision = &digits("revision", number)[..40];
    let (team, service, made) = (number % TEAMS, number % SERVICES, time(number));
    format!(
        "{{\"com.example.team\":\"team-{team}\",\"com.example.pipeline\":\"https://gitlab.example.org/platform-engineering/\
         team-{team}/service-{service}/-/pipelines/{number}\",\"maintainer\":\"Platform Engineering \
         <platform-engineering@example.org>\",\"org.opencontainers.image.created\":\"{made}\",\
         \"org.opencontainers.image.description\":\"Takes orders from the queue, one after another, and writes what became of \
         them\",\"org.opencontainers.image.licenses\":\"Apache-2.0\",\"org.opencontainers.image.revision\":\"{revision}\",\
         \"org.opencontainers.image.source\":\"https://gitlab.example.org/platform-engineering/team-{team}/\
         service-{service}\",\"org.opencontainers.image.title\":\"checkout-service-worker-{service}\",\
         \"org.opencontainers.image.version\":\"2026.11.{number}\"}}"
    )
}

/// A row of `/images/json`.
pub fn image(size: Size, number: u64) -> String {
    let (tags, digests) = names(size, number);
    format!(
        "{{\"Containers\":0,\"Created\":{},\"Id\":\"{}\",\"Labels\":{},\"ParentId\":\"\",\"RepoDigests\":{digests},\
         \"RepoTags\":{tags},\"SharedSize\":-1,\"Size\":{}}}",
        second(size.made(number)),
        image_id(number),
        labels(size, number),
        size.total(number)
    )
}

/// A row of `/system/df?type=image`.
pub fn image_usage(size: Size, number: u64) -> String {
    let shared: u64 = size.layers(number).take(5).map(|it| bytes(it.0)).sum();
    format!(
        "{{\"Containers\":0,\"Id\":\"{}\",\"SharedSize\":{shared},\"Size\":{}}}",
        image_id(number),
        size.total(number)
    )
}

/// `/images/{id}/json`.
pub fn image_inspect(size: Size, number: u64) -> String {
    let layers: Vec<String> = size
        .layers(number)
        .map(|it| format!("\"{}\"", it.diff_id()))
        .collect();
    let folder = |layer: Layer| {
        format!(
            "/var/lib/docker/overlay2/{}/diff",
            digits("folder", layer.0)
        )
    };
    let mut folders = size.layers(number).rev().map(folder);
    let upper = folders.next().expect("a layer");
    let lower: Vec<String> = folders.collect();
    let (tags, digests) = names(size, number);
    format!(
        "{{\"Id\":\"{id}\",\"RepoTags\":{tags},\"RepoDigests\":{digests},\"Created\":\"{made}\",\"Size\":{total},\
         \"GraphDriver\":{{\"Name\":\"overlay2\",\"Data\":{{\"LowerDir\":\"{}\",\"UpperDir\":\"{upper}\"}}}},\
         \"RootFS\":{{\"Type\":\"layers\",\"Layers\":[{}]}},\"Metadata\":{{\"LastTagTime\":\"{made}\"}},\
         \"Config\":{{\"Cmd\":[\"serve\"],\"Env\":[\"PATH=/usr/bin:/bin\"],\"Labels\":{}}}}}",
        lower.join(":"),
        layers.join(","),
        labels(size, number),
        id = image_id(number),
        made = time(size.made(number)),
        total = size.total(number),
    )
}

/// `/images/{id}/history`, the newest first.
pub fn image_history(size: Size, number: u64) -> String {
    let row = |id: &str, second: i64, command: &str, size: u64, comment: &str| {
        format!(
            "{{\"Comment\":\"{comment}\",\"Created\":{second},\"CreatedBy\":\"{command}\",\"Id\":\"{id}\",\"Size\":{size},\
             \"Tags\":null}}"
        )
    };
    let made = second(size.made(number));
    let mut rows: Vec<String> = size
        .layers(number)
        .map(|layer| {
            let command = format!("RUN {} # buildkit", layer.step(size.words));
            let made = second(layer.0);
            row(
                "<missing>",
                made,
                &command,
                bytes(layer.0),
                "buildkit.dockerfile.v0",
            )
        })
        .collect();
    for setting in 0..SETTINGS {
        let command = format!(
            "ENV SERVICE_SETTING_{setting}=value-of-this-setting-in-team-{}",
            number % TEAMS
        );
        rows.push(row(
            "<missing>",
            made,
            &command,
            0,
            "buildkit.dockerfile.v0",
        ));
    }
    rows.reverse();
    format!("[{}]", rows.join(","))
}

/// All records of the build cache of these images, the oldest first.
pub fn records(size: Size, images: impl Iterator<Item = u64>) -> impl Iterator<Item = String> {
    images.flat_map(move |image| {
        let first = if size.is_first(image) { 0 } else { BASE_LAYERS };
        let layers: Vec<Layer> = size.layers(image).collect();
        (first..LAYERS).map(move |place| {
            let place = usize::try_from(place).expect("few");
            let below = place.checked_sub(1).map(|place| layers[place]);
            record(size, layers[place], below)
        })
    })
}

fn record(size: Size, layer: Layer, below: Option<Layer>) -> String {
    let parents = below.map_or(String::new(), |it| {
        format!("\" Parents\":[\"{}\"],", it.record())
    });
    let made = time(layer.0);
    let description = if layer.is_of_base() {
        "pulled from docker.io/library/node:22-bookworm-slim".to_owned()
    } else {
        format!("mount / from exec {}", layer.step(size.words))
    };
    format!(
        "{{\"ID\":\"{}\",{parents}\"Type\":\"regular\",\"Description\":\"{description}\",\"InUse\":false,\
         \"Shared\":true,\"Size\":{},\"CreatedAt\":\"{made}\",\"LastUsedAt\":\"{made}\",\"UsageCount\":1}}",
        layer.record(),
        bytes(layer.0),
    )
}

pub fn container_id(number: u64) -> String {
    digits("container", number)
}

pub fn volume_name(number: u64) -> String {
    if number.is_multiple_of(3) {
        digits("volume", number)
    } else {
        format!("team-{}_checkout-service-data-{number}", number % TEAMS)
    }
}

/// A row of `/containers/json`, of a container of an image.
pub fn container(number: u64, image: u64) -> String {
    let state = if number.is_multiple_of(2) {
        "running"
    } else {
        "exited"
    };
    let volume = volume_name(number);
    format!(
        "{{\"Id\":\"{}\",\"Names\":[\"/checkout-service-worker-{number}\"],\"Image\":\"{}:sha-1\",\"ImageID\":\"{}\",\
         \"Command\":\"/entrypoint.sh serve --port 8080\",\"Created\":{},\"Labels\":{{\"com.docker.compose.project\":\
         \"shop-{}\",\"com.docker.compose.config-hash\":\"{}\"}},\"State\":\"{state}\",\"Mounts\":[{{\"Type\":\"volume\",\
         \"Name\":\"{volume}\",\"Driver\":\"local\",\"Destination\":\"/data\"}}]}}",
        container_id(number),
        repository(image),
        image_id(image),
        second(number),
        number % TEAMS,
        digits("hash", number),
    )
}

/// `/containers/{id}/json?size=1`.
pub fn container_inspect(size: Size, number: u64, image: u64) -> String {
    let id = container_id(number);
    let folder = |layer: Layer| {
        format!(
            "/var/lib/docker/overlay2/{}/diff",
            digits("folder", layer.0)
        )
    };
    let lower: Vec<String> = size.layers(image).rev().map(folder).collect();
    let (written, made) = (bytes(number), time(number));
    format!(
        "{{\"Id\":\"{id}\",\"SizeRw\":{written},\"SizeRootFs\":{},\"Image\":\"{}\",\"LogPath\":\"/var/lib/docker/containers/\
         {id}/{id}-json.log\",\"State\":{{\"StartedAt\":\"{made}\",\"FinishedAt\":\"{made}\"}},\"HostConfig\":{{\
         \"AutoRemove\":false,\"LogConfig\":{{\"Type\":\"json-file\",\"Config\":{{}}}}}},\"Config\":{{}},\"GraphDriver\":\
         {{\"Name\":\"overlay2\",\"Data\":{{\"LowerDir\":\"/var/lib/docker/overlay2/{id}-init/diff:{}\"}}}}}}",
        size.total(image) + written,
        image_id(image),
        lower.join(":"),
    )
}

/// A row of `/volumes`.
pub fn volume(number: u64) -> String {
    let name = volume_name(number);
    format!(
        "{{\"Name\":\"{name}\",\"Driver\":\"local\",\"CreatedAt\":\"{}\",\"Labels\":{{\"com.docker.compose.project\":\
         \"shop-{}\"}},\"Mountpoint\":\"/var/lib/docker/volumes/{name}/_data\",\"Options\":null,\"Scope\":\"local\"}}",
        time(number),
        number % TEAMS
    )
}

/// A row of `/system/df?type=volume`.
pub fn volume_usage(number: u64) -> String {
    format!(
        "{{\"Name\":\"{}\",\"Driver\":\"local\",\"UsageData\":{{\"RefCount\":1,\"Size\":{}}}}}",
        volume_name(number),
        bytes(number)
    )
}

/// A line of `/events`.
pub fn event(kind: &str, action: &str, id: &str, name: &str) -> String {
    format!(
        "{{\"Type\":\"{kind}\",\"Action\":\"{action}\",\"Actor\":{{\"ID\":\"{id}\",\"Attributes\":{{\"name\":\"{name}\",\
         \"com.example.description\":\"as long as what an engine writes of all the labels that a thing has\"}}}},\
         \"scope\":\"local\",\"time\":{BEGIN},\"timeNano\":{BEGIN}000000000}}\n"
    )
}
