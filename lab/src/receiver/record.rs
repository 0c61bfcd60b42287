//! What is kept of the lines that arrive, over all connections.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Write},
    sync::Mutex,
};

use bytes::{Bytes, BytesMut};
use tokio::sync::watch;

use super::options::{ReceiverError, Record};
use crate::{digest::LineDigest, sync::lock};

/// The record of a receiver.
#[derive(Debug)]
pub(super) struct Recorder {
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

#[derive(Debug)]
struct State {
    totals: LineDigest,
    kept: Kept,
}

#[derive(Debug)]
enum Kept {
    Lines(Vec<(usize, Bytes)>),
    Digest,
    Nothing,
    File(BufWriter<File>),
}

impl Recorder {
    pub(super) fn new(record: &Record) -> Result<Self, ReceiverError> {
        let kept = match record {
            Record::Lines => Kept::Lines(Vec::new()),
            Record::Digest => Kept::Digest,
            Record::Discard => Kept::Nothing,
            Record::Append(path) => {
                let file = OpenOptions::new().create(true).append(true).open(path);
                let file = file.map_err(|source| ReceiverError::File {
                    path: path.clone(),
                    source,
                })?;
                Kept::File(BufWriter::new(file))
            }
        };
        Ok(Self {
            state: Mutex::new(State {
                totals: LineDigest::default(),
                kept,
            }),
            changed: watch::Sender::new(()),
        })
    }

    /// Takes the whole lines out of `buffer` and returns how many there were.
    ///
    /// # Errors
    /// The file cannot be written; the lines are lost then, as with any receiver whose disk is full.
    pub(super) fn take_lines(&self, connection: usize, buffer: &mut BytesMut) -> io::Result<u64> {
        let Some(end) = memchr::memrchr(b'\n', buffer) else {
            return Ok(0);
        };
        let whole = buffer.split_to(end + 1).freeze();
        let mut state = lock(&self.state);
        let before = state.totals.lines;
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', &whole) {
            let line = start..end;
            start = end + 1;
            match &mut state.kept {
                Kept::Lines(lines) => lines.push((connection, whole.slice(line.clone()))),
                Kept::Digest => {
                    state.totals.add(&whole[line]);
                    continue;
                }
                Kept::Nothing | Kept::File(_) => {}
            }
            state.totals.count(&whole[line]);
        }
        let lines = state.totals.lines - before;
        if let Kept::File(file) = &mut state.kept {
            file.write_all(&whole)?;
            file.flush()?;
        }
        drop(state);
        self.changed.send_replace(());
        Ok(lines)
    }

    /// Wakes those who wait for lines or connections.
    pub(super) fn wake(&self) {
        self.changed.send_replace(());
    }

    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    pub(super) fn totals(&self) -> LineDigest {
        lock(&self.state).totals
    }

    /// The lines kept, with the number of their connection.
    pub(super) fn lines(&self) -> Vec<(usize, Bytes)> {
        match &lock(&self.state).kept {
            Kept::Lines(lines) => lines.clone(),
            Kept::Digest | Kept::Nothing | Kept::File(_) => Vec::new(),
        }
    }
}
