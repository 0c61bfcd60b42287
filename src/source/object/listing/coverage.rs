//! How far a bucket is covered: for each stream of keys the cursor, up to which everything is done with for good. Pure.
//!
//! Invariant: a cursor never passes a key that was listed and is not done with, nor one so young that others may still
//! appear before it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::key_date::KeyDate;
use super::pages::Listed;

/// The most streams that have a cursor, about 4 MiB of them. The keys of any others are listed anew in every cycle.
const MOST_STREAMS: usize = 10_000;

/// What a key means for the cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Done with, and too old for another key to appear before it.
    Settled,
    /// Not done with yet, and too old for another key to appear before it.
    Open,
    /// To be seen again in the next cycle, whatever becomes of it now.
    Held,
}

/// How far the streams of one listing are covered.
#[derive(Clone, Debug, Default)]
pub(super) struct Coverage {
    prefix_bytes: usize,
    look_back_ms: i64,
    streams: BTreeMap<String, Stream>,
    /// The stream of the last dated key.
    current: String,
    /// Whether there were more streams than have a place.
    is_full: bool,
}

#[derive(Clone, Debug, Default)]
struct Stream {
    /// Everything up to this key is done with for good.
    cursor: Option<String>,
    /// The last key listed in this cycle, or the one in front of the barrier.
    last: Option<String>,
    /// The keys in front of the barrier that are not done with, each with the one before it. As many as are in work.
    open: BTreeMap<String, Option<String>>,
    /// Whether a key was listed that the cursor will not pass in this cycle. What lies behind it is of no interest then.
    has_barrier: bool,
}

impl Stream {
    fn list(&mut self, key: &str, standing: Standing) {
        self.list_stray(key, standing);
        if !self.has_barrier {
            self.last = Some(key.to_owned());
        }
    }

    /// A key without a date of its own, in among those of the stream: it can hold the cursor back, but never be it.
    fn list_stray(&mut self, key: &str, standing: Standing) {
        match standing {
            _ if self.has_barrier => {}
            Standing::Settled => {}
            Standing::Open => {
                self.open.insert(key.to_owned(), self.last.clone());
            }
            Standing::Held => self.has_barrier = true,
        }
    }

    /// Makes an open key the barrier.
    fn hold(&mut self, key: &str) {
        if let Some(before) = self.open.remove(key) {
            self.open.split_off(key);
            self.last = before;
            self.has_barrier = true;
        }
    }

    /// Moves the cursor to where it may be; returns it if it moved.
    fn advance(&mut self) -> Option<&str> {
        let frontier = match self.open.first_key_value() {
            Some((_, before)) => before,
            None => &self.last,
        };
        if *frontier <= self.cursor {
            return None;
        }
        self.cursor.clone_from(frontier);
        self.cursor.as_deref()
    }
}

impl Coverage {
    /// The coverage by `cursors`, each of them a key under the prefix of so many bytes.
    pub(super) fn new(
        prefix_bytes: usize,
        look_back: Duration,
        cursors: impl IntoIterator<Item = String>,
    ) -> Self {
        let mut coverage = Self {
            prefix_bytes,
            look_back_ms: i64::try_from(look_back.as_millis()).unwrap_or(i64::MAX),
            ..Self::default()
        };
        for cursor in cursors {
            if let Some(date) = KeyDate::find(&cursor, prefix_bytes) {
                let stream = coverage.streams.entry(date.stream.to_owned()).or_default();
                stream.cursor = Some(cursor);
            }
        }
        coverage.begin_cycle();
        coverage
    }

    /// The listing starts from its beginning.
    pub(super) fn begin_cycle(&mut self) {
        self.current.clear();
        self.streams.retain(|_, stream| stream.cursor.is_some());
        for stream in self.streams.values_mut() {
            stream.last.clone_from(&stream.cursor);
            stream.open.clear();
            stream.has_barrier = false;
        }
    }

    /// If `key` is covered, the key behind which the listing is to go on.
    pub(super) fn skip(&self, key: &str) -> Option<&str> {
        let date = KeyDate::find(key, self.prefix_bytes)?;
        let cursor = self.streams.get(date.stream)?.cursor.as_deref();
        cursor.filter(|cursor| key <= *cursor)
    }

    /// Takes note of the next object of the listing, which is not covered. If it is not done with, [`settle`](Self::settle) or
    /// [`hold`](Self::hold) follows when it is.
    pub(super) fn list(&mut self, object: &Listed, is_done: bool, asked_unix_ms: i64) {
        let key = object.key.as_str();
        let date = KeyDate::find(key, self.prefix_bytes);
        // Within a day keys may be in any order, so a day grows old as a whole.
        let day_ends = date.map_or(i64::MIN, |date| date.day_ends_unix_ms);
        let old_until = asked_unix_ms.saturating_sub(self.look_back_ms);
        let standing = match object.modified_unix_ms.max(day_ends) < old_until {
            true if is_done => Standing::Settled,
            true => Standing::Open,
            false => Standing::Held,
        };
        match date {
            Some(date) => {
                if let Some(stream) = self.stream(date.stream) {
                    stream.list(key, standing);
                }
            }
            None if key.starts_with(&self.current) => {
                if let Some(stream) = self.streams.get_mut(&self.current) {
                    stream.list_stray(key, standing);
                }
            }
            None => {}
        }
    }

    /// The stream of this text, which becomes the current one; `None` if there is no place for it.
    fn stream(&mut self, text: &str) -> Option<&mut Stream> {
        if self.current != text {
            text.clone_into(&mut self.current);
        }
        if !self.streams.contains_key(text) {
            if self.streams.len() >= MOST_STREAMS {
                self.is_full = true;
                return None;
            }
            self.streams.insert(text.to_owned(), Stream::default());
        }
        self.streams.get_mut(text)
    }

    /// A key that was open is done with.
    pub(super) fn settle(&mut self, key: &str) {
        self.change(key, |stream| drop(stream.open.remove(key)));
    }

    /// A key that was open is not done with, and will not be in this cycle.
    pub(super) fn hold(&mut self, key: &str) {
        self.change(key, |stream| stream.hold(key));
    }

    /// Changes the stream that has `key` among its open ones: its own or, for a stray, one whose text it starts with.
    fn change(&mut self, key: &str, change: impl Fn(&mut Stream)) {
        let texts = match KeyDate::find(key, self.prefix_bytes) {
            Some(date) => date.stream.len()..=date.stream.len(),
            None => self.prefix_bytes..=key.len(),
        };
        for end in texts {
            if let Some(stream) = key.get(..end).and_then(|text| self.streams.get_mut(text)) {
                change(stream);
            }
        }
    }

    /// Moves the cursors to where they may be; returns those that moved, each after its stream.
    pub(super) fn advance(&mut self) -> Vec<(String, String)> {
        let moved = |(text, stream): (&String, &mut Stream)| {
            let cursor = stream.advance()?.to_owned();
            Some((text.clone(), cursor))
        };
        self.streams.iter_mut().filter_map(moved).collect()
    }

    /// Whether there were more streams than can have a cursor.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }
}

#[cfg(test)]
mod tests;
