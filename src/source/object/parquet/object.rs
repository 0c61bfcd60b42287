//! Parquet objects one after another, each from its bytes to its rows: what a service's extractor is made of.

use super::{ParquetFault, ParquetRows, Rows};
use crate::source::object::records::BytesWindow;

/// How many bytes are spooled at a time, at most.
const PIECE_BYTES: usize = 64 << 10;

/// The Parquet object at hand.
///
/// Call [`begin`](Self::begin) for each object; write its bytes into [`window`](Self::window) and call
/// [`next_row`](Self::next_row), which gives nothing yet; then [`end`](Self::end), and `next_row` until it gives no more.
#[derive(Debug)]
pub struct ParquetObject {
    window: BytesWindow,
    stage: Stage,
    row: String,
}

#[derive(Debug)]
enum Stage {
    /// No bytes yet.
    Begun,
    Spooling(ParquetRows),
    /// All bytes are there, the last of them perhaps in the window.
    Ended(Option<ParquetRows>),
    Reading(Box<Rows>),
    /// All rows were read, or there was a fault. The temporary file is gone.
    Done,
}

impl Default for ParquetObject {
    fn default() -> Self {
        Self {
            window: BytesWindow::new(PIECE_BYTES),
            stage: Stage::Begun,
            row: String::new(),
        }
    }
}

impl ParquetObject {
    /// Begins with a new object; what is left of the one before is forgotten.
    pub fn begin(&mut self) {
        *self = Self {
            row: std::mem::take(&mut self.row),
            ..Self::default()
        };
    }

    /// Where the next bytes of the object are to be written.
    pub fn window(&mut self) -> &mut BytesWindow {
        &mut self.window
    }

    /// No more bytes will come.
    pub fn end(&mut self) {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Begun => Stage::Ended(None),
            Stage::Spooling(spool) => Stage::Ended(Some(spool)),
            other => other,
        };
    }

    /// The next row: as a JSON object (see [`Rows::next_row`]), and where its values can be asked for by name.
    /// `None` before the object's end, and after its last row.
    ///
    /// # Errors
    /// All of [`ParquetFault`]. There is nothing more to come from the object then.
    pub fn next_row(&mut self) -> Result<Option<(&str, &Rows)>, ParquetFault> {
        let stage = std::mem::replace(&mut self.stage, Stage::Done);
        self.stage = match stage {
            Stage::Begun => self.spool(None)?.map_or(Stage::Begun, Stage::Spooling),
            Stage::Spooling(spool) => self
                .spool(Some(spool))?
                .map_or(Stage::Begun, Stage::Spooling),
            Stage::Ended(spool) => {
                let spool = self.spool(spool)?.ok_or(ParquetFault::NotParquet)?;
                self.read(Box::new(spool.open()?))?
            }
            Stage::Reading(rows) => self.read(rows)?,
            Stage::Done => Stage::Done,
        };
        Ok(match &self.stage {
            Stage::Reading(rows) => Some((&self.row, rows)),
            _ => None,
        })
    }

    /// Moves the window's bytes into the spool, which is made for the first of them.
    fn spool(&mut self, spool: Option<ParquetRows>) -> Result<Option<ParquetRows>, ParquetFault> {
        let bytes = self.window.held();
        if bytes.is_empty() {
            return Ok(spool);
        }
        let mut spool = match spool {
            Some(spool) => spool,
            None => ParquetRows::spool()?,
        };
        spool.write(bytes)?;
        let len = bytes.len();
        self.window.drop_front(len);
        Ok(Some(spool))
    }

    fn read(&mut self, mut rows: Box<Rows>) -> Result<Stage, ParquetFault> {
        self.row.clear();
        Ok(if rows.next_row(&mut self.row)? {
            Stage::Reading(rows)
        } else {
            Stage::Done
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const REAL: &[u8] = include_bytes!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/data/parquet/obsrvbl__flows.parquet"
    ));

    /// Writes `bytes` as a decompressor would, in pieces; there are no rows yet.
    fn write(object: &mut ParquetObject, mut bytes: &[u8], piece_len: usize) {
        while !bytes.is_empty() {
            let room = object.window().room();
            let len = bytes.len().min(room.len()).min(piece_len);
            room[..len].copy_from_slice(&bytes[..len]);
            object.window().commit(len);
            bytes = &bytes[len..];
            assert!(object.next_row().unwrap().is_none());
        }
    }

    fn accounts(object: &mut ParquetObject) -> Vec<String> {
        let mut accounts = Vec::new();
        object.end();
        while let Some((row, values)) = object.next_row().unwrap() {
            assert!(row.starts_with(r#"{"version":"2","#));
            accounts.push(values.value("account_id").unwrap().into_owned());
        }
        accounts
    }

    #[test]
    fn rows_come_after_the_end_however_the_bytes_came() {
        let mut object = ParquetObject::default();
        for piece_len in [1, 1000, usize::MAX] {
            object.begin();
            write(&mut object, REAL, piece_len);
            assert_eq!(accounts(&mut object), ["123456789010"; 3]);
            assert!(object.next_row().unwrap().is_none());
        }
    }

    #[test]
    fn bytes_still_in_the_window_at_the_end_count() {
        let mut object = ParquetObject::default();
        let (most, rest) = REAL.split_at(REAL.len() - 5);
        write(&mut object, most, usize::MAX);
        object.window().room()[..5].copy_from_slice(rest);
        object.window().commit(5);
        assert_eq!(accounts(&mut object).len(), 3);
    }

    #[test]
    fn an_object_after_one_that_was_left_unread_or_faulty_is_read() {
        let mut object = ParquetObject::default();
        write(&mut object, &REAL[..5000], usize::MAX);
        object.begin();
        write(&mut object, &REAL[..5000], usize::MAX);
        object.end();
        assert!(matches!(object.next_row(), Err(ParquetFault::Truncated)));
        assert!(object.next_row().unwrap().is_none());
        object.begin();
        write(&mut object, REAL, usize::MAX);
        assert_eq!(accounts(&mut object).len(), 3);
    }

    #[test]
    fn an_empty_object_is_not_parquet() {
        let mut object = ParquetObject::default();
        object.end();
        assert!(matches!(object.next_row(), Err(ParquetFault::NotParquet)));
    }
}
