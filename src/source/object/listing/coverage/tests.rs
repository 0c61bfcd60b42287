//! What the cursors promise: whatever the order in which objects appear and are delivered, and whenever the collector dies.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const HOUR_MS: i64 = 3_600_000;
/// 2024-01-01T00:00:00Z.
const START_MS: i64 = 1_704_067_200_000;
const LOOK_BACK_HOURS: i64 = 24;
const LOOK_BACK: Duration = Duration::from_secs(24 * 3600);

fn object(key: &str, modified_unix_ms: i64) -> Listed {
    Listed {
        key: key.to_owned(),
        etag: None,
        size: None,
        modified_unix_ms,
    }
}

/// A coverage of keys under `p/`.
fn coverage(cursors: &[&str]) -> Coverage {
    Coverage::new(2, LOOK_BACK, cursors.iter().map(|key| (*key).to_owned()))
}

/// When everything of 2024-01-01 and 2024-01-02 is old.
const LATE_MS: i64 = START_MS + 4 * 24 * HOUR_MS;

fn moved(coverage: &mut Coverage) -> Vec<String> {
    let moved = coverage.advance().into_iter();
    moved.map(|(_, cursor)| cursor).collect()
}

#[test]
fn a_cursor_stops_before_the_first_object_in_work_and_goes_on_when_that_is_done() {
    let mut coverage = coverage(&[]);
    let keys = ["p/2024-01-01/a", "p/2024-01-01/b", "p/2024-01-01/c"];
    for (key, is_done) in keys.into_iter().zip([true, false, true]) {
        coverage.list(&object(key, START_MS), is_done, LATE_MS);
    }
    assert_eq!(moved(&mut coverage), [keys[0]]);
    coverage.settle(keys[1]);
    assert_eq!(moved(&mut coverage), [keys[2]]);
    assert_eq!(coverage.skip(keys[1]), Some(keys[2]));
    assert_eq!(coverage.skip("p/2024-01-01/d"), None);
}

#[test]
fn a_day_is_kept_in_sight_until_the_look_back_after_its_end() {
    let day_ends = START_MS + 24 * HOUR_MS;
    for (hours, expected) in [(LOOK_BACK_HOURS, 0), (LOOK_BACK_HOURS + 1, 1)] {
        let mut coverage = coverage(&[]);
        let asked = day_ends + hours * HOUR_MS;
        coverage.list(&object("p/2024-01-01/a", START_MS), true, asked);
        assert_eq!(moved(&mut coverage).len(), expected, "{hours} hours later");
    }
}

#[test]
fn an_object_written_lately_holds_the_cursor_whatever_its_date() {
    let mut coverage = coverage(&[]);
    coverage.list(&object("p/2024-01-01/a", LATE_MS - HOUR_MS), true, LATE_MS);
    coverage.list(&object("p/2024-01-01/b", START_MS), true, LATE_MS);
    assert!(moved(&mut coverage).is_empty());
}

#[test]
fn one_stream_that_is_behind_does_not_hold_another() {
    let mut coverage = coverage(&[]);
    coverage.list(&object("p/dns/2024-01-01/a", START_MS), false, LATE_MS);
    coverage.list(&object("p/ip/2024-01-01/a", START_MS), true, LATE_MS);
    coverage.hold("p/dns/2024-01-01/a");
    assert_eq!(moved(&mut coverage), ["p/ip/2024-01-01/a"]);
}

#[test]
fn a_new_object_at_the_end_of_a_quiet_stream_is_not_skipped() {
    let coverage = coverage(&["p/dns/2024-01-01/a", "p/ip/2024-06-01/a"]);
    assert_eq!(coverage.skip("p/dns/2024-06-02/a"), None);
    assert_eq!(
        coverage.skip("p/ip/2024-01-01/a"),
        Some("p/ip/2024-06-01/a")
    );
}

#[test]
fn a_key_without_a_date_is_never_covered_but_holds_the_cursor_until_it_is_done() {
    let mut coverage = coverage(&[]);
    coverage.list(&object("p/2024-01-01/a", START_MS), true, LATE_MS);
    coverage.list(&object("p/2024-01-xx", START_MS), false, LATE_MS);
    coverage.list(&object("p/2024-01-02/a", START_MS), true, LATE_MS);
    coverage.list(&object("p/readme", START_MS), true, LATE_MS);
    coverage.advance();
    assert_eq!(coverage.skip("p/readme"), None);
    assert_eq!(coverage.skip("p/2024-01-xx"), None);
}

#[test]
fn what_fails_for_good_leaves_nothing_in_memory_behind_it() {
    let mut coverage = coverage(&[]);
    let keys: Vec<String> = (0..100)
        .map(|number| format!("p/2024-01-01/{number:03}"))
        .collect();
    for key in &keys {
        coverage.list(&object(key, START_MS), false, LATE_MS);
    }
    for key in keys.iter().rev() {
        coverage.hold(key);
    }
    coverage.list(&object("p/2024-01-02/a", START_MS), false, LATE_MS);
    assert!(coverage.streams["p/"].open.is_empty());
}

