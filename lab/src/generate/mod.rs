//! Deterministic CloudTrail objects out of real records: the same records, numbers and seed make the same bytes.
//!
//! Each generated record is a real one with an `eventID` of its own; the rest stays byte for byte, also the line feeds between
//! the tokens of some real records.

mod records;

use std::io::Write;

use bytes::Bytes;
use flate2::{Compression, GzBuilder};
use jiff::{SignedDuration, Timestamp};

use crate::ids;

pub use records::{GenerateError, Records};

/// Delivery time of the first object: 2026-01-01T00:00:00Z.
const FIRST_DELIVERY: i64 = 1_767_225_600;

/// CloudTrail delivers about every five minutes.
const DELIVERY_INTERVAL: SignedDuration = SignedDuration::from_mins(5);

impl Records {
    /// Objects that together hold `plan.records` records.
    ///
    /// # Errors
    /// [`GenerateError::NoRecords`].
    pub fn objects(&self, plan: Plan) -> Result<Objects<'_>, GenerateError> {
        if self.is_empty() {
            return Err(GenerateError::NoRecords);
        }
        Ok(Objects {
            records: self,
            rng: fastrand::Rng::with_seed(plan.seed),
            generated: 0,
            objects: 0,
            plan,
        })
    }
}

/// What to generate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Records in all.
    pub records: usize,
    /// Records of an object; the last may hold fewer.
    pub records_per_object: usize,
    /// Seeds event ids and keys.
    pub seed: u64,
    /// The account in the keys.
    pub account: String,
    /// The region in the keys.
    pub region: String,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            records: 1_000,
            records_per_object: 200,
            seed: 1,
            account: "123456789012".to_owned(),
            region: "us-east-1".to_owned(),
        }
    }
}

/// An object and the truth about it.
#[derive(Debug, Clone)]
pub struct GeneratedObject {
    /// `AWSLogs/ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/ACCOUNT_CloudTrail_REGION_TIME_RANDOM.json.gz`
    pub key: String,
    /// `{"Records":[…]}`, gzipped.
    pub body: Bytes,
    /// Its records in order.
    pub records: Vec<GeneratedRecord>,
}

/// A record of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GeneratedRecord {
    /// Its unique event id.
    pub event_id: String,
    /// The record, byte for byte as in the object.
    pub json: Bytes,
}

/// Generates objects one by one, so that memory does not grow with their number.
#[derive(Debug)]
pub struct Objects<'r> {
    records: &'r Records,
    plan: Plan,
    rng: fastrand::Rng,
    generated: usize,
    objects: i32,
}

impl Iterator for Objects<'_> {
    type Item = GeneratedObject;

    fn next(&mut self) -> Option<GeneratedObject> {
        let left = self.plan.records - self.generated;
        let count = left.min(self.plan.records_per_object.max(1));
        if count == 0 {
            return None;
        }
        let records: Vec<_> = (0..count).map(|_| self.next_record()).collect();
        let key = self.next_key();
        let body = pack(records.iter().map(|record| &record.json));
        Some(GeneratedObject { key, body, records })
    }
}

impl Objects<'_> {
    fn next_record(&mut self) -> GeneratedRecord {
        let template = &self.records.0[self.generated % self.records.len()];
        self.generated += 1;
        let event_id = ids::uuid(&mut self.rng);
        GeneratedRecord {
            json: template.with_id(&event_id),
            event_id,
        }
    }

    fn next_key(&mut self) -> String {
        let first = Timestamp::from_second(FIRST_DELIVERY).unwrap_or(Timestamp::UNIX_EPOCH);
        let delivered = first
            .checked_add(DELIVERY_INTERVAL * self.objects)
            .unwrap_or(first);
        self.objects += 1;
        let Plan {
            account, region, ..
        } = &self.plan;
        let day = delivered.strftime("%Y/%m/%d");
        let time = delivered.strftime("%Y%m%dT%H%MZ");
        let random: String = (0..16).map(|_| self.rng.alphanumeric()).collect();
        format!(
            "AWSLogs/{account}/CloudTrail/{region}/{day}/{account}_CloudTrail_{region}_{time}_{random}.json.gz"
        )
    }
}

/// Packs records into a CloudTrail object: gzipped `{"Records":[…]}`.
pub fn pack<R: AsRef<[u8]>>(records: impl IntoIterator<Item = R>) -> Bytes {
    let mut json = b"{\"Records\":[".to_vec();
    for (number, record) in records.into_iter().enumerate() {
        if number > 0 {
            json.push(b',');
        }
        json.extend_from_slice(record.as_ref());
    }
    json.extend_from_slice(b"]}");
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::new(6));
    // Writing into a vector does not fail.
    let _ = encoder.write_all(&json);
    Bytes::from(encoder.finish().unwrap_or_default())
}

#[cfg(test)]
mod tests;
