//! The beginning of something unknown, fit for a log line.

use std::fmt;

/// At most this much of a message goes into a log.
const MAX_CHARS: usize = 120;

/// A short, printable beginning of a text that somebody else wrote: no line breaks, no control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt(String);

impl Excerpt {
    pub(super) fn of(text: &[u8]) -> Self {
        // A character has at most four bytes, and one of them may be cut.
        let head = &text[..text.len().min(4 * MAX_CHARS + 4)];
        let head = crate::event::text::decode(head);
        let mut chars = head.chars();
        let mut excerpt: String = chars
            .by_ref()
            .take(MAX_CHARS)
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        if chars.next().is_some() {
            excerpt.push('…');
        }
        Self(excerpt)
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_blanked_and_the_length_is_bounded() {
        assert_eq!(Excerpt::of(b"a\n\x1b[1m\xff").to_string(), "a  [1m\u{fffd}");
        let long = Excerpt::of("é".repeat(1000).as_bytes()).to_string();
        assert_eq!(long, "é".repeat(MAX_CHARS) + "…");
    }
}
