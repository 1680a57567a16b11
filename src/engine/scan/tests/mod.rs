use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::fake::{Behaviour, Fake, container, image, volume};
use super::*;
use crate::domain::bytes::{Bytes, Figure};
use crate::domain::inventory::{EngineInfo, Inventory, Part, Progress, Stage, Store, Swarm};
use crate::domain::item::{ContainerId, ImageId, State};
use crate::domain::store::content::{BlobList, Listed};
use crate::engine::{Change, Engine, EngineError};

mod local;

/// A watched fake, and the picture that its answers make.
struct Watched {
    fake: Arc<Fake>,
    requests: UnboundedSender<Request>,
    sights: UnboundedReceiver<Update>,
    messages: usize,
    /// Attempts that failed since it answered last.
    attempts: usize,
    inventory: Inventory,
    watch: JoinHandle<()>,
}

impl Watched {
    fn new(fake: Fake) -> Self {
        let fake = Arc::new(fake);
        let (requests, asked) = unbounded_channel();
        let (out, sights) = unbounded_channel();
        let watch = tokio::spawn(watch(Arc::clone(&fake) as Arc<dyn Engine>, asked, out));
        Self {
            fake,
            requests,
            sights,
            messages: 0,
            attempts: 0,
            inventory: Inventory::default(),
            watch,
        }
    }

    /// Lets time go by and takes in what comes.
    async fn wait(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while let Ok(Some(sight)) = tokio::time::timeout_at(until, self.sights.recv()).await {
            match sight {
                Update::Parts(parts) => {
                    self.messages += 1;
                    for part in parts {
                        self.inventory.apply(part);
                    }
                }
                Update::Lost { .. } => self.attempts += 1,
                Update::Back => self.attempts = 0,
            }
        }
    }

    async fn seconds(&mut self, seconds: u64) {
        self.wait(Duration::from_secs(seconds)).await;
    }

    fn ask(&self, request: Request) {
        self.requests.send(request).unwrap();
    }

    fn is_done(&self, stages: &[Stage]) -> bool {
        stages.iter().all(|stage| self.inventory.is_done(*stage))
    }

    fn failure(&self, stage: Stage) -> Option<&str> {
        match self.inventory.stage(stage) {
            Progress::Failed(words) => Some(words),
            _ => None,
        }
    }
}

fn sized(images: usize, containers: usize, volumes: usize) -> Fake {
    let fake = Fake::new();
    *fake.images.lock().unwrap() = (0..images).map(|n| image(&n.to_string())).collect();
    *fake.containers.lock().unwrap() = (0..containers)
        .map(|n| container(&n.to_string(), State::Exited))
        .collect();
    *fake.volumes.lock().unwrap() = (0..volumes).map(|n| volume(&n.to_string())).collect();
    fake
}

fn lost() -> EngineError {
    EngineError::Unreachable {
        host: "fake".into(),
        cause: "cut".into(),
    }
}

fn refused(message: &str) -> EngineError {
    EngineError::Refused {
        status: 500,
        message: message.into(),
    }
}

const BUT_VOLUME_SIZES: [Stage; 7] = [
    Stage::Images,
    Stage::Containers,
    Stage::Volumes,
    Stage::BuildCache,
    Stage::SharedSizes,
    Stage::Layers,
    Stage::ContainerSizes,
];

#[tokio::test(start_paused = true)]
async fn everything_but_the_volume_sizes_comes_although_these_never_do() {
    let fake = sized(100, 10, 3);
    fake.script("volume_sizes", Behaviour::Never);
    let mut watched = Watched::new(fake);
    watched.seconds(1).await;
    assert!(watched.is_done(&BUT_VOLUME_SIZES));
    let inventory = &watched.inventory;
    assert!(
        inventory
            .images
            .iter()
            .all(|i| matches!(i.content, Figure::Known(_)))
    );
    assert!(matches!(
        inventory.stage(Stage::VolumeSizes),
        Progress::Running(_)
    ));
    assert!(inventory.volumes.iter().all(|v| v.size.is_pending()));
    // Nothing stops it, and nothing repeats it.
    watched.seconds(24 * 3_600).await;
    assert_eq!(watched.fake.count("volume_sizes"), 1);
    let stage = watched.inventory.stage(Stage::VolumeSizes);
    assert!(matches!(stage, Progress::Running(_)));
}

#[tokio::test(start_paused = true)]
async fn a_list_is_shown_before_a_slower_one_answers() {
    let fake = sized(3, 3, 3);
    fake.script("volumes", Behaviour::After(Duration::from_secs(30)));
    fake.script("build_cache", Behaviour::After(Duration::from_secs(300)));
    let mut watched = Watched::new(fake);
    watched.seconds(1).await;
    assert!(watched.is_done(&[
        Stage::Images,
        Stage::Containers,
        Stage::Layers,
        Stage::ContainerSizes
    ]));
    assert!(!watched.is_done(&[Stage::Volumes]) && !watched.is_done(&[Stage::BuildCache]));
    watched.seconds(60).await;
    assert!(watched.is_done(&[Stage::Volumes, Stage::VolumeSizes]));
    assert!(!watched.is_done(&[Stage::BuildCache]));
    watched.seconds(300).await;
    assert!(watched.is_done(&[Stage::BuildCache]));
}

#[tokio::test(start_paused = true)]
async fn the_walk_over_all_volumes_is_asked_last() {
    let mut watched = Watched::new(sized(20, 9, 1));
    watched.seconds(2).await;
    let calls = watched.fake.calls();
    assert_eq!(calls.last().unwrap(), "volume_sizes");
    let first = |what: &str| {
        calls
            .iter()
            .position(|call| call.starts_with(what))
            .unwrap()
    };
    assert!(first("shared_sizes") < first("container "));
    assert!(first("image ") < first("container "));
    assert_eq!(watched.inventory.volumes[0].size, Figure::Known(Bytes(9)));
}

