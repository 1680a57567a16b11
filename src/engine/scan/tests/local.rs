//! A local engine's volumes and logs are measured in its own folder.

use std::path::Path;

use tempfile::TempDir;

use super::super::ask::look;
use super::super::question::Question;
use super::super::response::Response;
use super::super::state::Scan;
use super::*;
use crate::domain::item::VolumeName;
use crate::engine::host::ListedIds;
use crate::engine::metadata::store::tests as noted;

const CONTAINER: &str = "5ca1ab1e00000000000000000000000000000000000000000000000000000001";

/// Returns a fake that is local: its root is a folder which holds its engine's ID.
fn local(volumes: &[(&str, usize)]) -> (TempDir, Fake) {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("engine-id"), "here").unwrap();
    let fake = Fake::new();
    {
        let mut info = fake.info.lock().unwrap();
        info.host = "unix:///run/fake.sock".into();
        info.root = dir.path().to_str().unwrap().into();
        info.engine_id = "here".into();
        info.driver = "overlay2".into();
    }
    for (name, bytes) in volumes {
        add_volume(dir.path(), &fake, name, *bytes);
    }
    (dir, fake)
}

fn add_volume(root: &Path, fake: &Fake, name: &str, bytes: usize) {
    let data = root.join("volumes").join(name).join("_data");
    std::fs::create_dir_all(&data).unwrap();
    std::fs::write(data.join("file"), vec![0; bytes]).unwrap();
    let mut volume = volume(name);
    volume.mountpoint = data.to_str().unwrap().into();
    fake.volumes.lock().unwrap().push(volume);
}

fn size(watched: &Watched, name: &str) -> Figure<Bytes> {
    let mut volumes = watched.inventory.volumes.iter();
    let named = volumes.find(|volume| volume.name == VolumeName::new(name));
    named.unwrap().size
}

#[tokio::test(start_paused = true)]
async fn volumes_are_measured_here_and_the_engine_walks_through_none() {
    let (dir, fake) = local(&[("shop", 1000), ("wiki", 20)]);
    let mut watched = Watched::new(fake);
    watched.seconds(3).await;
    assert_eq!(size(&watched, "shop"), Figure::Known(Bytes(1000)));
    assert_eq!(size(&watched, "wiki"), Figure::Known(Bytes(20)));
    assert!(watched.is_done(&Stage::ALL));
    // One that comes later is measured too, and nothing that was measured before is measured again.
    std::fs::write(dir.path().join("volumes/shop/_data/more"), [0; 5]).unwrap();
    add_volume(dir.path(), &watched.fake, "late", 7);
    watched.fake.happens(Change::Volumes);
    watched.seconds(3).await;
    assert_eq!(size(&watched, "late"), Figure::Known(Bytes(7)));
    assert_eq!(size(&watched, "shop"), Figure::Known(Bytes(1000)));
    watched.ask(Request::Rescan);
    watched.seconds(3).await;
    assert_eq!(size(&watched, "shop"), Figure::Known(Bytes(1005)));
    assert!(watched.is_done(&Stage::ALL));
    assert_eq!(watched.fake.count("volume_sizes"), 0);
}

