//! Where a row of CSV ends: at the first line feed that is not inside quotes (RFC 4180, section 2).
//!
//! Only a quote at a field's start opens quotes; anywhere else it is a character. Real rows break the rule now and then,
//! and one stray quote must not swallow all that follows it. Quotes count as stray if a line feed came inside them and
//! then they do not end as they should: with something other than a comma or the row's end behind them, with the end of
//! the object, or only beyond the greatest length of a row. The row then ends at the first line feed, as in plain text,
//! and the search begins anew behind it. So nothing is lost whatever the quotes, and each byte is looked at twice at
//! most: quotes that stay open in one line are closed by those of the next that does the same.

use memchr::memchr2;

use super::len_without_cr;

/// A search for the end of one row, which goes on where it stopped when more bytes have come.
#[derive(Debug, Default)]
pub(super) struct RowSearch {
    place: Place,
    /// How many bytes of the row have been looked at.
    seen: usize,
    /// The first line feed inside quotes.
    first_line_end: Option<usize>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    #[default]
    FieldStart,
    Bare,
    Quoted,
    /// Behind a quote inside quotes: either it ends them, or a second one follows and both stand for one.
    AfterQuote,
}

impl RowSearch {
    /// Where in `held`, which begins with the row, the line feed at its end is.
    pub(super) fn end_in(
        &mut self,
        held: &[u8],
        max_row_bytes: usize,
        ended: bool,
    ) -> Option<usize> {
        let end = self.scan(held);
        let stray = match end {
            Some(end) => len_without_cr(&held[..end]) > max_row_bytes,
            None => held.len() > max_row_bytes + 1 || ended && self.place == Place::Quoted,
        };
        if stray {
            self.first_line_end.or(end)
        } else {
            end
        }
    }

    /// How many bytes it has looked at.
    #[cfg(test)]
    pub(super) fn seen(&self) -> usize {
        self.seen
    }

    fn scan(&mut self, held: &[u8]) -> Option<usize> {
        while let Some(byte) = held.get(self.seen) {
            match (self.place, byte) {
                (Place::FieldStart, b'"') => self.step(Place::Quoted),
                (Place::FieldStart, _) => self.place = Place::Bare,
                (Place::Bare, b'\n') => return Some(self.seen),
                (Place::Bare, b',') => self.step(Place::FieldStart),
                (Place::Bare, _) => self.skip_to(b',', b'\n', held),
                (Place::Quoted, b'"') => self.step(Place::AfterQuote),
                (Place::Quoted, b'\n') => {
                    self.first_line_end.get_or_insert(self.seen);
                    self.step(Place::Quoted);
                }
                (Place::Quoted, _) => self.skip_to(b'"', b'\n', held),
                (Place::AfterQuote, b'"') => self.step(Place::Quoted),
                (Place::AfterQuote, b',' | b'\r' | b'\n') => self.place = Place::Bare,
                (Place::AfterQuote, _) => {
                    if self.first_line_end.is_some() {
                        return self.first_line_end;
                    }
                    self.place = Place::Bare;
                }
            }
        }
        None
    }

    fn step(&mut self, to: Place) {
        self.seen += 1;
        self.place = to;
    }

    fn skip_to(&mut self, one: u8, other: u8, held: &[u8]) {
        let found = memchr2(one, other, &held[self.seen..]);
        self.seen = found.map_or(held.len(), |at| self.seen + at);
    }
}
