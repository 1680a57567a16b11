//! The same text kept once: ten thousand images say the same digests, folders and commands of the bases that they
//! share.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::{Mutex, PoisonError};

use crate::domain::item::Text;

/// How many texts are remembered, each in a place that it takes from another one when it comes. All places together
/// are a quarter of a megabyte.
const PLACES: usize = 1 << 14;
/// After so many new ones those are forgotten that nobody uses any more.
const MANY: usize = 1 << 11;

static RECENT: Mutex<Recent> = Mutex::new(Recent {
    places: Vec::new(),
    came: 0,
});

struct Recent {
    places: Vec<Option<Text>>,
    /// How many have come since somebody looked who is still used.
    came: usize,
}

/// A text to keep, shared with those read not long ago where one was the same.
pub(super) fn shared(text: &str) -> Text {
    let mut recent = RECENT.lock().unwrap_or_else(PoisonError::into_inner);
    if recent.places.is_empty() {
        recent.places.resize(PLACES, None);
    }
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(text);
    let place = &mut recent.places[usize::try_from(hash % PLACES as u64).unwrap_or_default()];
    if let Some(known) = place
        && **known == *text
    {
        return known.clone();
    }
    let text = place.insert(text.into()).clone();
    recent.came += 1;
    if recent.came == MANY {
        recent.came = 0;
        for place in &mut recent.places {
            place.take_if(|text| Text::strong_count(text) == Some(1));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_text_is_kept_once_and_another_is_another() {
        let one = shared("sha256:a text of this test alone");
        assert!(Text::ptr_eq(
            &one,
            &shared("sha256:a text of this test alone")
        ));
        for number in 0..3 * PLACES {
            let text = format!("{number} of many");
            assert_eq!(*shared(&text), *text);
        }
        assert_eq!(*shared(&one), *one);
    }
}