#[tokio::test(start_paused = true)]
async fn without_volumes_there_is_nothing_to_measure_and_nothing_to_ask() {
    let (_dir, fake) = local(&[]);
    let mut watched = Watched::new(fake);
    watched.seconds(3).await;
    assert!(watched.is_done(&Stage::ALL));
    assert_eq!(watched.fake.count("volume_sizes"), 0);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_measured_here_is_asked_of_the_engine_once() {
    let (_dir, fake) = local(&[("shop", 1000)]);
    // The fake tells a size of every volume that it has.
    let mut elsewhere = volume("elsewhere");
    elsewhere.mountpoint = "/mnt/elsewhere".into();
    fake.volumes.lock().unwrap().push(elsewhere);
    let mut watched = Watched::new(fake);
    watched.seconds(3).await;
    assert_eq!(size(&watched, "elsewhere"), Figure::Known(Bytes(9)));
    assert!(watched.is_done(&Stage::ALL));
    watched.fake.happens(Change::Volumes);
    watched.seconds(3).await;
    assert_eq!(watched.fake.count("volume_sizes"), 1);
}

/// Wherever it stands in the list, it costs the others nothing; what the engine says late of all is not taken for
/// those that were measured.
#[tokio::test(start_paused = true)]
async fn one_volume_that_cannot_be_measured_here_stops_no_other() {
    const VOLUMES: usize = 8;
    for place in 0..=VOLUMES {
        let (dir, fake) = local(&[]);
        for number in 0..VOLUMES {
            add_volume(dir.path(), &fake, &number.to_string(), 100 + number);
        }
        let mut elsewhere = volume("elsewhere");
        elsewhere.mountpoint = "/mnt/elsewhere".into();
        fake.volumes.lock().unwrap().insert(place, elsewhere);
        fake.info.lock().unwrap().product = "Docker".into();
        let slow = Behaviour::After(Duration::from_secs(5));
        fake.script("volume_sizes", slow);
        let mut watched = Watched::new(fake);
        watched.seconds(20).await;
        for number in 0..VOLUMES {
            let measured = size(&watched, &number.to_string());
            assert_eq!(measured, Figure::Known(Bytes(100 + number as u64)));
        }
        assert_eq!(size(&watched, "elsewhere"), Figure::Known(Bytes(9)));
        assert!(watched.is_done(&Stage::ALL), "{place}");
        assert!(watched.inventory.unexplained.as_ref().known().is_some());
        // One that comes later is measured here, too, or is not known: the engine is not asked again.
        add_volume(dir.path(), &watched.fake, "late", 7);
        let mut unreadable = volume("unreadable");
        unreadable.mountpoint = "/mnt/unreadable".into();
        watched.fake.volumes.lock().unwrap().push(unreadable);
        watched.fake.happens(Change::Volumes);
        watched.seconds(20).await;
        assert_eq!(size(&watched, "late"), Figure::Known(Bytes(7)));
        assert_eq!(size(&watched, "unreadable"), Figure::Unknown);
        assert!(watched.is_done(&Stage::ALL), "{place}");
        assert_eq!(watched.fake.count("volume_sizes"), 1);
    }
}

/// The engine's folder is no longer its own while half of its volumes are measured: the engine is asked for the
/// rest, and nothing waits for a turn that never comes.
#[tokio::test(start_paused = true)]
async fn volumes_that_wait_when_the_folder_is_lost_are_asked_of_the_engine() {
    let (_dir, fake) = local(&[("shop", 1000), ("wiki", 20)]);
    let info = Arc::new(fake.info.lock().unwrap().clone());
    let found = look(&fake, info, ListedIds::default()).await;
    let mut scan = Scan::new(&fake);
    scan.picture.root = found.unwrap().local.ok();
    assert!(scan.picture.root.is_some());
    let volumes = fake.volumes.lock().unwrap().clone();
    let taken = crate::engine::host::VolumeUsage {
        length: Bytes::ZERO,
        disk: Arc::default(),
    };
    let gone = (VolumeName::new("gone"), taken);
    scan.picture.taken.extend([gone]);
    scan.take(Response::Volumes(Ok(volumes)));
    assert!(scan.volumes.is_waiting());
    assert!(scan.picture.taken.is_empty(), "what is gone is forgotten");
    scan.take_root(None);
    assert!(scan.volumes.is_idle());
    assert!(scan.is_coming(Question::VolumeSizes));
}

#[tokio::test(start_paused = true)]
async fn a_volume_whose_folder_is_gone_has_no_size() {
    let (dir, fake) = local(&[("shop", 1000), ("lost", 3)]);
    std::fs::remove_dir_all(dir.path().join("volumes/lost")).unwrap();
    let mut watched = Watched::new(fake);
    watched.seconds(3).await;
    assert_eq!(size(&watched, "lost"), Figure::Unknown);
    assert_eq!(watched.fake.count("volume_sizes"), 0);
}

#[tokio::test(start_paused = true)]
async fn logs_are_measured_and_stay_when_a_container_is_inspected_again() {
    let (dir, fake) = local(&[]);
    let logs = dir.path().join("containers").join(CONTAINER);
    std::fs::create_dir_all(&logs).unwrap();
    let log = logs.join(format!("{CONTAINER}-json.log"));
    std::fs::write(&log, [0; 300]).unwrap();
    *fake.containers.lock().unwrap() = vec![container(CONTAINER, State::Running)];
    let mut watched = Watched::new(fake);
    watched.seconds(3).await;
    let log_size = |watched: &Watched| match &watched.inventory.containers[0].details {
        Figure::Known(details) => details.log.map(|log| log.size),
        _ => None,
    };
    assert_eq!(log_size(&watched), Some(Bytes(300)));
    std::fs::write(&log, [0; 500]).unwrap();
    watched.fake.containers.lock().unwrap()[0].state = State::Exited;
    let id = ContainerId::new(CONTAINER);
    watched.fake.happens(Change::Container(id));
    watched.seconds(3).await;
    assert_eq!(log_size(&watched), Some(Bytes(500)));
}

/// The engine comes back with another folder, which shows nothing here: what the first one listed is not its own.
#[tokio::test(start_paused = true)]
async fn the_layers_of_another_folder_are_taken_back() {
    let (dir, fake) = local(&[]);
    std::fs::create_dir_all(dir.path().join("image/overlay2/layerdb/sha256")).unwrap();
    let mut watched = Watched::new(fake);
    watched.seconds(3).await;
    assert!(watched.inventory.stored.as_ref().known().is_some());
    watched.fake.info.lock().unwrap().root = "/none".into();
    watched.ask(Request::Rescan);
    watched.seconds(3).await;
    assert!(!watched.inventory.engine.local);
    assert_eq!(watched.inventory.stored, Figure::Pending);
}

#[tokio::test]
async fn one_scan_measures_the_same() {
    let (dir, fake) = local(&[("shop", 1000)]);
    let logs = dir.path().join("containers").join(CONTAINER);
    std::fs::create_dir_all(logs.join("local-logs")).unwrap();
    std::fs::write(logs.join("local-logs/container.log"), [0; 40]).unwrap();
    *fake.containers.lock().unwrap() = vec![container(CONTAINER, State::Exited)];
    let base = Inventory::default();
    let found = scan_once(&fake, ScanScope::ALL, &base, |_, _| {})
        .await
        .unwrap();
    assert_eq!(found.volumes[0].size, Figure::Known(Bytes(1000)));
    let details = found.containers[0].details.as_ref().known().unwrap();
    assert_eq!(details.log.map(|log| log.size), Some(Bytes(40)));
    assert!(found.is_done(Stage::VolumeSizes));
    assert_eq!(fake.count("volume_sizes"), 0);
}

/// The walk through the whole folder costs as much as `du`: it is done when it is asked for, and not because
/// time goes by or something changes.
#[tokio::test(start_paused = true)]
async fn the_folder_is_walked_through_once_and_when_it_is_asked_for() {
    let (dir, fake) = local(&[("shop", 1000)]);
    fake.info.lock().unwrap().product = "Docker".into();
    std::fs::create_dir(dir.path().join("swarm")).unwrap();
    std::fs::write(dir.path().join("swarm/state"), [0; 9000]).unwrap();
    let mut watched = Watched::new(fake);
    watched.seconds(3).await;
    let swarm = |watched: &Watched| {
        let rows = watched.inventory.unexplained.as_ref().known().unwrap();
        let row = rows.iter().find(|row| row.path.ends_with("/swarm"));
        row.unwrap().bytes
    };
    let before = swarm(&watched);
    assert!(before >= Some(Bytes(9000)), "{before:?}");
    std::fs::write(dir.path().join("swarm/more"), vec![0; 50_000]).unwrap();
    watched.fake.happens(Change::Volumes);
    watched.fake.happens(Change::Images);
    watched.seconds(60).await;
    assert_eq!(swarm(&watched), before);
    watched.ask(Request::Rescan);
    watched.seconds(3).await;
    assert!(swarm(&watched) >= before.map(|it| it + Bytes(50_000)));
    assert!(watched.is_done(&Stage::ALL));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_unexplained_of_an_engine_that_is_elsewhere() {
    let (_dir, fake) = local(&[("shop", 1000)]);
    fake.info.lock().unwrap().product = "Docker".into();
    fake.info.lock().unwrap().engine_id = "elsewhere".into();
    let mut watched = Watched::new(fake);
    watched.seconds(30).await;
    assert!(watched.inventory.unexplained == Figure::Unknown);
    assert!(watched.is_done(&Stage::ALL));
}

/// Where the store's own files tell all images, the engine is asked for its list when all else is done, and what it says
/// counts.
#[tokio::test(start_paused = true)]
async fn images_come_out_of_the_store_and_the_engines_list_behind_all() {
    let place = noted::Place::stored();
    let (id, container) = (noted::known().images[0].clone(), noted::known().containers);
    place.write_image();
    let fake = Fake::new();
    *fake.info.lock().unwrap() = EngineInfo {
        version: "28.5.2".into(),
        ..place.engine()
    };
    let mut listed = image("one");
    listed.id = id.clone();
    *fake.images.lock().unwrap() = vec![listed];
    let running = super::container(container[0].as_str(), State::Exited);
    *fake.containers.lock().unwrap() = vec![running];
    let lock = place.in_use();

    let base = Inventory::default();
    let once = scan_once(&fake, ScanScope::ALL, &base, |_, _| {}).await;
    let once = once.unwrap();
    let names = |inventory: &Inventory| inventory.images[0].names.clone();
    assert_eq!(names(&once), ["x:1"]);
    assert_eq!(once.images[0].id, id);
    assert_eq!(fake.count("images"), 0);

    let slow = Behaviour::After(Duration::from_secs(20));
    fake.script("images", slow);
    let mut watched = Watched::new(fake);
    watched.seconds(3).await;
    assert_eq!(names(&watched.inventory), ["x:1"]);
    assert!(watched.is_done(&Stage::ALL), "nothing waits for the list");
    let last = watched.fake.calls().pop();
    assert_eq!(last.as_deref(), Some("images"), "when all else is done");
    watched.seconds(20).await;
    assert_eq!(
        names(&watched.inventory),
        ["name-one:latest"],
        "as the engine says it"
    );

    // Nobody works with it any more: the engine is asked at once.
    drop(lock);
    watched.fake.heal();
    watched.fake.happens(Change::Images);
    watched.seconds(3).await;
    assert_eq!(watched.fake.count("images"), 2);
    assert_eq!(names(&watched.inventory), ["name-one:latest"]);
}

/// The containerd store's own notes are its list, as long as they are this engine's.
#[tokio::test(start_paused = true)]
async fn the_stores_own_notes_are_the_list_where_they_have_all_that_is_listed() {
    let place = noted::Place::stored();
    let known = noted::known();
    let fake = Fake::new();
    *fake.info.lock().unwrap() = place.engine();
    let mut listed = image("one");
    listed.id = known.images[0].clone();
    *fake.images.lock().unwrap() = vec![listed];
    let listed = container(known.containers[0].as_str(), State::Exited);
    *fake.containers.lock().unwrap() = vec![listed];
    let mut watched = Watched::new(fake);
    watched.seconds(3).await;
    let has_notes = |inventory: &Inventory| {
        let list = inventory.blobs.as_ref().known().unwrap();
        list.notes().is_some()
    };
    assert!(has_notes(&watched.inventory));
    assert_eq!(watched.fake.count("blobs"), 0);
    let base = Inventory::default();
    let once = scan_once(&*watched.fake, ScanScope::ALL, &base, |_, _| {}).await;
    assert!(has_notes(&once.unwrap()));
    // What keeps a container that is not listed is read anew, and found to be of another time.
    watched.fake.containers.lock().unwrap().clear();
    let gone = ContainerId::new(known.containers[0].as_str());
    watched.fake.happens(Change::Container(gone));
    watched.seconds(3).await;
    assert!(!has_notes(&watched.inventory));
    assert_eq!(watched.fake.count("blobs"), 1);
    assert!(watched.is_done(&Stage::ALL));
}
