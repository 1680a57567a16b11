use super::*;
use crate::app::keys::parse;
use crate::app::model::Options;
use crate::app::msg::Msg;
use crate::app::update::update;
use crate::domain::time::Timestamp;

#[test]
fn only_a_preset_of_one_filter_is_opened_to_be_changed() {
    for (at, preset) in PRESETS.iter().enumerate() {
        let mut model = Model::new(Options::default(), 80, 24, Timestamp::UNIX_EPOCH);
        update(&mut model, Msg::Connected);
        update(&mut model, Msg::Key(parse("p").unwrap()));
        for _ in 0..at {
            update(&mut model, Msg::Key(parse("j").unwrap()));
        }
        update(&mut model, Msg::Key(parse("/").unwrap()));
        match (preset.filters, &model.screen) {
            ([(_, text)], Screen::Filter(line)) => assert_eq!(line.text, *text),
            ([_, _, ..], Screen::Presets(_)) => assert!(model.notice.is_some()),
            (_, screen) => panic!("{}: {screen:?}", preset.name),
        }
    }
}
