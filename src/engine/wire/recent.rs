//! The same text kept once: ten thousand images say the same digests, folders and commands of the bases that they
//! share.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::{Mutex, PoisonError};

use crate::domain::item::Text;

/// How many texts are remembered. Each takes the place of another one when it comes, so what nobody uses any more
/// is held for a while only; all places together are a quarter of a megabyte.
const PLACES: usize = 1 << 14;

static RECENT: Mutex<Vec<Option<Text>>> = Mutex::new(Vec::new());

/// A text to keep, shared with those read not long ago where one was the same.
pub(super) fn shared(text: &str) -> Text {
    let mut recent = RECENT.lock().unwrap_or_else(PoisonError::into_inner);
    if recent.is_empty() {
        recent.resize(PLACES, None);
    }
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(text);
    let place = &mut recent[usize::try_from(hash % PLACES as u64).unwrap_or_default()];
    match place {
        Some(known) if **known == *text => known.clone(),
        _ => place.insert(text.into()).clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn the_same_text_is_kept_once_and_another_is_another() {
        let one = shared("sha256:a text of this test alone");
        assert!(Arc::ptr_eq(
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
