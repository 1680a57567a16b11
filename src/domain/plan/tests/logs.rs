use std::slice::from_ref;

use super::*;
use crate::domain::bytes::Bytes;
use crate::domain::item::LogFiles;
use crate::domain::plan::Tally;

fn frees(plan: &Plan) -> Vec<(&str, u64)> {
    let steps = plan.steps.iter();
    steps
        .map(|step| (step.id.kind().word(), step.frees.at_least.0))
        .collect()
}

#[test]
fn a_log_and_its_container_count_its_bytes_once_and_the_log_is_emptied_first() {
    let container = logging(stopped("job", "i"), 10);
    let survey = Survey::new(inventory(Vec::new(), vec![container]));
    let (log, job) = (a_log("job"), a_container("job"));
    let plan = |items: &[ItemId]| Plan::new(&survey, &select(items));
    assert_eq!(frees(&plan(from_ref(&log))), [("log", 20)]);
    assert_eq!(frees(&plan(from_ref(&job))), [("container", 30)]);
    let both = plan(&[job.clone(), log.clone()]);
    assert_eq!(frees(&both), [("log", 20), ("container", 10)]);
    assert_eq!(both.frees.at_least, Bytes(30));
    assert!(!both.needs_word());

    let mut tally = Tally::default();
    let number = |id: &ItemId| survey.numbers().number_of(id).expect("it is there");
    let mut marked = |id: &ItemId, on: bool| tally.change(&survey, [(number(id), on)]).at_least.0;
    assert_eq!(marked(&log, true), 20);
    assert_eq!(marked(&job, true), 30);
    assert_eq!(marked(&log, false), 30);
    assert_eq!(marked(&log, true), 30);
    assert_eq!(marked(&job, false), 20);
    assert_eq!(marked(&log, false), 0);
}

#[test]
fn the_log_of_a_running_container_is_emptied_and_the_container_stays() {
    let survey = Survey::new(inventory(Vec::new(), vec![logging(running("web", "i"), 1)]));
    let plan = Plan::new(&survey, &select(&[a_log("web"), a_container("web")]));
    assert_eq!(frees(&plan), [("log", 2)]);
    assert_eq!(whys(&plan), [("web", "is running")]);
    assert_eq!(plan.refused[0].cure, Some(Cure::Stop));
    assert_eq!(
        plan.refused[0].in_words(),
        "is running; stop it with --stop"
    );
}

#[test]
fn a_log_of_which_nothing_can_be_emptied_is_refused_in_words_and_so_is_a_protected_one() {
    let with = |name: &str, driver: &str, log: Option<LogFiles>| {
        let mut container = running(name, "i");
        if let Figure::Known(details) = &mut container.details {
            let details = Arc::make_mut(details);
            details.log_driver = driver.into();
            details.log = log;
        }
        container
    };
    let only = |size| {
        Some(LogFiles {
            size: Bytes(size),
            blocks: Bytes(size),
            ..LogFiles::default()
        })
    };
    let mut keep = logging(running("keep", "i"), 1);
    keep.labels = labels(&[("dtop.keep", "")]);
    let containers = vec![
        with("empty", "json-file", only(0)),
        with("far", "json-file", None),
        keep,
        with("local", "local", only(9)),
        with("syslog", "syslog", only(9)),
        with("zipped", "json-file", only(9)),
    ];
    let survey = Survey::new(inventory(Vec::new(), containers));
    let all = ["empty", "far", "keep", "local", "syslog", "zipped"].map(a_log);
    let plan = Plan::new(&survey, &select(&all));
    assert_eq!(frees(&plan), [("log", 0)]);
    let whys = whys(&plan);
    let of = |name| whys.iter().find(|(id, _)| *id == name).expect("refused").1;
    assert_eq!(of("far"), "its log files cannot be read here");
    assert!(of("keep").contains("protected"), "{}", of("keep"));
    assert!(of("local").contains("local driver"), "{}", of("local"));
    assert!(of("syslog").contains("own copy"), "{}", of("syslog"));
    assert!(of("zipped").contains("bounded"), "{}", of("zipped"));
    // A log that cannot be read is no row.
    assert_eq!(survey.count(crate::domain::item::Kind::Log), 5);
}

#[test]
fn a_log_that_is_written_elsewhere_or_by_another_container_is_not_the_one_that_was_confirmed() {
    let at_path = |path: &str| {
        let mut container = logging(running("web", "i"), 1);
        if let Figure::Known(details) = &mut container.details {
            Arc::make_mut(details).log_path = Some(path.into());
        }
        container
    };
    let plan = |container| {
        let survey = Survey::new(inventory(Vec::new(), vec![container]));
        Plan::new(&survey, &select(&[a_log("web")]))
    };
    let before = plan(at_path("/a"));
    let rechecked = |container| {
        let now = Survey::new(inventory(Vec::new(), vec![container]));
        let mut dropped = before.recheck(&now).dropped;
        dropped.pop().and_then(|done| done.error)
    };
    assert_eq!(rechecked(at_path("/a")), None);
    let moved = rechecked(at_path("/b"));
    assert_eq!(moved.as_deref(), Some("is written elsewhere now"));
    let mut anew = at_path("/a");
    anew.created = Some(at(99));
    let anew = rechecked(anew);
    assert_eq!(anew.as_deref(), Some("was made anew since"));
}
