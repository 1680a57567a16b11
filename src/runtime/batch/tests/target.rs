//! `--free` and `--until-free`: the safest set, quiet when nothing is missing, honest where it is not enough.

use super::*;

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
    let scan = scan_once(&*ran.engine, Wanted::ALL, &nothing, |_, _| {});
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
    let plan = ran(&["plan", "--free", "9tb", "--json"], "").json();
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
