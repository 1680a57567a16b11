//! Many small questions, a few at a time, none twice.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;

use crate::domain::text::Text;

/// How a question about one object has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Landing {
    /// It was answered.
    Known,
    /// It will not be answered however often it is asked, until somebody wants a new scan.
    Unanswerable,
    /// No answer came through; it is asked again after a pause, or by the next list.
    Lost,
}

/// What is remembered of an object: for what it was asked (`None`: it must be asked again), whether an answer ever
/// came, and whether it was told that none came.
#[derive(Debug)]
struct Remembered<M> {
    mark: Option<M>,
    known: bool,
    told: bool,
}

/// The objects of a list that must be asked one by one. An object is asked once for each value of its mark.
#[derive(Debug)]
pub(super) struct Queue<K, M> {
    seen: HashMap<K, Remembered<M>>,
    waiting: VecDeque<K>,
    in_flight: HashSet<K>,
    /// Those whose question was lost, with their marks.
    lost: HashMap<K, M>,
    limit: usize,
    /// Words of a question that was lost since the work began.
    failure: Option<Text>,
    busy: bool,
    /// Only what was lost is asked, and nothing has come of it.
    retries: bool,
}

impl<K: Clone + Eq + Hash, M: PartialEq> Queue<K, M> {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            seen: HashMap::new(),
            waiting: VecDeque::new(),
            in_flight: HashSet::new(),
            lost: HashMap::new(),
            limit,
            failure: None,
            busy: false,
            retries: false,
        }
    }

    /// Takes a new list: what is gone is forgotten, what is new or has another mark must be asked, in the
    /// list's order. True if objects came or went.
    pub(super) fn list(&mut self, list: Vec<(K, M)>) -> bool {
        let mut seen = HashMap::with_capacity(list.len());
        let (mut came, mut asks) = (false, false);
        let queued: HashSet<K> = self.waiting.iter().cloned().collect();
        for (key, mark) in list {
            let old = self.seen.remove(&key);
            came |= old.is_none();
            let known = old.as_ref().is_some_and(|old| old.known);
            let told = old.as_ref().is_some_and(|old| old.told);
            let asked = old.is_some_and(|old| old.mark.as_ref() == Some(&mark));
            if !asked && !queued.contains(&key) {
                self.waiting.push_back(key.clone());
                asks = true;
            }
            let mark = Some(mark);
            seen.insert(key, Remembered { mark, known, told });
        }
        let went = !self.seen.is_empty();
        self.waiting.retain(|key| seen.contains_key(key));
        self.seen = seen;
        // They are among those that must be asked.
        self.lost.clear();
        if asks && std::mem::take(&mut self.retries) {
            self.busy = false;
        }
        came || went
    }

    /// Returns the key of an object as it is kept here already, so that memory holds it once.
    pub(super) fn own(&self, key: &K) -> K {
        let known = self.seen.get_key_value(key);
        known.map_or(key, |(own, _)| own).clone()
    }

    /// Asks again for what was lost. That is no news before something comes of it.
    pub(super) fn ask_lost(&mut self) {
        if self.is_idle() && !self.lost.is_empty() {
            (self.busy, self.retries) = (true, true);
        }
        for (key, mark) in std::mem::take(&mut self.lost) {
            if let Some(seen) = self.seen.get_mut(&key) {
                seen.mark = Some(mark);
                self.waiting.push_back(key);
            }
        }
    }

    pub(super) fn has_lost(&self) -> bool {
        !self.lost.is_empty()
    }

    /// Makes the next list ask for an object again, because it has changed.
    pub(super) fn invalidate(&mut self, key: &K) {
        if let Some(seen) = self.seen.get_mut(key) {
            seen.mark = None;
        }
    }

    /// Makes the next list ask for every object again.
    pub(super) fn invalidate_all(&mut self) {
        for seen in self.seen.values_mut() {
            seen.mark = None;
        }
    }

    /// Makes the next list ask again for those that gave no answer.
    pub(super) fn invalidate_unanswered(&mut self) {
        for seen in self.seen.values_mut().filter(|seen| !seen.known) {
            seen.mark = None;
        }
    }

    /// Asks those before all others that wait, in this order.
    pub(super) fn look_first(&mut self, keys: &[K]) {
        let waiting: HashSet<&K> = self.waiting.iter().collect();
        let first: Vec<K> = keys
            .iter()
            .filter(|key| waiting.contains(key))
            .cloned()
            .collect();
        let jumping: HashSet<&K> = first.iter().collect();
        self.waiting.retain(|key| !jumping.contains(key));
        for key in first.iter().rev() {
            self.waiting.push_front(key.clone());
        }
    }

    /// Returns the next object to ask about, if one more may be asked now.
    pub(super) fn next(&mut self) -> Option<K> {
        if self.in_flight.len() >= self.limit {
            return None;
        }
        // One that is being asked already waits for that answer first.
        let at = self
            .waiting
            .iter()
            .position(|key| !self.in_flight.contains(key))?;
        let key = self.waiting.remove(at)?;
        self.in_flight.insert(key.clone());
        Some(key)
    }

    /// Takes note of an answer. True if the object had never been answered before; of what is lost, if that was not
    /// told before either.
    pub(super) fn landed(&mut self, key: &K, landing: Landing, words: Option<Text>) -> bool {
        self.in_flight.remove(key);
        if let Some(words) = words {
            self.failure.get_or_insert(words);
        }
        let Some(seen) = self.seen.get_mut(key) else {
            return false;
        };
        let first = !seen.known;
        if landing != Landing::Lost {
            seen.known |= landing == Landing::Known;
            self.retries = false;
            return first;
        }
        if let Some(mark) = seen.mark.take() {
            self.lost.insert(key.clone(), mark);
        }
        first && !std::mem::replace(&mut seen.told, true)
    }

    /// Returns those that were answered, each with the mark that it was asked for.
    pub(super) fn answered(&self) -> HashMap<K, M>
    where
        M: Copy,
    {
        let answered = self.seen.iter().filter(|(_, seen)| seen.known);
        let marks = answered.filter_map(|(key, seen)| Some((key.clone(), seen.mark?)));
        let mut all = HashMap::new();
        all.extend(marks);
        all
    }

    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.in_flight.is_empty()
    }

    /// Returns true once when work begins after none.
    pub(super) fn begins(&mut self) -> bool {
        !self.is_idle() && !std::mem::replace(&mut self.busy, true)
    }

    /// Returns true once when all that was begun is answered, but for what was lost and is lost again.
    pub(super) fn ends(&mut self) -> bool {
        if !self.is_idle() || !std::mem::take(&mut self.busy) {
            return false;
        }
        let unavailable = std::mem::take(&mut self.retries);
        if unavailable {
            self.failure = None;
        }
        !unavailable
    }

    /// Returns the words of what was lost since this was asked last.
    pub(super) fn failure(&mut self) -> Option<Text> {
        self.failure.take()
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &K> {
        self.seen.keys()
    }
}

#[cfg(test)]
mod tests;
