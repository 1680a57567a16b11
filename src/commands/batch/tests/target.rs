//! `--free` and `--until-free`: the safest set, quiet when nothing is missing, honest where it is not enough.

use super::*;
use crate::engine::host::LookOrder;

fn steps(plan: &Value) -> &[Value] {
    plan["steps"].as_array().expect("steps")
}

#[test]
fn what_is_added_for_space_frees_it_and_says_why() {
    let plan = ran(&["plan", "--free", "5gb", "--json"], "");
    assert_eq!((plan.code, plan.err.as_str()), (0, ""));
    let plan = plan.json();
    assert!(plan["frees"].as_u64() >= Some(5_000_000_000), "{plan}");
    let all = steps(&plan).iter().all(|step| step["added_by"] == "free");
    assert!(all, "{plan}");
    let text = ran(&["plan", "--free", "5gb"], "").out;
    assert!(text.contains("added by --free"), "{text}");
    let why = "build cache that no build uses · last used ";
    assert!(text.contains(why), "{text}");
}

#[test]
fn what_filters_choose_goes_anyway_and_counts() {
    let line = ["plan", "--images", "is:dangling", "--free", "5gb", "--json"];
    let plan = ran(&line, "").json();
    let by = |word: &str| {
        let steps = steps(&plan).iter();
        steps.filter(|step| step["added_by"] == word).count()
    };
    assert!(by("selection") > 0 && by("free") > 0, "{plan}");
    let alone = ran(&["plan", "--free", "5gb", "--json"], "").json();
    assert!(by("free") <= steps(&alone).len(), "{plan}");
}

#[test]
fn under_cron_nothing_missing_is_silent() {
    for line in [
        &["clean", "--until-free", "5%", "--yes"][..],
        &["clean", "--until-free", "1gb", "--yes"],
        &["plan", "--until-free", "5%"],
        &["clean", "--free", "0", "--yes"],
    ] {
        let Ran { code, out, err, .. } = ran(line, "");
        assert_eq!((code, out.as_str(), err.as_str()), (0, "", ""), "{line:?}");
    }
    let line = ["clean", "--until-free", "5%", "--yes", "--json"];
    assert_eq!(steps(&ran(&line, "").json()).len(), 0);
}

#[test]
fn under_cron_what_goes_is_a_line_an_object_and_enough() {
    let ran = ran(&["clean", "--until-free", "15%", "--yes"], "");
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    assert!(!ran.out.is_empty());
    let is_removal = |line: &str| line.starts_with("removed ");
    assert!(ran.out.lines().all(is_removal), "{}", ran.out);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let nothing = Inventory::default();
    let scan = scan_once(&*ran.engine, ScanScope::ALL, &nothing, |_, _| {});
    let inventory = runtime.expect("a runtime").block_on(scan).expect("a scan");
    let disk = &inventory.disks[0];
    assert!(disk.free.0 * 100 >= disk.total.0 * 15, "{disk:?}");
}

#[test]
fn a_target_that_cannot_be_met_says_so_and_ends_with_3() {
    let plan = ran(&["plan", "--free", "9tb"], "");
    assert_eq!(plan.code, 3);
    let line = "the target cannot be met: 9.00 TB";
    assert!(plan.err.contains(line), "{}", plan.err);
    let stands = plan.err.clone();
    let plan = ran(&["plan", "--free", "9tb", "--json"], "").json();
    // More may go than goes for certain.
    let sure = if plan["exact"] == true {
        ""
    } else {
        " for certain"
    };
    assert!(stands.contains(&format!(" can go{sure}\n")), "{stands}");
    let cleaned = ran(&["clean", "--free", "9tb", "--json"], "delete\n");
    assert_eq!(cleaned.code, 3);
    assert_eq!(cleaned.json()["freed"], plan["frees"]);
}

/// Nobody types the word that a volume with data asks for.
#[test]
fn under_yes_volumes_with_data_go_only_where_that_is_said() {
    let volumes = |line: &[&str]| {
        let cleaned = ran(line, "").json();
        let steps = steps(&cleaned).iter();
        let data = steps.filter(|step| step["kind"] == "volume" && step["frees"] != 0);
        data.count()
    };
    let yes = ["clean", "--free", "9tb", "--yes", "--json"];
    assert_eq!(volumes(&yes), 0);
    assert!(volumes(&[&yes[..], &["--even-volumes"]].concat()) > 0);
    assert!(volumes(&[&yes[..], &["--volumes", "is:unused"]].concat()) > 0);
}

