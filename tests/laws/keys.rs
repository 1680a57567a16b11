//! Whatever is typed: the cursor stays on a row that is in sight, and nothing is removed but the very plan that
//! was on the screen, by a yes.

use dtop::app::keys::Key;
use dtop::app::model::{Model, Screen};
use dtop::app::msg::{Effect, Msg};
use dtop::app::update::update;
use dtop::domain::inventory::Part;
use dtop::domain::plan::Plan;
use proptest::prelude::*;

use crate::inventory::{model, parts};

fn key() -> impl Strategy<Value = Key> {
    prop_oneof![
        8 => prop::sample::select("jkgGlh adusSr*c/?1234yn elt".chars().collect::<Vec<_>>())
            .prop_map(Key::Char),
        2 => prop::sample::select(vec![
            Key::Up, Key::Down, Key::Home, Key::End, Key::PageUp, Key::PageDown, Key::Tab,
            Key::BackTab, Key::Enter, Key::Esc, Key::Backspace, Key::Delete, Key::Ctrl('d'),
            Key::Ctrl('u'), Key::Ctrl('c'), Key::F(5),
        ]),
        1 => any::<char>().prop_map(Key::Char),
    ]
}

/// What may happen between two keys.
#[derive(Clone, Debug)]
enum Event {
    Key(Key),
    Drawn,
    Resize(u16, u16),
    Paste(String),
    Rescan,
    /// The first so many images are not there any more.
    Shrunk(usize),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        20 => key().prop_map(Event::Key),
        12 => Just(Event::Drawn),
        1 => (1_u16..200, 1_u16..60).prop_map(|(width, height)| Event::Resize(width, height)),
        1 => any::<String>().prop_map(Event::Paste),
        1 => Just(Event::Rescan),
        1 => (0_usize..4).prop_map(Event::Shrunk),
    ]
}

/// The plan that is on the screen and may be confirmed by this key, if any.
fn may_go(model: &Model, key: Key) -> Option<Plan> {
    let Screen::Plan(screen) = &model.screen else {
        return None;
    };
    let typed = screen.typed.as_deref() == Some("delete");
    let is_yes = match key {
        Key::Char('y') => typed || !screen.plan.needs_word(),
        Key::Enter => typed && screen.plan.needs_word(),
        _ => false,
    };
    (screen.drawn && is_yes).then(|| screen.plan.clone())
}

fn shrunk(by: usize) -> Vec<Part> {
    let mut parts = parts();
    for part in &mut parts {
        if let Part::Images(images) = part {
            images.drain(..by.min(images.len()));
        }
    }
    parts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn only_a_yes_to_the_plan_on_the_screen_removes(events in prop::collection::vec(event(), 1..60)) {
        let mut model = model();
        for event in events {
            let (msg, may) = match event {
                Event::Key(key) => (Msg::Key(key), may_go(&model, key)),
                Event::Drawn => (Msg::Drawn { furthest: 9 }, None),
                Event::Resize(width, height) => (Msg::Resize { width, height }, None),
                Event::Paste(text) => (Msg::Paste(text), None),
                Event::Rescan => (Msg::Scan(parts()), None),
                Event::Shrunk(by) => (Msg::Scan(shrunk(by)), None),
            };
            for effect in update(&mut model, msg) {
                if let Effect::Remove(plan, _) = effect {
                    prop_assert_eq!(Some(*plan), may.clone());
                }
            }
            for pane in &model.panes {
                let page = usize::from(model.layout.page);
                let at = pane.cursor;
                prop_assert!(at.at < pane.rows.len().max(1), "{:?}", at);
                prop_assert!(at.offset <= at.at && at.at < at.offset + page.max(1), "{:?} {page}", at);
            }
            for id in model.marks.keys() {
                prop_assert!(model.survey.find(id).is_some(), "{:?} is marked and gone", id);
            }
        }
    }
}