#[derive(Clone, Debug)]
enum Step {
    /// Time passes.
    Pass { hours: i64 },
    /// An object appears, up to the look-back after the time in its name.
    Put {
        stream: usize,
        late_hours: i64,
        number: u8,
    },
    /// The listing goes on by some keys, and starts again behind its end.
    List { keys: usize },
    /// An object in work is delivered, or found unreadable.
    End { place: usize, is_delivered: bool },
    /// The cursors are saved.
    Save,
    /// The collector dies and comes back.
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (1..30i64).prop_map(|hours| Step::Pass { hours }),
        6 => (0..STREAMS.len(), 0..=LOOK_BACK_HOURS, any::<u8>())
            .prop_map(|(stream, late_hours, number)| Step::Put { stream, late_hours, number }),
        6 => (1..6usize).prop_map(|keys| Step::List { keys }),
        6 => (0..5usize, prop::bool::weighted(0.8))
            .prop_map(|(place, is_delivered)| Step::End { place, is_delivered }),
        2 => Just(Step::Save),
        1 => Just(Step::Crash),
    ];
    prop::collection::vec(step, 0..150)
}

/// Streams in which keys grow with time, or only by the day; one that begins like another, and one with no text of its own.
const STREAMS: [(&str, bool); 4] = [
    ("p/a/", true),
    ("p/a-b.", false),
    ("p/b/", false),
    ("p/", true),
];

/// A bucket and a collector.
struct World {
    now_ms: i64,
    bucket: BTreeMap<String, i64>,
    done: BTreeSet<String>,
    in_work: Vec<String>,
    coverage: Coverage,
    saved: BTreeMap<String, String>,
    position: String,
}

impl World {
    fn new() -> Self {
        Self {
            now_ms: START_MS + 48 * HOUR_MS,
            bucket: BTreeMap::new(),
            done: BTreeSet::new(),
            in_work: Vec::new(),
            coverage: coverage(&[]),
            saved: BTreeMap::new(),
            position: String::new(),
        }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Pass { hours } => self.now_ms += hours * HOUR_MS,
            Step::Put {
                stream,
                late_hours,
                number,
            } => {
                let (text, is_by_hour) = STREAMS[stream];
                let named =
                    jiff::Timestamp::from_millisecond(self.now_ms - late_hours * HOUR_MS).unwrap();
                let (day, hour) = (named.strftime("%Y-%m-%d"), named.strftime("%H"));
                let key = match is_by_hour {
                    true => format!("{text}{day}-{hour}-{number:03}"),
                    false => format!("{text}{day}/{number:03}-{hour}"),
                };
                self.bucket.entry(key).or_insert(self.now_ms);
            }
            Step::List { keys } => (0..keys).for_each(|_| {
                self.list();
            }),
            Step::End {
                place,
                is_delivered,
            } if place < self.in_work.len() => {
                let key = self.in_work.remove(place);
                if is_delivered {
                    self.done.insert(key.clone());
                    self.coverage.settle(&key);
                } else {
                    self.coverage.hold(&key);
                }
            }
            Step::End { .. } => {}
            Step::Save => {
                let moved = self.coverage.advance();
                self.saved.extend(moved);
            }
            Step::Crash => {
                self.in_work.clear();
                self.position.clear();
                let saved: Vec<&str> = self.saved.values().map(String::as_str).collect();
                self.coverage = coverage(&saved);
            }
        }
    }

    /// Lists one key; `false` at the end of the listing.
    fn list(&mut self) -> bool {
        use std::ops::Bound::{Excluded, Unbounded};
        let behind = (Excluded(self.position.as_str()), Unbounded);
        let Some((key, modified)) = self.bucket.range::<str, _>(behind).next() else {
            self.position.clear();
            self.coverage.begin_cycle();
            return false;
        };
        let listed = object(key, *modified);
        if let Some(cursor) = self.coverage.skip(&listed.key) {
            self.position = cursor.to_owned();
            return true;
        }
        self.position.clone_from(&listed.key);
        let is_done = self.done.contains(&listed.key);
        self.coverage.list(&listed, is_done, self.now_ms);
        if !is_done && !self.in_work.contains(&listed.key) {
            self.in_work.push(listed.key);
        }
        true
    }

    fn no_cursor_passes_what_is_not_done(&self) -> Result<(), TestCaseError> {
        for key in self.bucket.keys().filter(|key| !self.done.contains(*key)) {
            prop_assert_eq!(self.coverage.skip(key), None, "{} is not done", key);
            let date = KeyDate::find(key, 2).unwrap();
            let saved = self.saved.get(date.stream);
            prop_assert!(saved.is_none_or(|cursor| key > cursor), "{key} is not done");
        }
        Ok(())
    }

    /// A whole cycle in which everything is delivered.
    fn good_cycle(&mut self) {
        while self.list() {}
        while self.list() {}
        while !self.in_work.is_empty() {
            self.take(&Step::End {
                place: 0,
                is_delivered: true,
            });
        }
        while self.list() {
            self.take(&Step::Save);
        }
    }
}

proptest! {
    #[test]
    fn nothing_within_the_look_back_is_missed_and_no_cursor_passes_what_is_not_done(steps in steps()) {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
            world.no_cursor_passes_what_is_not_done()?;
        }
        world.good_cycle();
        for key in world.bucket.keys() {
            prop_assert!(world.done.contains(key), "{key} is missed");
        }
        // What is old at last is covered, so that a listing costs no more than what is new.
        world.take(&Step::Pass { hours: 4 * 24 });
        world.good_cycle();
        world.take(&Step::Crash);
        for key in world.bucket.keys() {
            prop_assert!(world.coverage.skip(key).is_some(), "{key} is listed for ever");
        }
    }
}
