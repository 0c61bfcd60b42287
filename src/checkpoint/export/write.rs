//! Writing an export.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::{Age, Checksum, ExportError, Exported, FORMAT, Footer, Header, VERSION};
use crate::checkpoint::{Key, Row, fsync, hex, record};

#[derive(Serialize)]
struct RowOut<'a> {
    kind: Option<&'static str>,
    input: &'a str,
    service: &'a str,
    module: &'a str,
    region: &'a str,
    record: Option<serde_json::Value>,
    key: String,
    value: String,
}

/// Writes `rows` to `path`.
pub(in crate::checkpoint) fn write<E: From<ExportError>>(
    path: &Path,
    age: Age,
    rows: impl Iterator<Item = Result<Row, E>>,
) -> Result<Exported, E> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = PathBuf::from(temporary);
    let failed = |doing, path: &Path| {
        let path = path.to_owned();
        move |source| ExportError::Io {
            doing,
            path,
            source,
        }
    };
    let file = File::create(&temporary).map_err(failed("create", &temporary))?;
    let mut out = BufWriter::new(file);
    let mut exported = Exported {
        rows: 0,
        age,
        exported_unix_ms: unix_ms(),
    };
    let header = Header {
        format: FORMAT.to_owned(),
        version: VERSION,
        age,
        exported_unix_ms: exported.exported_unix_ms,
    };
    write_line(&mut out, &header).map_err(failed("write", &temporary))?;
    let mut checksum = Checksum::new(age);
    for row in rows {
        let (key, value) = row?;
        checksum.add(&key.to_bytes(), &value);
        write_line(&mut out, &readable(&key, &value)).map_err(failed("write", &temporary))?;
        exported.rows += 1;
    }
    let footer = Footer {
        rows: exported.rows,
        crc32: checksum.finish(),
    };
    write_line(&mut out, &footer).map_err(failed("write", &temporary))?;
    let file = out
        .into_inner()
        .map_err(|error| failed("write", &temporary)(error.into_error()))?;
    file.sync_all().map_err(failed("flush", &temporary))?;
    fs::rename(&temporary, path).map_err(failed("replace", path))?;
    fsync::parent(path).map_err(failed("flush the directory of", path))?;
    Ok(exported)
}

fn readable<'a>(key: &'a Key, value: &[u8]) -> RowOut<'a> {
    let scope = key.scope();
    RowOut {
        kind: key.kind().map(|kind| kind.name()),
        input: scope.input(),
        service: scope.service(),
        module: scope.module(),
        region: scope.region(),
        record: record::describe(value).ok(),
        key: hex::encode(&key.to_bytes()),
        value: hex::encode(value),
    }
}

fn write_line(out: &mut impl Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

fn unix_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
