//! Real records: where they come from, and how one is told from another.

use std::{
    fs,
    io::{self, Read},
    ops::Range,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;

/// Records could not be read or packed.
#[derive(Debug, Error)]
pub enum GenerateError {
    /// A file or directory cannot be read or written, or is no gzip.
    #[error("cannot read or write {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Not `{"Records":[…]}` with objects in it.
    #[error("{name} is not a CloudTrail file")]
    NotCloudTrail {
        /// The file or record.
        name: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// There is nothing to generate from.
    #[error("there are no records to generate from")]
    NoRecords,
}

/// Real records, as byte strings.
#[derive(Debug, Clone, Default)]
pub struct Records(pub(super) Vec<Template>);

/// A record and where its event id is.
#[derive(Debug, Clone)]
pub(super) struct Template {
    json: Bytes,
    /// The quoted value of the outermost `eventID`; empty, and behind the opening brace, if there is none.
    event_id: Range<usize>,
}

impl Records {
    /// Takes single records, each a JSON object.
    ///
    /// # Errors
    /// [`GenerateError::NotCloudTrail`] for the first that is not.
    pub fn from_slices<R: AsRef<[u8]>>(
        records: impl IntoIterator<Item = R>,
    ) -> Result<Self, GenerateError> {
        let templates = records
            .into_iter()
            .enumerate()
            .map(|(number, record)| {
                Template::new(Bytes::copy_from_slice(record.as_ref()))
                    .map_err(not_cloudtrail(&format!("record {number}")))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self(templates))
    }

    /// Reads every `*.json.gz` of a directory, in the order of their names. Files without `Records` (digests) are passed over.
    ///
    /// # Errors
    /// A file cannot be read or is no JSON.
    pub fn from_dir(dir: &Path) -> Result<Self, GenerateError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| GenerateError::Io { path, source }
        };
        let mut paths = fs::read_dir(dir)
            .map_err(failed(dir))?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(failed(dir))?;
        paths.retain(|path| path.to_string_lossy().ends_with(".json.gz"));
        paths.sort();
        let mut templates = Vec::new();
        for path in paths {
            let gz = fs::read(&path).map_err(failed(&path))?;
            let json = gunzip(&gz).map_err(failed(&path))?;
            let records = split(&json).map_err(not_cloudtrail(&path.display().to_string()))?;
            for record in records {
                let template = Template::new(Bytes::copy_from_slice(record.get().as_bytes()));
                templates.push(template.map_err(not_cloudtrail(&path.display().to_string()))?);
            }
        }
        Ok(Self(templates))
    }

    /// The records, byte for byte.
    pub fn iter(&self) -> impl Iterator<Item = &Bytes> {
        self.0.iter().map(|template| &template.json)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the files are the test data of the repository"
)]
pub(super) fn gunzip(gz: &[u8]) -> io::Result<Vec<u8>> {
    let mut json = Vec::new();
    MultiGzDecoder::new(gz).read_to_end(&mut json)?;
    Ok(json)
}

fn not_cloudtrail(name: &str) -> impl FnOnce(serde_json::Error) -> GenerateError {
    let name = name.to_owned();
    move |source| GenerateError::NotCloudTrail { name, source }
}

pub(super) fn split(json: &[u8]) -> Result<Vec<&RawValue>, serde_json::Error> {
    #[derive(Deserialize)]
    struct File<'f> {
        #[serde(borrow, default, rename = "Records")]
        records: Vec<&'f RawValue>,
    }
    Ok(serde_json::from_slice::<File<'_>>(json)?.records)
}

impl Template {
    fn new(json: Bytes) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Event<'e> {
            #[serde(borrow, rename = "eventID")]
            id: Option<&'e RawValue>,
        }
        let text: &RawValue = serde_json::from_slice(&json)?;
        let text = text.get();
        let event: Event<'_> = serde_json::from_str(text)?;
        // `text` and the id both point into `json`.
        let offset = |part: &str| part.as_ptr().addr() - json.as_ptr().addr();
        let event_id = match event.id {
            Some(id) => offset(id.get())..offset(id.get()) + id.get().len(),
            None => offset(text) + 1..offset(text) + 1,
        };
        Ok(Self { json, event_id })
    }

    /// The record under another event id.
    pub(super) fn with_id(&self, id: &str) -> Bytes {
        let (head, tail) = (
            &self.json[..self.event_id.start],
            &self.json[self.event_id.end..],
        );
        let mut record = Vec::with_capacity(self.json.len() + 64);
        record.extend_from_slice(head);
        if self.event_id.is_empty() {
            record.extend_from_slice(b"\"eventID\":");
        }
        record.push(b'"');
        record.extend_from_slice(id.as_bytes());
        record.push(b'"');
        if self.event_id.is_empty() && !tail.trim_ascii_start().starts_with(b"}") {
            record.push(b',');
        }
        record.extend_from_slice(tail);
        Bytes::from(record)
    }
}
