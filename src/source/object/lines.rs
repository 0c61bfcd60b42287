//! The lines of a text object, one after another, while the object is still arriving.
//!
//! A line ends at LF or CRLF, the last one also at the end of the object; empty lines are skipped. In CSV a line feed
//! inside a quoted field does not end the row (see `quoting`). A line that is longer than the limit is cut where a
//! character ends, and the rest of it is dropped; how much that was is told with the line, and the object is read on.
//!
//! What the log files of AWS services have in common beyond lines is in the modules below; what a line means is for the
//! service.

mod columns;
mod instant;
mod origin;
mod quoting;
mod text_or_parquet;

#[cfg(test)]
pub(in crate::source) mod driver;

use std::borrow::Cow;
use std::fmt::Write as _;

use memchr::memchr;

pub use columns::{Columns, pick, write_cut_line};
pub use instant::{unix, utc};
pub use origin::Origin;
pub use text_or_parquet::TextOrParquet;

use super::records::BytesWindow;
use crate::event::text;
use quoting::RowSearch;

/// UTF-8 (RFC 3629, section 3): a character has at most this many bytes after its first.
const MAX_CONTINUATION_BYTES: usize = 3;

/// U+FEFF in UTF-8 at an object's start, which is not part of its first line.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Cuts an object into its lines.
///
/// Write decompressed bytes into [`window`](Self::window), then call [`advance`](Self::advance) until it returns `false`,
/// and so on; after the object's last byte call [`end`](Self::end), and `advance` again.
#[derive(Debug)]
pub struct LineSplitter {
    window: BytesWindow,
    max_line_bytes: usize,
    search: Search,
    /// Whether it is known that the object does not begin with a byte order mark (any more).
    begun: bool,
    ended: bool,
    /// How much has been left out so far of the line at the window's start, if it is being cut.
    left_out_bytes: Option<u64>,
    current: Current,
    /// The text of a line that is not in the window as it is: one that was cut, or was not UTF-8.
    text: String,
    number: u64,
    cut_lines: u64,
}

/// Where the current line is.
#[derive(Debug, Clone, Copy)]
enum Current {
    Nowhere,
    /// At the start of the `dropped_len` bytes that the window dropped last.
    InWindow {
        len: usize,
        dropped_len: usize,
    },
    /// In `text`, with the mark behind the first `len` bytes.
    Cut {
        len: usize,
        left_out_bytes: u64,
    },
}

impl Current {
    fn in_window(self, window: &BytesWindow) -> &[u8] {
        match self {
            Self::InWindow { len, dropped_len } => &window.dropped(dropped_len)[..len],
            Self::Nowhere | Self::Cut { .. } => &[],
        }
    }
}

/// One line, without its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// What is left of it; each sequence of bytes that is not UTF-8 is U+FFFD.
    pub text: &'a str,
    /// The same, with ` [cut by cloudweir: N bytes left out]` behind it if it was cut.
    pub marked: &'a str,
    /// How many bytes of it were left out; 0 unless it was cut.
    pub left_out_bytes: u64,
}

impl LineSplitter {
    /// A splitter at every line feed, for lines of at most `max_line_bytes` without their end.
    #[must_use]
    pub fn new(max_line_bytes: usize) -> Self {
        Self::searching(Search::Line { seen: 0 }, max_line_bytes)
    }

    /// A splitter into rows of CSV, of at most `max_row_bytes`: line feeds inside quotes are the row's own.
    #[must_use]
    pub fn csv(max_row_bytes: usize) -> Self {
        Self::searching(Search::Row(RowSearch::default()), max_row_bytes)
    }

    fn searching(search: Search, max_line_bytes: usize) -> Self {
        Self {
            window: BytesWindow::new(max_line_bytes),
            max_line_bytes,
            search,
            begun: false,
            ended: false,
            left_out_bytes: None,
            current: Current::Nowhere,
            text: String::new(),
            number: 0,
            cut_lines: 0,
        }
    }

    /// Where to write the object's bytes. The current line is gone with this.
    pub fn window(&mut self) -> &mut BytesWindow {
        self.current = Current::Nowhere;
        &mut self.window
    }

