//! A valid object splits into the records that a JSON parser finds, and no object splits differently in pieces.
#![no_main]

use std::fmt;

use cloudweir::source::object::records::{RecordError, RecordSplitter};
use libfuzzer_sys::fuzz_target;
use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::value::RawValue;

fn split(object: &[u8], piece_len: usize) -> (Vec<Vec<u8>>, Result<(), RecordError>) {
    let mut splitter = RecordSplitter::new("Records", 1 << 20);
    let (mut records, mut rest) = (Vec::new(), object);
    while !rest.is_empty() {
        let room = splitter.window().room();
        let len = room.len().min(rest.len()).min(piece_len);
        assert!(len > 0, "no room");
        room[..len].copy_from_slice(&rest[..len]);
        splitter.window().commit(len);
        rest = &rest[len..];
        loop {
            match splitter.next_record() {
                Ok(Some(record)) => records.push(record.to_vec()),
                Ok(None) => break,
                Err(error) => return (records, Err(error)),
            }
        }
    }
    (records, splitter.finish())
}

fn parse(object: &[u8]) -> Option<Vec<&RawValue>> {
    let mut deserializer = serde_json::Deserializer::from_slice(object);
    let members = deserializer.deserialize_map(Members).ok()?;
    deserializer.end().ok()?;
    // Of two members of the same name a parser takes one, the splitter both.
    let mut wanted = members.iter().filter(|(name, _)| name == "Records");
    let (_, records) = wanted.next()?;
    if wanted.next().is_some() {
        return None;
    }
    serde_json::from_str(records.get()).ok()
}

/// All members of an object, also those of the same name.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}

fuzz_target!(|input: (u8, &[u8])| {
    let (piece_len, object) = input;
    let (records, end) = split(object, usize::MAX);
    assert_eq!(
        split(object, usize::from(piece_len).max(1)),
        (records.clone(), end)
    );
    if let Some(expected) = parse(object).filter(|e| e.iter().all(|r| r.get().starts_with('{'))) {
        assert_eq!(end, Ok(()));
        let expected: Vec<&[u8]> = expected.iter().map(|r| r.get().as_bytes()).collect();
        assert_eq!(records, expected);
    }
});
