use insta::assert_snapshot;

use super::*;
use crate::domain::disk::Places;
use crate::domain::inventory::Progress;
use crate::domain::inventory::{Inventory, Part};
use crate::domain::item::{ItemId, Labels, State};
use crate::domain::plan::Selection;
use crate::domain::plan::scene::{
    a_container, a_volume, an_image, at, container, image, inventory, mounting, record, stopped,
    volume,
};
use crate::domain::removal::outcome::Outcome;
use crate::domain::time::Timestamp;
use crate::ui::text::width;

const PAGE: Page = Page {
    now: Timestamp::UNIX_EPOCH,
    width: 80,
    ascii: false,
};

fn page() -> Page {
    Page {
        now: at(90_000),
        ..PAGE
    }
}

fn fleet() -> Inventory {
    let mut all = inventory(
        vec![
            image("sha256:a1", &["app:1", "app:2"]),
            image("sha256:9c872a6119ccaa", &[]),
        ],
        vec![
            mounting(stopped("job", "sha256:a1"), &["data"]),
            container("web", "sha256:a1", State::Running),
        ],
    );
    all.volumes = vec![volume("data", 7_000_000), volume("idle", 1_200_000_000)];
    all.volumes[1].labels = Labels::new(vec![("com.docker.compose.project".into(), "shop".into())]);
    all.cache = vec![record("RUN make", &[])];
    all.engine = EngineInfo {
        host: "unix:///run/x.sock".into(),
        why: "default".into(),
        product: "Docker".into(),
        version: "28.5.2".into(),
        api: "1.51".into(),
        driver: "overlay2".into(),
        has_build_cache: true,
        ..EngineInfo::default()
    }
    .into();
    all.disks = vec![Disk {
        path: "/var/lib/docker".into(),
        total: Bytes(100_000_000_000),
        free: Bytes(8_200_000_000),
        inodes_total: 10,
        inodes_free: 5,
        holds: Places::ALL,
        ..Disk::default()
    }];
    for stage in Stage::ALL {
        all.apply(Part::Stage(stage, Progress::Done(at(0))));
    }
    all.apply(Part::Stage(
        Stage::SharedSizes,
        Progress::Failed("broken pipe".into()),
    ));
    all
}

fn selection(items: &[ItemId]) -> Selection {
    let items = items.iter().map(|id| (id.clone(), AddedBy::Selection));
    Selection {
        items: items.collect(),
        ..Selection::default()
    }
}

#[test]
fn an_engine_without_build_cache_says_so_instead_of_nothing() {
    let mut all = fleet();
    all.cache = Vec::new();
    all.engine = EngineInfo {
        product: "Podman".into(),
        has_build_cache: false,
        ..EngineInfo::clone(&all.engine)
    }
    .into();
    let text = report(&Survey::new(all), page());
    assert!(text.contains("build cache –"), "{text}");
    assert!(text.contains("\nPodman keeps no build cache"), "{text}");
    assert!(!text.contains("Build cache 0"), "{text}");
}

#[test]
fn a_report_is_a_screen_of_text() {
    assert_snapshot!(report(&Survey::new(fleet()), page()));
}

#[test]
fn a_plan_says_what_goes_and_what_stays() {
    let survey = Survey::new(fleet());
    let mut selection = selection(&[an_image("sha256:a1"), a_volume("idle")]);
    selection.items.insert(a_container("job"), AddedBy::Unlock);
    assert_snapshot!(plan(&survey, &Plan::new(&survey, &selection), page()));
}

#[test]
fn a_plan_of_nothing_says_so() {
    let survey = Survey::new(fleet());
    let text = plan(&survey, &Plan::default(), page());
    assert!(text.ends_with("\nremoves nothing\n"), "{text}");
}

#[test]
fn every_name_of_an_image_stands_on_its_line_uncut() {
    let mut fleet = fleet();
    let long = format!("registry.example.org/{}:1", "long/".repeat(30));
    fleet.containers.clear();
    fleet.images[0].names = vec!["a:1".into(), long.as_str().into()];
    let survey = Survey::new(fleet);
    let text = plan(
        &survey,
        &Plan::new(&survey, &selection(&[an_image("sha256:a1")])),
        page(),
    );
    assert!(text.contains(&format!("a:1, {long}")), "{text}");
}