#[test]
fn named_volumes_go_only_where_that_is_said() {
    let named = |line: &[&str]| {
        let plan = ran(line, "").json();
        let volumes = steps(&plan).iter().filter(|step| step["kind"] == "volume");
        let is_named = |step: &&Value| step["id"].as_str().is_some_and(|id| id.len() != 64);
        volumes.filter(is_named).count()
    };
    assert_eq!(named(&["plan", "--free", "9tb", "--json"]), 0);
    let even = ["plan", "--free", "9tb", "--even-volumes", "--json"];
    assert!(named(&even) > 0);
}

/// Returns a disk that gains so many percent of what goes.
fn gaining(gains: u64, answer: Option<&str>) -> Scene<'_> {
    Scene {
        answer,
        gains: Some(gains),
        ..Scene::default()
    }
}

/// The demo's disk, which is what decides.
fn is_met(engine: &DemoEngine, percent: u64) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let list = runtime.block_on(engine.disks(LookOrder::Synced));
    let disk = list.expect("disks").disks.remove(0);
    disk.free.0 * 100 >= disk.total.0 * percent
}

fn outcomes(cleaned: &Value) -> Vec<(&str, &str)> {
    let done = cleaned["done"].as_array().expect("done").iter();
    done.filter_map(|done| Some((done["id"].as_str()?, done["outcome"].as_str()?)))
        .collect()
}

/// What a target counts is what the disk gains, whatever was promised.
#[test]
fn a_target_is_met_if_and_only_if_it_ends_with_0() {
    for percent in [12, 15, 20, 30, 45] {
        for gains in [0, 40, 100, 300] {
            let until = format!("{percent}%");
            let line = ["clean", "--until-free", &until, "--yes", "--json"];
            let ran = ran_in(&line, gaining(gains, None));
            let is_met = is_met(&ran.engine, percent);
            let expected = if is_met { 0 } else { 3 };
            assert_eq!(ran.code, expected, "{until} {gains}: {}", ran.err);
            let cleaned = ran.json();
            let writes = ran.engine.writes();
            for (id, outcome) in outcomes(&cleaned) {
                let is_sent = writes.iter().any(|write| write.contains(id));
                assert!(
                    !is_sent || outcome != "not_needed",
                    "{id} {outcome}: {writes:?}"
                );
            }
            let added = steps(&cleaned)
                .iter()
                .all(|step| step["added_by"] == "free");
            assert!(added, "{cleaned}");
            assert!(!ran.err.contains("something else"), "{}", ran.err);
        }
    }
}

#[test]
fn what_the_disk_lacks_still_is_planned_once_more() {
    let line = ["clean", "--until-free", "15%", "--yes"];
    let first = ran_in(&line, gaining(100, None));
    let ran = ran_in(&line, gaining(90, None));
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.lines().count() > first.out.lines().count());
    assert!(
        ran.out.starts_with(&first.out),
        "{}\n{}",
        ran.out,
        first.out
    );
    assert!(ran.err.contains("the miss is dtop's own"), "{}", ran.err);
    // Where nothing comes it is tried twice more, and no more than that.
    let ran = ran_in(&line, gaining(1, None));
    assert_eq!(ran.code, 3);
    assert!(ran.err.contains("the target "), "{}", ran.err);
}

#[test]
fn who_was_asked_is_asked_again() {
    let line = ["clean", "--until-free", "15%"];
    let yes = ran_in(&line, gaining(90, Some("y\ny\ny\n")));
    assert_eq!(
        (yes.code, yes.err.matches("[y/N]").count()),
        (0, 2),
        "{}",
        yes.err
    );
    let no = ran_in(&line, gaining(90, Some("y\nn\n")));
    assert_eq!(
        (no.code, no.err.matches("[y/N]").count()),
        (3, 2),
        "{}",
        no.err
    );
    assert!(no.err.contains("nothing more was removed"), "{}", no.err);
    assert!(no.out.lines().count() < yes.out.lines().count());
}

#[test]
fn what_is_not_needed_any_more_is_said_and_is_no_failure() {
    let line = ["clean", "--until-free", "20%", "--yes"];
    let ran = ran_in(&line, gaining(300, None));
    assert_eq!(ran.code, 0, "{}", ran.err);
    let spared = |line: &&str| line.starts_with("not_needed ");
    let spared = ran.out.lines().filter(spared).count();
    assert!(
        spared > 0 && spared < ran.out.lines().count(),
        "{}",
        ran.out
    );
    let json = ran_in(&[&line[..], &["--json"]].concat(), gaining(300, None)).json();
    let of = |word: &str| outcomes(&json).iter().filter(|it| it.1 == word).count();
    assert_eq!(of("not_needed"), spared, "{json}");
    assert_eq!(json["freed_by"], "disk");
}
