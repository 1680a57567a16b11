use super::*;
use crate::app::keys::parse;
use crate::app::model::Options;
use crate::app::msg::Msg;
use crate::app::update::update;
use crate::domain::inventory::{Part, Progress, Stage};
use crate::domain::plan::scene::{a_container, a_volume, image, labels, stopped, volume};
use crate::domain::time::Timestamp;

fn model() -> Model {
    let project = |name: &str| labels(&[("com.docker.compose.project", name)]);
    let mut web = stopped("web", "app");
    web.labels = project("shop");
    let mut data = volume("data", 100);
    data.labels = project("shop");
    let mut old = volume("old", 900);
    old.labels = project("blog");
    let mut model = Model::new(Options::default(), 80, 24, Timestamp::UNIX_EPOCH);
    let mut parts = vec![
        Part::Images(vec![image("app", &["app:1"])]),
        Part::Containers(vec![web]),
        Part::Volumes(vec![data, old, volume("other", 7)]),
    ];
    let done = Progress::Done(Timestamp::UNIX_EPOCH);
    parts.extend(Stage::ALL.map(|stage| Part::Stage(stage, done.clone())));
    update(&mut model, Msg::Connected);
    update(&mut model, Msg::Scan(parts));
    model
}

fn press(model: &mut Model, keys: &str) {
    for word in keys.split(' ') {
        update(model, Msg::Key(parse(word).expect(word)));
    }
}

#[test]
fn a_whole_stack_is_one_thing_to_mark() {
    let mut model = model();
    press(&mut model, "P");
    let Screen::Projects(screen) = &model.screen else {
        panic!("{:?}", model.screen);
    };
    let names: Vec<(&str, bool)> = screen.list.iter().map(|it| (&*it.name, it.down)).collect();
    assert_eq!(names, [("blog", true), ("shop", false)]);
    press(&mut model, "j space");
    assert!(model.marks.contains_key(&a_container("web")));
    assert!(model.marks.contains_key(&a_volume("data")));
    assert_eq!(model.marks.len(), 2);
    press(&mut model, "space");
    assert!(model.marks.is_empty());
}

#[test]
fn without_marks_there_is_no_plan_and_that_is_said() {
    let mut model = model();
    press(&mut model, "P d");
    assert!(matches!(model.screen, Screen::Projects(_)));
    let notice = model.notice.as_deref();
    assert_eq!(notice, Some("nothing is marked: space marks a project"));
    press(&mut model, "space d");
    assert!(matches!(model.screen, Screen::Plan(_)));
}

#[test]
fn enter_shows_what_is_in_it() {
    let mut model = model();
    press(&mut model, "P j enter");
    assert_eq!(
        (&model.screen, model.open),
        (&Screen::Browse, Kind::Container)
    );
    assert_eq!(model.pane().rows.len(), 1);
    assert_eq!(model.panes[Kind::Volume as usize].rows.len(), 1);
}