#[tokio::test(start_paused = true)]
async fn a_stage_that_fails_stops_no_other() {
    for stage in [
        "images",
        "containers",
        "volumes",
        "services",
        "build_cache",
        "shared_sizes",
        "volume_sizes",
    ] {
        let fake = sized(5, 5, 5);
        fake.script(stage, Behaviour::Fails(refused("no space left on device")));
        let mut watched = Watched::new(fake);
        watched.seconds(2).await;
        for other in Stage::ALL {
            let words = watched.failure(other);
            let expected = other.word().replace(' ', "_") == stage;
            assert_eq!(words.is_some(), expected, "{stage}: {other:?} {words:?}");
            let waits = matches!(watched.inventory.stage(other), Progress::Waiting);
            let needs = match other {
                Stage::Layers => stage == "images",
                Stage::ContainerSizes => stage == "containers",
                _ => false,
            };
            assert_eq!(waits, needs, "{stage}: {other:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_image_that_hangs_holds_up_neither_the_others_nor_the_sizes() {
    let fake = sized(30, 6, 1);
    fake.script("image 3", Behaviour::Never);
    fake.script("container 2", Behaviour::Never);
    let mut watched = Watched::new(fake);
    watched.seconds(2).await;
    let pending = watched
        .inventory
        .images
        .iter()
        .filter(|i| i.content.is_pending());
    assert_eq!(pending.count(), 1);
    assert!(watched.is_done(&[Stage::VolumeSizes]));
    // A walk over a writable layer may take any time; an inspection may not.
    watched.seconds(60).await;
    assert!(watched.failure(Stage::Layers).is_some());
    assert!(matches!(
        watched.inventory.stage(Stage::ContainerSizes),
        Progress::Running(_)
    ));
}

#[tokio::test(start_paused = true)]
async fn a_failed_list_leaves_the_old_picture() {
    let mut watched = Watched::new(sized(5, 5, 5));
    watched.seconds(2).await;
    watched
        .fake
        .script("images", Behaviour::Fails(refused("busy")));
    watched.ask(Request::Rescan);
    watched.seconds(2).await;
    assert_eq!(watched.failure(Stage::Images), Some("busy (status 500)"));
    assert_eq!(watched.inventory.images.len(), 5);
    watched.fake.heal();
    watched.ask(Request::Rescan);
    watched.seconds(2).await;
    assert!(watched.is_done(&[Stage::Images]));
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_events_is_one_relist_of_what_changed() {
    let mut watched = Watched::new(sized(5, 5, 5));
    watched.seconds(2).await;
    watched.fake.forget_calls();
    for _ in 0..20 {
        watched.fake.happens(Change::Images);
        watched.wait(Duration::from_millis(10)).await;
    }
    assert_eq!(watched.fake.calls(), [""; 0]);
    watched.fake.images.lock().unwrap().push(image("new"));
    watched.seconds(2).await;
    let mut calls = watched.fake.calls();
    assert_eq!(calls[0], "images");
    calls.sort();
    assert_eq!(
        calls,
        ["build_cache", "image new", "images", "shared_sizes"]
    );
    assert!(watched.is_done(&Stage::ALL));
}

#[tokio::test(start_paused = true)]
async fn events_that_never_cease_are_followed_every_two_seconds() {
    let mut watched = Watched::new(sized(1, 1, 1));
    watched.seconds(2).await;
    watched.fake.forget_calls();
    for _ in 0..100 {
        watched.fake.happens(Change::Volumes);
        watched.wait(Duration::from_millis(100)).await;
    }
    let count = watched.fake.count("volumes");
    assert!((4..=6).contains(&count), "{count}");
}

#[tokio::test(start_paused = true)]
async fn a_changed_container_is_inspected_anew_and_no_other() {
    let mut watched = Watched::new(sized(2, 3, 2));
    watched.seconds(2).await;
    watched.fake.forget_calls();
    watched
        .fake
        .happens(Change::Container(ContainerId::new("1")));
    watched
        .fake
        .happens(Change::Container(ContainerId::new("gone")));
    watched.seconds(2).await;
    let mut calls = watched.fake.calls();
    calls.sort();
    assert_eq!(calls, ["container 1", "containers"]);
    // A change that no event told is seen in the list.
    watched.fake.forget_calls();
    watched.fake.containers.lock().unwrap()[2].state = State::Running;
    watched
        .fake
        .happens(Change::Container(ContainerId::new("gone")));
    watched.seconds(2).await;
    assert_eq!(watched.fake.count("container 2"), 1);
    assert_eq!(watched.fake.count("container 1"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_lost_stream_is_taken_up_again_and_everything_listed() {
    let mut watched = Watched::new(sized(5, 5, 5));
    watched.seconds(2).await;
    watched.fake.forget_calls();
    watched.fake.script("about", Behaviour::Fails(lost()));
    watched.fake.cut();
    watched.seconds(20).await;
    // While it is gone it is only knocked at, more and more seldom.
    let calls = watched.fake.calls();
    assert!(calls.iter().all(|call| call == "about"), "{calls:?}");
    assert!((10..=12).contains(&calls.len()), "{calls:?}");
    assert_eq!(watched.attempts, calls.len());
    assert_eq!(watched.failure(Stage::Images), Some("fake: cut"));
    assert_eq!(watched.inventory.images.len(), 5);

    watched.fake.heal();
    watched.fake.images.lock().unwrap().push(image("new"));
    watched.fake.forget_calls();
    // No outage is so long that its end is not noticed soon.
    watched.seconds(3).await;
    assert_eq!(watched.attempts, 0, "it is said to be back");
    for list in [
        "changes",
        "images",
        "containers",
        "services",
        "volumes",
        "build_cache",
        "shared_sizes",
        "image new",
    ] {
        assert_eq!(watched.fake.count(list), 1, "{list}");
    }
    // What cannot have changed, or costs a walk, is not repeated.
    for not in ["image 0", "container 0", "volume_sizes"] {
        assert_eq!(watched.fake.count(not), 0, "{not}");
    }
    assert!(watched.is_done(&Stage::ALL));
    watched.fake.happens(Change::Volumes);
    watched.seconds(1).await;
    assert_eq!(watched.fake.count("volumes"), 2);
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_a_scan_during_an_outage_does_not_wait_for_the_next_attempt() {
    let mut watched = Watched::new(sized(1, 1, 1));
    watched.seconds(2).await;
    watched.fake.script("about", Behaviour::Fails(lost()));
    watched.fake.cut();
    watched.seconds(20).await;
    watched.fake.forget_calls();
    watched.ask(Request::Rescan);
    watched.wait(Duration::from_millis(10)).await;
    assert_eq!(watched.fake.calls(), ["about"]);
    watched.fake.heal();
    watched.ask(Request::Rescan);
    watched.wait(Duration::from_millis(10)).await;
    assert_eq!((watched.attempts, watched.fake.count("images")), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn streams_that_always_break_do_not_keep_the_engine_busy() {
    let mut watched = Watched::new(sized(1, 1, 1));
    watched.seconds(1).await;
    watched.fake.forget_calls();
    for _ in 0..600 {
        watched.fake.cut();
        watched.seconds(1).await;
    }
    let scans = watched.fake.count("images");
    assert!((10..=20).contains(&scans), "{scans} in ten minutes");
    // One that holds is a good one, and what breaks it is an accident.
    watched.seconds(60).await;
    watched.fake.forget_calls();
    watched.fake.cut();
    watched.seconds(1).await;
    assert_eq!(watched.fake.count("images"), 1);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_comes_back_with_its_other_store_is_asked_for_its_blobs() {
    let fake = sized(1, 0, 0);
    fake.info.lock().unwrap().store = Store::Containerd;
    let mut watched = Watched::new(fake);
    watched.seconds(2).await;
    let restart = async |watched: &mut Watched, store| {
        watched.fake.info.lock().unwrap().store = store;
        watched.fake.forget_calls();
        watched.fake.cut();
        watched.seconds(2).await;
        watched.fake.count("blobs") > 0
    };
    assert!(!restart(&mut watched, Store::GraphDriver).await);
    assert!(
        watched.inventory.blobs.is_pending(),
        "none are of this store"
    );
    assert!(restart(&mut watched, Store::Containerd).await);
    assert!(!watched.inventory.blobs.is_pending());
}

#[tokio::test(start_paused = true)]
async fn an_engine_without_events_is_not_asked_for_them_again() {
    let fake = sized(1, 1, 1);
    let forbidden = EngineError::Refused {
        status: 403,
        message: "events are not permitted".into(),
    };
    fake.script("changes", Behaviour::Fails(forbidden));
    let mut watched = Watched::new(fake);
    watched.seconds(3_600).await;
    assert_eq!(watched.fake.count("changes"), 1);
    assert_eq!(watched.fake.count("images"), 1);
    assert!(watched.is_done(&Stage::ALL));
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_cannot_tell_events_now_is_asked_again() {
    let fake = sized(1, 1, 1);
    let busy = Behaviour::Fails(refused("upstream is starting"));
    fake.script("changes", busy);
    let mut watched = Watched::new(fake);
    watched.seconds(3_600).await;
    let asked = watched.fake.count("changes");
    assert!((10..=20).contains(&asked), "{asked} in an hour");
    watched.fake.heal();
    watched.seconds(600).await;
    watched.fake.volumes.lock().unwrap().push(volume("new"));
    watched.fake.happens(Change::Volumes);
    watched.seconds(1).await;
    assert_eq!(watched.inventory.volumes.len(), 2);
}

/// A request of thousands that hangs, or is cut, is asked again though nothing else happens.
#[tokio::test(start_paused = true)]
async fn what_was_lost_of_one_object_is_unknown_and_comes_once_it_can() {
    let fake = sized(30, 6, 0);
    fake.script("image 3", Behaviour::Never);
    fake.script("container 2", Behaviour::Fails(lost()));
    let mut watched = Watched::new(fake);
    watched.seconds(61).await;
    let content = |watched: &Watched| watched.inventory.images[3].content.clone();
    let details = |watched: &Watched| watched.inventory.containers[2].details.clone();
    assert_eq!(content(&watched), Figure::Unknown);
    assert_eq!(details(&watched), Figure::Unknown);
    assert!(watched.failure(Stage::Layers).is_some());
    assert!(watched.failure(Stage::ContainerSizes).is_some());
    // As long as it does, that is no news, and costs less and less.
    watched.fake.script("image 3", Behaviour::Fails(lost()));
    watched.seconds(120).await;
    watched.fake.forget_calls();
    let messages = watched.messages;
    watched.seconds(3_600).await;
    assert_eq!(watched.messages, messages);
    let asked = watched.fake.count("image 3");
    assert!((8..=20).contains(&asked), "{asked} in an hour");
    watched.fake.heal();
    watched.seconds(301).await;
    assert!(matches!(content(&watched), Figure::Known(_)));
    assert!(matches!(details(&watched), Figure::Known(_)));
    assert!(watched.is_done(&Stage::ALL));
    // What has come is not asked again.
    watched.fake.forget_calls();
    watched.fake.happens(Change::Images);
    watched.seconds(600).await;
    assert_eq!(watched.fake.count("image 3"), 0);
}

/// A stream that is lost while the engine is well repeats no walk and nothing that the lists decide.
#[tokio::test(start_paused = true)]
async fn shared_sizes_of_the_same_images_are_not_asked_again() {
    let mut watched = Watched::new(sized(5, 1, 1));
    watched.seconds(2).await;
    watched.fake.forget_calls();
    watched.fake.cut();
    watched.seconds(5).await;
    assert_eq!(watched.fake.count("images"), 1);
    assert_eq!(watched.fake.count("shared_sizes"), 0);
    assert_eq!(watched.fake.count("volume_sizes"), 0);
    assert!(watched.is_done(&Stage::ALL));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_twice_in_a_scan_and_nothing_polled() {
    let mut watched = Watched::new(sized(50, 20, 5));
    watched.seconds(24 * 3_600).await;
    let mut calls = watched.fake.calls();
    calls.sort();
    let asked = calls.len();
    calls.dedup();
    assert_eq!(asked, calls.len());
    assert_eq!(asked, 9 + 50 + 20);
}

#[tokio::test(start_paused = true)]
async fn a_rescan_measures_again_but_not_what_an_id_fixes() {
    let mut watched = Watched::new(sized(5, 5, 5));
    watched.seconds(2).await;
    watched.fake.forget_calls();
    watched.ask(Request::Rescan);
    watched.seconds(2).await;
    for again in [
        "images",
        "container 0",
        "volume_sizes",
        "shared_sizes",
        "build_cache",
    ] {
        assert_eq!(watched.fake.count(again), 1, "{again}");
    }
    assert_eq!(watched.fake.count("image 0"), 0);
    assert!(watched.is_done(&Stage::ALL));
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_layers_is_few_messages() {
    let mut watched = Watched::new(sized(2_000, 0, 0));
    watched.seconds(2).await;
    assert!(watched.is_done(&Stage::ALL));
    assert!(watched.messages < 60, "{}", watched.messages);
}

#[tokio::test(start_paused = true)]
async fn no_more_than_eight_images_and_four_containers_are_asked_at_once() {
    let fake = sized(30, 30, 0);
    for n in 0..30 {
        let slow = Behaviour::After(Duration::from_secs(1));
        fake.script(&format!("image {n}"), slow.clone());
        fake.script(&format!("container {n}"), slow);
    }
    let mut watched = Watched::new(fake);
    let asked = |watched: &Watched, what: &str| {
        let calls = watched.fake.calls();
        calls.iter().filter(|call| call.starts_with(what)).count()
    };
    watched.wait(Duration::from_millis(500)).await;
    assert_eq!(asked(&watched, "image "), 8);
    assert_eq!(asked(&watched, "container "), 0);
    watched.seconds(3).await;
    assert_eq!(asked(&watched, "image "), 30);
    assert_eq!(asked(&watched, "container "), 4);
}

#[tokio::test(start_paused = true)]
async fn what_is_looked_at_jumps_the_queue() {
    let fake = sized(30, 0, 0);
    for n in 0..8 {
        fake.script(
            &format!("image {n}"),
            Behaviour::After(Duration::from_secs(1)),
        );
    }
    let mut watched = Watched::new(fake);
    watched.wait(Duration::from_millis(500)).await;
    let seen = ["25", "20"].map(ImageId::new);
    watched.ask(Request::LookFirst(seen.to_vec()));
    watched.seconds(2).await;
    let calls = watched.fake.calls();
    let at = |id: &str| calls.iter().position(|call| *call == format!("image {id}"));
    assert!(at("25") < at("20") && at("20") < at("8"), "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn stopped_containers_are_measured_first() {
    let fake = Fake::new();
    *fake.containers.lock().unwrap() = (0..20)
        .map(|n| {
            container(
                &n.to_string(),
                if n < 10 {
                    State::Running
                } else {
                    State::Exited
                },
            )
        })
        .collect();
    let mut watched = Watched::new(fake);
    watched.seconds(2).await;
    let calls = watched.fake.calls();
    let first: Vec<&String> = calls
        .iter()
        .filter(|call| call.starts_with("container "))
        .collect();
    assert_eq!(first[0], "container 10");
    assert_eq!(first[10], "container 0");
}

#[tokio::test(start_paused = true)]
async fn an_old_engine_walks_once_at_the_end_and_not_after_events() {
    let fake = sized(5, 5, 5);
    fake.info.lock().unwrap().api = "1.41".into();
    let mut watched = Watched::new(fake);
    watched.seconds(2).await;
    let calls = watched.fake.calls();
    let mut last: Vec<&str> = calls[calls.len() - 3..]
        .iter()
        .map(String::as_str)
        .collect();
    last.sort_unstable();
    assert_eq!(last, ["build_cache", "shared_sizes", "volume_sizes"]);
    watched.fake.forget_calls();
    watched.ask(Request::BuildCacheVisible(true));
    watched.fake.images.lock().unwrap().push(image("new"));
    watched.fake.happens(Change::Images);
    watched.fake.happens(Change::BuildCache);
    watched.seconds(120).await;
    assert_eq!(watched.fake.calls(), ["images", "image new"]);
    // Nobody will tell its shared size now: it is unknown, not pending for ever.
    assert_eq!(watched.inventory.images[5].shared, Figure::Unknown);
    watched.ask(Request::Rescan);
    watched.seconds(2).await;
    assert_eq!(watched.fake.count("build_cache"), 1);
}

fn containerd() -> Fake {
    let fake = sized(2, 1, 0);
    fake.info.lock().unwrap().store = Store::Containerd;
    fake
}

#[tokio::test(start_paused = true)]
async fn blobs_come_after_the_layers_and_anew_when_the_build_cache_has_changed() {
    let mut watched = Watched::new(containerd());
    let slow = Behaviour::After(Duration::from_secs(5));
    watched.fake.script("blobs", slow);
    watched.seconds(2).await;
    assert!(watched.inventory.blobs.is_pending());
    assert!(!watched.is_done(&[Stage::Layers]), "blobs belong to it");
    watched.seconds(20).await;
    assert!(watched.inventory.blobs.as_ref().known().is_some());
    assert!(watched.is_done(&[Stage::Layers]));
    let calls = watched.fake.calls();
    let at = |call: &str| calls.iter().position(|it| it == call).unwrap();
    assert!(at("blobs") > at("image 0") && at("blobs") > at("image 1"));
    watched.fake.forget_calls();
    watched.fake.happens(Change::BuildCache);
    watched.seconds(20).await;
    assert_eq!(watched.fake.calls(), ["build_cache", "blobs"]);
}

/// Returns a layer's blob of so many bytes that no image has.
fn orphan(digest: &str, size: u64) -> Listed {
    Listed {
        digest: digest.into(),
        size: Bytes(size),
        labels: vec![("containerd.io/uncompressed".into(), "diff".into())],
    }
}

#[tokio::test(start_paused = true)]
async fn what_only_a_blob_tells_is_read_once_the_cache_keeps_it() {
    let fake = containerd();
    let listed = vec![orphan("base", 701), orphan("other", 303)];
    *fake.blobs.lock().unwrap() = BlobList::new(listed);
    let mut watched = Watched::new(fake);
    watched.seconds(20).await;
    assert_eq!(watched.fake.count("extents"), 0, "no record is so large");
    *watched.fake.record.lock().unwrap() = Some(Bytes(701));
    for _ in 0..2 {
        watched.fake.happens(Change::BuildCache);
        watched.seconds(20).await;
        assert_eq!(watched.fake.count("extents"), 1);
        let known: Vec<&str> = watched.inventory.extents.keys().map(|it| &**it).collect();
        assert_eq!(known, ["base"]);
    }
    let fast = ScanScope::without_walks(&watched.inventory.engine);
    for (wanted, read) in [(fast, 0), (ScanScope::ALL, 1)] {
        let once = once(&watched.fake, wanted, &Inventory::default()).await;
        assert_eq!(once.unwrap().extents.len(), read);
    }
}

#[tokio::test(start_paused = true)]
async fn blobs_that_do_not_come_are_unknown_until_they_do() {
    let mut watched = Watched::new(containerd());
    watched.fake.script("blobs", Behaviour::Fails(lost()));
    watched.seconds(3).await;
    assert_eq!(watched.inventory.blobs, Figure::Unknown);
    assert!(watched.failure(Stage::Layers).is_some());
    watched.fake.heal();
    watched.ask(Request::Rescan);
    watched.seconds(3).await;
    assert!(watched.inventory.blobs.as_ref().known().is_some());
    assert!(watched.is_done(&[Stage::Layers]));
    watched.fake.script("blobs", Behaviour::Fails(lost()));
    watched.ask(Request::Rescan);
    watched.seconds(3).await;
    let list = watched.inventory.blobs.as_ref().known();
    assert!(list.is_some(), "the last one stays in force");
}

#[tokio::test(start_paused = true)]
async fn a_graph_driver_is_not_asked_for_blobs() {
    let mut watched = Watched::new(sized(2, 1, 0));
    watched.seconds(3).await;
    assert_eq!(watched.fake.count("blobs"), 0);
    assert!(watched.is_done(&[Stage::Layers]));
    let once = once(&containerd(), ScanScope::ALL, &Inventory::default()).await;
    assert!(once.unwrap().blobs.as_ref().known().is_some());
}

#[tokio::test(start_paused = true)]
async fn an_engine_without_build_cache_is_not_asked_for_it() {
    let fake = sized(1, 0, 0);
    fake.info.lock().unwrap().has_build_cache = false;
    let mut watched = Watched::new(fake);
    watched.ask(Request::BuildCacheVisible(true));
    watched.seconds(120).await;
    assert_eq!(watched.fake.count("build_cache"), 0);
    assert!(watched.is_done(&[Stage::BuildCache]));
}

#[tokio::test(start_paused = true)]
async fn build_cache_is_listed_every_half_minute_only_while_it_is_looked_at() {
    let mut watched = Watched::new(sized(1, 0, 0));
    watched.seconds(100).await;
    assert_eq!(watched.fake.count("build_cache"), 1);
    watched.ask(Request::BuildCacheVisible(true));
    watched.seconds(91).await;
    let count = watched.fake.count("build_cache");
    assert!((4..=5).contains(&count), "{count}");
    watched.ask(Request::BuildCacheVisible(false));
    watched.seconds(600).await;
    assert_eq!(watched.fake.count("build_cache"), count);
}

/// Nothing is written to a terminal that shows an idle engine, whichever pane is open.
#[tokio::test(start_paused = true)]
async fn a_build_cache_that_does_not_change_says_nothing_while_it_is_looked_at() {
    let mut watched = Watched::new(containerd());
    watched.seconds(10).await;
    watched.ask(Request::BuildCacheVisible(true));
    watched.fake.forget_calls();
    let before = watched.messages;
    watched.seconds(300).await;
    assert_eq!(watched.messages, before);
    let calls = watched.fake.calls();
    assert!(calls.iter().all(|call| call == "build_cache"), "{calls:?}");
    assert!((9..=10).contains(&calls.len()), "{calls:?}");
    // What grows is shown, and what refers to it asked anew.
    *watched.fake.record.lock().unwrap() = Some(Bytes(701));
    watched.seconds(31).await;
    let size = watched.inventory.cache[0].size;
    assert_eq!(size, Figure::Known(Bytes(701)));
    assert_eq!(watched.fake.count("blobs"), 1);
    // While it goes on growing it is listed once a look, and not asked first whether it has grown.
    watched.fake.forget_calls();
    for size in 702..705 {
        *watched.fake.record.lock().unwrap() = Some(Bytes(size));
        watched.seconds(30).await;
    }
    assert_eq!(watched.fake.count("build_cache"), 3);
    // A failure is told once, and that it is over.
    let busy = Behaviour::Fails(refused("busy"));
    watched.fake.script("build_cache", busy);
    watched.seconds(31).await;
    assert!(watched.failure(Stage::BuildCache).is_some());
    let before = watched.messages;
    watched.seconds(300).await;
    assert_eq!(watched.messages, before);
    watched.fake.heal();
    watched.seconds(31).await;
    assert!(watched.is_done(&Stage::ALL));
    // An event during a silent look is announced.
    watched.fake.happens(Change::BuildCache);
    watched.seconds(1).await;
    assert!(watched.messages > before + 1);
}

/// A list that says what it said makes nobody understand everything anew.
#[tokio::test(start_paused = true)]
async fn lists_that_say_the_same_are_not_sent_again() {
    let mut watched = Watched::new(sized(5, 5, 5));
    watched.seconds(2).await;
    let lists = async |watched: &mut Watched| {
        let mut lists = Vec::new();
        let until = Instant::now() + Duration::from_secs(3);
        while let Ok(Some(sight)) = tokio::time::timeout_at(until, watched.sights.recv()).await {
            let Update::Parts(parts) = sight else {
                continue;
            };
            for part in parts {
                lists.extend(match &part {
                    Part::Images(_) => Some("images"),
                    Part::Containers(_) => Some("containers"),
                    Part::Volumes(_) => Some("volumes"),
                    Part::Outsiders(..) => Some("services"),
                    Part::BuildCache(_) => Some("build cache"),
                    Part::Logs(_) => Some("logs"),
                    _ => None,
                });
                watched.inventory.apply(part);
            }
        }
        lists
    };
    let container = Change::Container(ContainerId::new("1"));
    for change in [Change::Images, container.clone(), Change::Volumes] {
        watched.fake.happens(change);
    }
    watched.fake.happens(Change::BuildCache);
    assert_eq!(lists(&mut watched).await, [""; 0]);
    watched.ask(Request::Rescan);
    assert_eq!(lists(&mut watched).await, [""; 0]);
    assert!(watched.is_done(&Stage::ALL));
    watched.fake.containers.lock().unwrap()[1].state = State::Running;
    watched.fake.happens(container);
    assert_eq!(lists(&mut watched).await, ["containers"]);
    watched.fake.images.lock().unwrap().clear();
    watched.fake.happens(Change::Images);
    assert_eq!(lists(&mut watched).await, ["images"]);
    assert!(watched.inventory.images.is_empty());
}

#[tokio::test(start_paused = true)]
async fn services_are_asked_after_changes_only_where_there_may_be_some() {
    let mut watched = Watched::new(sized(1, 1, 0));
    watched.seconds(2).await;
    assert_eq!(watched.fake.count("services"), 1);
    let change = Change::Container(ContainerId::new("0"));
    watched.fake.happens(change.clone());
    watched.seconds(2).await;
    assert_eq!(watched.fake.count("services"), 1);
    // A swarm is made.
    watched.fake.info.lock().unwrap().swarm = Swarm::Manager;
    watched.fake.happens(Change::Swarm);
    watched.seconds(2).await;
    assert_eq!(watched.fake.count("services"), 2);
    watched.fake.happens(change);
    watched.seconds(2).await;
    assert_eq!(watched.fake.count("services"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_volume_that_comes_after_the_walk_is_unknown_and_not_pending() {
    let mut watched = Watched::new(sized(0, 0, 2));
    watched.seconds(2).await;
    watched.fake.volumes.lock().unwrap().push(volume("late"));
    watched.fake.happens(Change::Volumes);
    watched.seconds(2).await;
    let sizes: Vec<_> = watched.inventory.volumes.iter().map(|v| v.size).collect();
    let known = Figure::Known(Bytes(9));
    assert_eq!(sizes, [known, known, Figure::Unknown]);
    assert_eq!(watched.fake.count("volume_sizes"), 1);
    watched.ask(Request::Rescan);
    watched.seconds(2).await;
    assert_eq!(watched.inventory.volumes[2].size, known);
}

#[tokio::test(start_paused = true)]
async fn what_the_engine_refuses_of_one_image_is_unknown_and_what_is_cut_is_asked_again() {
    let fake = sized(3, 0, 0);
    fake.script(
        "image 0",
        Behaviour::Fails(refused("layer not found (corruption?)")),
    );
    fake.script("image 1", Behaviour::Fails(lost()));
    let mut watched = Watched::new(fake);
    watched.seconds(2).await;
    assert_eq!(watched.failure(Stage::Layers), Some("fake: cut"));
    assert!(matches!(
        watched.inventory.images[0].content,
        Figure::Unknown
    ));
    // The others' figures are bounds until then.
    assert_eq!(watched.inventory.images[1].content, Figure::Unknown);
    watched.fake.heal();
    watched.fake.forget_calls();
    watched.fake.happens(Change::Images);
    watched.seconds(2).await;
    assert_eq!(watched.fake.count("image 0"), 0);
    assert_eq!(watched.fake.count("image 1"), 1);
    assert!(watched.is_done(&[Stage::Layers]));
    watched.ask(Request::Rescan);
    watched.seconds(2).await;
    assert!(matches!(
        watched.inventory.images[0].content,
        Figure::Known(_)
    ));
}

#[tokio::test(start_paused = true)]
async fn it_ends_when_nobody_listens() {
    let fake = sized(3, 3, 3);
    fake.script("volume_sizes", Behaviour::Never);
    let mut watched = Watched::new(fake);
    watched.seconds(1).await;
    drop(watched.sights);
    tokio::time::timeout(Duration::from_secs(1), watched.watch)
        .await
        .expect("it ends")
        .expect("without a panic");
}

#[tokio::test]
async fn a_local_engine_is_proven_and_its_disk_sent() {
    let root = tempfile::TempDir::new().unwrap();
    std::fs::write(root.path().join("engine-id"), "mine").unwrap();
    let fake = sized(1, 1, 1);
    {
        let mut info = fake.info.lock().unwrap();
        info.host = "unix:///run/x.sock".into();
        info.root = root.path().to_str().unwrap().into();
        info.engine_id = "mine".into();
    }
    let mut watched = Watched::new(fake);
    watched.wait(Duration::from_millis(300)).await;
    assert!(watched.inventory.engine.local);
    assert_eq!(watched.inventory.disks.len(), 1);
    watched.fake.info.lock().unwrap().engine_id = "other".into();
    watched.ask(Request::Rescan);
    watched.wait(Duration::from_millis(300)).await;
    assert!(!watched.inventory.engine.local);
    assert!(watched.inventory.engine.why_not_local.is_some());
    assert_eq!(watched.inventory.disks, []);
}

async fn once(fake: &Fake, wanted: ScanScope, base: &Inventory) -> Result<Inventory, EngineError> {
    scan_once(fake, wanted, base, |_, _| {}).await
}

#[tokio::test(start_paused = true)]
async fn one_scan_brings_everything_in_order() {
    let fake = sized(20, 5, 2);
    let mut ended = Vec::new();
    let inventory = scan_once(
        &fake,
        ScanScope::ALL,
        &Inventory::default(),
        |stage, progress| {
            if matches!(progress, Progress::Done(_)) {
                ended.push(stage);
            }
        },
    )
    .await
    .unwrap();
    assert_eq!(ended.len(), Stage::ALL.len());
    // The walks come last, and the one through everything after all others.
    assert!(ended.ends_with(&[Stage::VolumeSizes, Stage::Unexplained]));
    assert!(Stage::ALL.iter().all(|stage| inventory.is_done(*stage)));
    assert_eq!(inventory.cache.len(), 1);
    assert!(inventory.containers.iter().all(|c| !c.details.is_pending()));
    assert_eq!(inventory.volumes[1].size, Figure::Known(Bytes(9)));
}

#[tokio::test(start_paused = true)]
async fn a_recheck_asks_lists_and_only_new_images() {
    let fake = sized(5, 5, 2);
    let base = once(&fake, ScanScope::ALL, &Inventory::default())
        .await
        .unwrap();
    fake.images.lock().unwrap().push(image("new"));
    fake.volumes.lock().unwrap().push(volume("new"));
    fake.forget_calls();
    let wanted = ScanScope::without_walks(&base.engine);
    let now = once(&fake, wanted, &base).await.unwrap();
    let mut calls = fake.calls();
    calls.sort();
    assert_eq!(
        calls,
        [
            "about",
            "build_cache",
            "containers",
            "image new",
            "images",
            "services",
            "shared_sizes",
            "volumes"
        ]
    );
    assert!(
        now.images
            .iter()
            .all(|image| matches!(image.content, Figure::Known(_)))
    );
    assert!(
        now.containers
            .iter()
            .all(|c| matches!(c.details, Figure::Known(_)))
    );
    assert_eq!(now.volumes[0].size, Figure::Known(Bytes(9)));
    assert_eq!(now.volumes[2].size, Figure::Unknown);
}

#[tokio::test(start_paused = true)]
async fn containers_can_be_inspected_without_a_walk() {
    let fake = sized(2, 3, 1);
    let listed = fake.images.lock().unwrap()[0].id.clone();
    for (container, image) in fake.containers.lock().unwrap().iter_mut().zip([
        listed.clone(),
        listed,
        ImageId::new("sha256:gone"),
    ]) {
        container.image_id = Some(image);
    }
    for (container_sizes, walked) in [
        (WalkOf::None, [false, false, false]),
        (WalkOf::Hidden, [false, false, true]),
        (WalkOf::All, [true, true, true]),
    ] {
        let wanted = ScanScope {
            container_sizes,
            ..ScanScope::ALL
        };
        let now = once(&fake, wanted, &Inventory::default()).await.unwrap();
        let sizes = now.containers.iter().map(|container| {
            let details = container.details.as_ref().known().unwrap();
            details.size_rw.is_some()
        });
        assert_eq!(sizes.collect::<Vec<_>>(), walked, "{container_sizes:?}");
        assert_eq!(
            now.is_done(Stage::ContainerSizes),
            container_sizes != WalkOf::None
        );
    }
    fake.forget_calls();
    let wanted = ScanScope {
        container_details: false,
        container_sizes: WalkOf::None,
        ..ScanScope::ALL
    };
    once(&fake, wanted, &Inventory::default()).await.unwrap();
    assert!(
        !fake
            .calls()
            .iter()
            .any(|call| call.starts_with("container "))
    );
}

/// Whose writable layer is not walked in time keeps all that is told without; whom somebody holds is not known; of
/// neither is anything else lost, and why is said.
#[tokio::test(start_paused = true)]
async fn what_is_not_told_in_time_costs_only_itself() {
    let late = EngineError::TimedOut {
        request: "GET /containers/x/json?size=1".to_owned(),
        seconds: 600,
    };
    let held = EngineError::Stalled {
        container: "x".to_owned(),
        seconds: 15,
    };
    for (error, is_told) in [(late, true), (held, false)] {
        let fake = sized(2, 3, 1);
        let ids: Vec<_> = fake
            .containers
            .lock()
            .unwrap()
            .iter()
            .map(|it| it.id.clone())
            .collect();
        fake.script(
            &format!("container {} size", ids[1]),
            Behaviour::Fails(error.clone()),
        );
        if !is_told {
            fake.script(
                &format!("container {}", ids[1]),
                Behaviour::Fails(error.clone()),
            );
        }
        let now = once(&fake, ScanScope::ALL, &Inventory::default())
            .await
            .unwrap();
        let sizes = |inventory: &Inventory| {
            let details = inventory
                .containers
                .iter()
                .map(|it| it.details.as_ref().known().cloned());
            details
                .map(|it| it.map(|it| it.size_rw.is_some()))
                .collect::<Vec<_>>()
        };
        let expected = [Some(true), is_told.then_some(false), Some(true)];
        assert_eq!(sizes(&now), expected, "{error}");
        let failures: Vec<_> = now
            .failures()
            .map(|(what, why)| (what, why.to_string()))
            .collect();
        assert_eq!(failures, [("container sizes", error.to_string())]);

        let mut watched = Watched::new(fake);
        watched.seconds(2).await;
        assert_eq!(sizes(&watched.inventory), expected, "{error}");
        let told = watched.failure(Stage::ContainerSizes);
        assert_eq!(told.map(ToString::to_string), Some(error.to_string()));
        // A walk that takes so long is not begun again by itself; whom somebody holds is asked again.
        watched.fake.forget_calls();
        watched.seconds(600).await;
        let again = watched
            .fake
            .calls()
            .iter()
            .any(|it| it.starts_with("container"));
        assert_eq!(again, !is_told, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_never_comes_ends_a_scan() {
    for list in ["about", "images", "containers", "services", "volumes"] {
        let fake = sized(1, 1, 1);
        fake.script(list, Behaviour::Never);
        let scan = once(&fake, ScanScope::ALL, &Inventory::default()).await;
        let error = scan.unwrap_err();
        assert!(
            matches!(error, EngineError::TimedOut { seconds: 60, .. }),
            "{error}"
        );
    }
}

/// What one is refused costs only itself; with nothing to show there is no picture.
#[tokio::test(start_paused = true)]
async fn a_list_that_is_refused_is_its_own() {
    let stages = [
        ("images", Stage::Images),
        ("containers", Stage::Containers),
        ("volumes", Stage::Volumes),
        ("services", Stage::Services),
    ];
    let errors = [
        refused("no"),
        EngineError::Barred {
            status: 403,
            request: "GET /x".into(),
        },
        EngineError::Unreachable {
            host: "x".into(),
            cause: "connection closed".into(),
        },
    ];
    for (list, stage) in stages {
        for error in &errors {
            let fake = sized(2, 2, 2);
            fake.script(list, Behaviour::Fails(error.clone()));
            let scan = once(&fake, ScanScope::ALL, &Inventory::default()).await;
            let inventory = scan.expect("a picture");
            assert_eq!(
                inventory.lacks(stage).map(|why| (**why).to_owned()),
                Some(error.to_string())
            );
            for (_, other) in stages.iter().filter(|(_, other)| *other != stage) {
                assert!(inventory.is_done(*other), "{list}: {other:?}");
            }
            let lists = [
                inventory.images.len(),
                inventory.containers.len(),
                inventory.volumes.len(),
            ];
            let whole = lists.iter().filter(|length| **length == 2).count();
            assert_eq!(whole, if list == "services" { 3 } else { 2 });
        }
    }
    let fake = sized(1, 1, 1);
    for list in ["images", "containers", "volumes"] {
        fake.script(list, Behaviour::Fails(refused("no")));
    }
    let scan = once(&fake, ScanScope::ALL, &Inventory::default()).await;
    assert_eq!(scan.unwrap_err(), refused("no"));
}

#[tokio::test(start_paused = true)]
async fn a_scan_without_df_is_one() {
    let fake = sized(2, 1, 1);
    fake.script("volume_sizes", Behaviour::Fails(refused("no")));
    fake.script("build_cache", Behaviour::Fails(refused("no")));
    let inventory = once(&fake, ScanScope::ALL, &Inventory::default())
        .await
        .unwrap();
    assert!(matches!(
        inventory.stage(Stage::VolumeSizes),
        Progress::Failed(_)
    ));
    assert!(!inventory.is_listed(Stage::BuildCache));
    assert!(inventory.is_done(Stage::Layers));
    assert_eq!(inventory.volumes[0].size, Figure::Unknown);
}

#[tokio::test(start_paused = true)]
async fn an_old_engine_is_not_walked_for_a_recheck() {
    let fake = sized(2, 1, 1);
    fake.info.lock().unwrap().api = "1.41".into();
    let base = once(&fake, ScanScope::ALL, &Inventory::default())
        .await
        .unwrap();
    let calls = fake.calls();
    assert!(
        calls[calls.len() - 3..].contains(&"build_cache".to_owned()),
        "{calls:?}"
    );
    fake.forget_calls();
    let now = once(&fake, ScanScope::without_walks(&base.engine), &base)
        .await
        .unwrap();
    assert_eq!(fake.count("build_cache") + fake.count("shared_sizes"), 0);
    assert_eq!(now.cache, base.cache);
}
