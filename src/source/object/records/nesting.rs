//! Where a JSON value ends, found without understanding it.

/// Follows one string, array or object, from its first byte to its last, over any number of chunks.
///
/// It counts brackets and steps over strings. Whether brackets match in kind, or the text between them is JSON, is not
/// its business: a record is parsed afterwards, and other members are of no interest. No recursion, no stack: a depth
/// of a million costs a counter.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Nesting {
    /// How many bytes of the value have been seen.
    seen: usize,
    depth: usize,
    in_string: bool,
    /// The last byte seen was a backslash that escapes the next one.
    escaped: bool,
}

impl Nesting {
    /// How many bytes of the value have been seen.
    pub(super) fn seen(&self) -> usize {
        self.seen
    }

    /// Forgets the bytes seen so far, but not where in the nesting they led: the next bytes are a continuation.
    pub(super) fn forget_seen(&mut self) -> usize {
        std::mem::take(&mut self.seen)
    }

    /// The length of the value that `value` starts with; `None` if it goes on beyond `value`.
    ///
    /// Each call must bring the same bytes as the one before and more, of which only those not yet seen are looked at.
    /// The first byte of the value must be `"`, `[` or `{`.
    pub(super) fn end_in(&mut self, value: &[u8]) -> Option<usize> {
        let mut at = self.seen;
        loop {
            if self.in_string {
                at = self.skip_string(value, at)?;
                if self.depth == 0 {
                    return Some(at);
                }
            }
            // Between strings: a few bytes, mostly `:` and `,`.
            loop {
                let Some(byte) = value.get(at) else {
                    self.seen = at;
                    return None;
                };
                at += 1;
                match byte {
                    b'"' => break,
                    b'{' | b'[' => self.depth += 1,
                    b'}' | b']' => {
                        self.depth -= 1;
                        if self.depth == 0 {
                            return Some(at);
                        }
                    }
                    _ => {}
                }
            }
            self.in_string = true;
        }
    }

    /// The index after the quote that closes the string which `at` is inside of.
    fn skip_string(&mut self, value: &[u8], mut at: usize) -> Option<usize> {
        if self.escaped && at < value.len() {
            self.escaped = false;
            at += 1;
        }
        while let Some(found) = find_quote_or_backslash(&value[at..]) {
            at += found + 1;
            if value[at - 1] == b'"' {
                self.in_string = false;
                return Some(at);
            }
            if at == value.len() {
                self.escaped = true;
                break;
            }
            at += 1;
        }
        self.seen = value.len();
        None
    }
}

/// Most strings in an event are short, too short for the set-up of a vectorised search to pay; the long ones get it.
fn find_quote_or_backslash(text: &[u8]) -> Option<usize> {
    let (words, _) = text.as_chunks::<WORD>();
    for (i, word) in words.iter().take(SHORT_WORDS).enumerate() {
        let word = u64::from_le_bytes(*word);
        let found = has_byte(word, b'"') | has_byte(word, b'\\');
        if found != 0 {
            return Some(i * WORD + found.trailing_zeros() as usize / 8);
        }
    }
    let searched = WORD * words.len().min(SHORT_WORDS);
    memchr::memchr2(b'"', b'\\', &text[searched..]).map(|found| searched + found)
}

const WORD: usize = size_of::<u64>();
const SHORT_WORDS: usize = 4;

/// Marks, by its highest bit, the first byte of `word` that is `byte`. Marks after the first may be wrong.
fn has_byte(word: u64, byte: u8) -> u64 {
    const LOW: u64 = u64::from_ne_bytes([0x01; WORD]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; WORD]);
    let zero_where_equal = word ^ (LOW * u64::from(byte));
    zero_where_equal.wrapping_sub(LOW) & !zero_where_equal & HIGH
}