    /// No more bytes will come: what is left is the last line.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Steps to the next line; `false` if it takes more bytes to tell where it ends, or if there is none.
    pub fn advance(&mut self) -> bool {
        if !self.begun && !self.begin() {
            return false;
        }
        loop {
            let held = self.window.held();
            let found = if self.left_out_bytes.is_some() {
                memchr(b'\n', held)
            } else {
                self.search.end_in(held, self.max_line_bytes, self.ended)
            };
            let (len, taken) = match found {
                Some(end) => (len_without_cr(&held[..end]), end + 1),
                None if self.ended && !held.is_empty() => (held.len(), held.len()),
                None => {
                    // With one byte more it could still be a line of the greatest length and its CR.
                    if self.left_out_bytes.is_some() || held.len() > self.max_line_bytes + 1 {
                        // The last byte stays, since it may be a CR that belongs to the line's end.
                        self.leave_out(held.len().saturating_sub(1));
                    }
                    return false;
                }
            };
            self.number += 1;
            self.search.restart();
            if self.left_out_bytes.is_some() || len > self.max_line_bytes {
                self.leave_out(len);
                self.window.drop_front(taken - len);
                self.mark_cut();
                return true;
            }
            self.window.drop_front(taken);
            if len > 0 {
                let dropped_len = taken;
                self.current = Current::InWindow { len, dropped_len };
                return true;
            }
        }
    }

    /// Drops a byte order mark; `false` if it takes more bytes to tell whether there is one.
    fn begin(&mut self) -> bool {
        let held = self.window.held();
        if held.len() < BYTE_ORDER_MARK.len() && !self.ended && BYTE_ORDER_MARK.starts_with(held) {
            return false;
        }
        if held.starts_with(BYTE_ORDER_MARK) {
            self.window.drop_front(BYTE_ORDER_MARK.len());
        }
        self.begun = true;
        true
    }

    /// The line that [`advance`](Self::advance) stepped to; empty if there is none.
    pub fn line(&mut self) -> Line<'_> {
        match self.current {
            Current::Cut {
                len,
                left_out_bytes,
            } => Line {
                text: &self.text[..len],
                marked: &self.text,
                left_out_bytes,
            },
            _ => {
                let text = match text::decode(self.current.in_window(&self.window)) {
                    Cow::Borrowed(text) => text,
                    Cow::Owned(repaired) => {
                        self.text = repaired;
                        &self.text
                    }
                };
                Line {
                    text,
                    marked: text,
                    left_out_bytes: 0,
                }
            }
        }
    }

    /// The bytes of that line, for a look at them before they are taken for text.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self.current {
            Current::Cut { len, .. } => &self.text.as_bytes()[..len],
            current => current.in_window(&self.window),
        }
    }

    /// Its number, from 1; empty lines count.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// How many lines have been cut since the last call.
    pub fn take_cut_lines(&mut self) -> u64 {
        std::mem::take(&mut self.cut_lines)
    }

    /// Drops `len` bytes of a line that is too long; what may be kept of it is kept the first time.
    fn leave_out(&mut self, len: usize) {
        let left_out_bytes = match self.left_out_bytes {
            Some(before) => before + len as u64,
            None => {
                let held = self.window.held();
                let kept = char_boundary(held, self.max_line_bytes);
                self.text.clear();
                self.text.push_str(&text::decode(&held[..kept]));
                (len - kept) as u64
            }
        };
        self.left_out_bytes = Some(left_out_bytes);
        self.search.restart();
        self.window.drop_front(len);
    }

    fn mark_cut(&mut self) {
        let left_out_bytes = self.left_out_bytes.take().unwrap_or_default();
        let len = self.text.len();
        // Writing to a String does not fail.
        let _ = write!(
            self.text,
            " [cut by cloudweir: {left_out_bytes} bytes left out]"
        );
        self.cut_lines += 1;
        self.current = Current::Cut {
            len,
            left_out_bytes,
        };
    }
}

/// How the end of a line is found, without looking at any byte twice.
#[derive(Debug)]
enum Search {
    /// At the next line feed; the first `seen` bytes have none.
    Line { seen: usize },
    /// At the next line feed outside quotes.
    Row(RowSearch),
}

impl Search {
    /// Where in `held`, which begins with the line, the line feed at its end is.
    fn end_in(&mut self, held: &[u8], max_line_bytes: usize, ended: bool) -> Option<usize> {
        match self {
            Self::Line { seen } => {
                let end = memchr(b'\n', &held[*seen..]).map(|at| *seen + at);
                *seen = held.len();
                end
            }
            Self::Row(search) => search.end_in(held, max_line_bytes, ended),
        }
    }

    /// Begins with a new line.
    fn restart(&mut self) {
        match self {
            Self::Line { seen } => *seen = 0,
            Self::Row(search) => *search = RowSearch::default(),
        }
    }
}

/// The length of a line, given all of it in front of its line feed.
fn len_without_cr(line: &[u8]) -> usize {
    line.strip_suffix(b"\r").unwrap_or(line).len()
}

/// The last place up to `at`, which lies within `bytes`, where no character would be cut apart.
fn char_boundary(bytes: &[u8], at: usize) -> usize {
    let starts_char = |index: &usize| bytes[*index] & 0xc0 != 0x80;
    (at.saturating_sub(MAX_CONTINUATION_BYTES)..=at)
        .rev()
        .find(starts_char)
        .unwrap_or(at)
}

#[cfg(test)]
mod tests;
