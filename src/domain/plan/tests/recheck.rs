use super::*;
use crate::domain::removal::outcome::{Done, Outcome};

fn outcomes(dropped: &[Done]) -> Vec<(&str, Outcome, Option<&str>)> {
    dropped
        .iter()
        .map(|done| (done.id.as_str(), done.outcome, done.error.as_deref()))
        .collect()
}

#[test]
fn a_recheck_of_what_is_the_same_is_the_same() {
    let mut inventory = inventory(
        vec![image("a", &["a:1"]), image("m", &[]), child("t", "m", &[])],
        vec![
            mounting(fleeting("tmp", "a"), &["anon"]),
            stopped("job", "a"),
        ],
    );
    inventory.volumes = vec![anonymous("anon", 12)];
    inventory.cache = vec![record("r", &[])];
    let survey = Survey::new(inventory);
    let all = [
        an_image("a"),
        an_image("t"),
        a_container("tmp"),
        a_container("job"),
        a_record("r"),
    ];
    let plan = Plan::new(&survey, &stopping(&all));
    assert_eq!(plan.steps.len(), 6);
    let recheck = plan.recheck(&survey);
    assert_eq!(recheck.dropped, []);
    assert_eq!(recheck.plan, plan);
}

#[test]
fn a_recheck_drops_what_vanished_and_what_changed() {
    let mut before = inventory(
        vec![
            image("gone", &["gone:1"]),
            image("moved", &["moved:1", "x:1"]),
            image("named", &["named:1"]),
            image("used", &["used:1"]),
            image("fine", &["fine:1"]),
        ],
        vec![
            stopped("idle", "fine"),
            stopped("again", "z"),
            running("busy", "z"),
        ],
    );
    before.volumes = vec![volume("anew", 1), volume("taken", 1)];
    let mut now = before.clone();
    let all: Vec<ItemId> = before
        .images
        .iter()
        .map(|image| an_image(image.id.as_str()))
        .chain([
            a_container("idle"),
            a_container("again"),
            a_container("busy"),
            a_volume("anew"),
            a_volume("taken"),
        ])
        .collect();
    let plan = Plan::new(&Survey::new(before), &stopping(&all));
    assert_eq!(plan.steps.len(), 10);

    now.images.remove(0);
    now.images[0].names = texts(&["x:1"]);
    now.images.push(image("new", &["moved:1"]));
    now.images[1].names = texts(&["named:1", "prod:1"]);
    now.containers
        .push(mounting(stopped("fresh", "used"), &["taken"]));
    now.containers[1] = running("again", "z");
    now.containers[2] = stopped("busy", "z");
    now.volumes[0].created = Some(at(99));
    let recheck = plan.recheck(&Survey::new(now));
    assert_eq!(ids(&recheck.plan), ["busy", "idle", "fine"]);
    assert!(!recheck.plan.steps[0].stop, "it has ended by itself");
    let mut dropped = outcomes(&recheck.dropped);
    dropped.sort_by_key(|(id, ..)| *id);
    assert_eq!(
        dropped,
        [
            ("again", Outcome::Changed, Some("was started since")),
            (
                "anew",
                Outcome::Changed,
                Some("was made anew or written to since")
            ),
            ("gone", Outcome::Gone, None),
            (
                "moved",
                Outcome::Changed,
                Some("moved:1 names another image now")
            ),
            ("named", Outcome::Changed, Some("is also named prod:1 now")),
            (
                "taken",
                Outcome::Changed,
                Some("used by stopped container fresh")
            ),
            (
                "used",
                Outcome::Changed,
                Some("used by stopped container fresh")
            ),
        ]
    );
}

#[test]
fn a_recheck_never_takes_what_was_not_confirmed() {
    // y held m when the plan was made; now x would take m along.
    let mut now = inventory(
        vec![
            image("m", &[]),
            child("x", "m", &["x:1"]),
            child("y", "m", &["y:1"]),
        ],
        vec![mounting(stopped("db", "z"), &["v"])],
    );
    now.volumes = vec![anonymous("v", 3)];
    let plan = Plan::new(
        &Survey::new(now.clone()),
        &select(&[an_image("x"), a_container("db")]),
    );
    now.images.pop();
    now.volumes[0].size = Figure::Known(Bytes::ZERO);
    let recheck = plan.recheck(&Survey::new(now));
    assert_eq!(ids(&recheck.plan), ["db"], "not even an empty volume");
    assert_eq!(
        outcomes(&recheck.dropped),
        [(
            "x",
            Outcome::Changed,
            Some("would take along its parent m now")
        )]
    );
}

#[test]
fn a_push_is_no_new_name_and_a_pull_under_another_one_is() {
    let before = inventory(vec![image("a", &["reg/a:1"])], Vec::new());
    let plan = Plan::new(&Survey::new(before.clone()), &select(&[an_image("a")]));
    let mut now = before;
    now.images[0].digests = texts(&["reg/a@sha256:1"]);
    let recheck = plan.recheck(&Survey::new(now.clone()));
    assert_eq!(ids(&recheck.plan), ["a"]);
    now.images[0].digests = texts(&["reg/a@sha256:1", "other/a@sha256:1"]);
    now.images[0].names = texts(&["reg/a:1", "other/a@sha256:1"]);
    let recheck = plan.recheck(&Survey::new(now));
    assert_eq!(
        outcomes(&recheck.dropped),
        [("a", Outcome::Changed, Some("is also named other/a@1 now"))]
    );
}

#[test]
fn a_volume_that_was_confirmed_as_empty_stays_when_it_holds_data() {
    let mut before = inventory(Vec::new(), Vec::new());
    before.volumes = vec![volume("empty", 0), volume("full", 5), volume("unknown", 0)];
    before.volumes[2].size = Figure::Unknown;
    let mut now = before.clone();
    let all = ["empty", "full", "unknown"].map(a_volume);
    let plan = Plan::new(&Survey::new(before), &stopping(&all));
    assert_eq!(plan.steps.len(), 3);
    for volume in &mut now.volumes {
        volume.size = Figure::Known(Bytes(7));
    }
    let recheck = plan.recheck(&Survey::new(now));
    assert_eq!(
        outcomes(&recheck.dropped),
        [(
            "empty",
            Outcome::Changed,
            Some("was empty and holds data now")
        )]
    );
}
