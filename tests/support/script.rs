//! Keys as a test writes them, through the program's own `update`.

use dtop::app::keys;
use dtop::app::model::Model;
use dtop::app::msg::{Effect, Msg};
use dtop::app::update::update;

/// Presses keys one after another (`j j space d`, `enter`, `s-tab`), each on a screen that has been drawn, and
/// returns what they asked of the outside.
pub fn press(model: &mut Model, script: &str) -> Vec<Effect> {
    let mut effects = Vec::new();
    for word in script.split_whitespace() {
        let key = keys::parse(word).unwrap_or_else(|| panic!("no key is called {word:?}"));
        update(model, Msg::Drawn { furthest: 99 });
        effects.extend(update(model, Msg::Key(key)));
    }
    update(model, Msg::Drawn { furthest: 99 });
    effects
}