#[test]
fn the_question_repeats_engine_and_host_and_takes_only_a_yes() {
    let survey = Survey::new(fleet());
    let container = Plan::new(&survey, &selection(&[a_container("job")]));
    assert_eq!(
        question(&survey, &container, page()),
        "Remove this object from unix:///run/x.sock (Docker 28.5.2)? [y/N] "
    );
    for (answer, yes) in [
        ("y\n", true),
        ("Yes", true),
        ("", false),
        ("\n", false),
        ("no", false),
        ("delete", false),
    ] {
        assert_eq!(confirms(&container, answer), yes, "{answer}");
    }
    let volume = Plan::new(&survey, &selection(&[a_volume("idle")]));
    assert!(question(&survey, &volume, page()).contains("Type delete"));
    assert!(!confirms(&volume, "y") && !confirms(&volume, "yes") && confirms(&volume, "delete\n"));
}

#[test]
fn an_object_that_ended_is_one_line() {
    let done = |outcome, error: Option<&str>, freed| {
        super::done(
            &Done {
                id: a_volume("v"),
                name: "v\u{1b}[2J".into(),
                outcome,
                error: error.map(str::to_owned),
                freed,
                saved: None,
            },
            page(),
        )
    };
    assert_eq!(
        done(Outcome::Removed, None, Figure::Known(Bytes(154_000_000))),
        "removed volume v�[2J, freed 154 MB\n"
    );
    assert_eq!(
        done(Outcome::Removed, None, Figure::Known(Bytes::ZERO)),
        "removed volume v�[2J\n"
    );
    assert_eq!(
        done(Outcome::Removed, None, Figure::Unknown),
        "removed volume v�[2J, freed –\n"
    );
    assert_eq!(
        done(Outcome::Failed, Some("in\nuse"), Figure::Known(Bytes::ZERO)),
        "failed volume v�[2J: in use\n"
    );
}

#[test]
fn hostile_strings_break_no_line_and_no_column() {
    let hostile = "a\u{1b}[2J\u{9b}\u{202e}\u{200b}\n\t日本e\u{301}\u{301}\u{301}\u{301}";
    let harmless = "x".repeat(width(&sanitise(hostile)));
    let print = |name: &str| {
        let mut fleet = fleet();
        fleet.images[1].names = vec![name.into()];
        fleet.containers[0].name = name.into();
        fleet.containers[1].image = name.into();
        fleet.volumes[1].driver = name.into();
        fleet.cache[0].description = name.into();
        fleet.engine = EngineInfo {
            host: name.into(),
            ..(*fleet.engine).clone()
        }
        .into();
        let survey = Survey::new(fleet);
        let ids = [an_image("sha256:a1"), an_image("sha256:9c872a6119ccaa")];
        let planned = Plan::new(&survey, &selection(&ids));
        report(&survey, page()) + &plan(&survey, &planned, page())
    };
    let (hostile, harmless) = (print(hostile), print(&harmless));
    let widths = |text: &str| text.lines().map(width).collect::<Vec<_>>();
    assert_eq!(widths(&hostile), widths(&harmless), "{hostile}");
    assert!(hostile.lines().all(|line| sanitise(line) == line));
    let ascii = Page {
        ascii: true,
        ..page()
    };
    assert!(report(&Survey::new(fleet()), ascii).is_ascii());
}

#[test]
fn a_narrow_page_is_kept_to() {
    let text = report(
        &Survey::new(fleet()),
        Page {
            width: 40,
            ..page()
        },
    );
    let rows = text.lines().filter(|line| line.starts_with("  "));
    assert!(rows.clone().count() > 4);
    assert!(rows.map(width).all(|wide| wide <= 40), "{text}");
}

#[test]
fn a_disk_says_what_it_takes_before_anybody_else_gets_any() {
    let full = Disk {
        path: "/d".into(),
        total: Bytes(400_000_000),
        owed: Bytes(26_000_000),
        ..Disk::default()
    };
    assert_eq!(
        disk(&full),
        "/d: 0 B of 400 MB free (0 %), about 26.0 MB that go first refill what it keeps for root"
    );
}
