//! The same text kept once: ten thousand images say the same digests, folders and commands of the bases that they
//! share.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::compact::texts::{DigestList, SharedPrefix};
use crate::domain::text::Text;

/// How many texts are remembered, each in a place that it takes from another one when it comes: a word for each.
const PLACES: usize = 1 << 13;
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

/// Returns a text to keep, shared with those read not long ago where one was the same.
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

/// So many layers of a base are kept once for all images on it, the most first.
const FRONTS: [usize; 3] = [16, 8, 4];
/// How many beginnings are remembered, as [`PLACES`].
const FRONT_PLACES: usize = 1 << 11;

/// Longer ones are no layers' digests, and not worth to be remembered.
const LONGEST_FRONT: usize = 4096;

static RECENT_FRONTS: Mutex<Fronts> = Mutex::new(Fronts {
    places: Vec::new(),
    came: 0,
});

struct Fronts {
    /// Beginnings by their hashes; those that came twice are kept.
    places: Vec<(u64, Option<SharedPrefix>)>,
    /// How many have come since somebody looked which are still used.
    came: usize,
}

/// Texts to keep, of which those in front are shared with others read not long ago that began with the same.
pub(super) fn behind_shared(texts: DigestList) -> DigestList {
    let mut recent = RECENT_FRONTS.lock().unwrap_or_else(PoisonError::into_inner);
    recent.places.resize(FRONT_PLACES, (0, None));
    recent.came += 1;
    if recent.came == MANY {
        recent.came = 0;
        for (_, front) in &mut recent.places {
            front.take_if(|front| Arc::strong_count(front) == 1);
        }
    }
    for number in FRONTS {
        let first = texts.first(number);
        let Some(first) = first.filter(|it| it.len() <= LONGEST_FRONT) else {
            continue;
        };
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(first);
        let place = usize::try_from(hash % FRONT_PLACES as u64).unwrap_or_default();
        let (before, front) = &mut recent.places[place];
        if *before == hash {
            // Only what came a second time is worth a piece of its own.
            let front = front.get_or_insert_with(|| first.into());
            return texts.behind(front);
        }
        let in_use = front.as_ref().is_some_and(|it| Arc::strong_count(it) > 1);
        if !in_use {
            (*before, *front) = (hash, None);
        }
    }
    texts
}

#[cfg(test)]
mod tests;
