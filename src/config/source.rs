//! The text of a configuration file: where its lines are, and a copy of it that is fit to be shown.

use std::ops::Range;

use super::tree::{Node, Value};

/// A place in a file as an editor counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// A file's text with its lines.
pub(super) struct Source<'a> {
    pub(super) text: &'a str,
    line_starts: Vec<usize>,
}

impl<'a> Source<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let after_newlines = text.match_indices('\n').map(|(newline, _)| newline + 1);
        Self {
            text,
            line_starts: std::iter::once(0).chain(after_newlines).collect(),
        }
    }

    /// The line and column of byte `offset`; those of the end for one past it.
    pub(super) fn position(&self, offset: usize) -> Position {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line = self
            .line_starts
            .partition_point(|start| *start <= before.len());
        let line_start = self.line_starts.get(line - 1).copied().unwrap_or_default();
        Position {
            line,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

/// Keys of `credentials` whose values may be shown; whatever else stands there may be a secret, also under a misspelt key.
const PUBLIC_CREDENTIALS: [&str; 4] = [
    "profile",
    "base_assume_role",
    "target_assume_role",
    "assume_role_external_id",
];

/// Parts of a key that mark its value as a secret, wherever it stands.
const SECRET_WORDS: [&str; 5] = ["secret", "token", "passw", "passphrase", "access_key"];

/// `text` without what must not be seen: the values of secrets become `*`, comments become spaces.
///
/// Every other byte keeps its place, so that spans of the original serve for the copy.
pub(super) fn shown(text: &str, root: &Node) -> String {
    let mut marks = Marks::default();
    marks.visit(root, false);
    let mut bytes = text.as_bytes().to_vec();
    for comment in comments(text, &mut marks.scalars) {
        blank(&mut bytes, comment, b' ');
    }
    for secret in marks.secrets {
        blank(&mut bytes, secret, b'*');
    }
    // Whole scalars and comments were replaced by ASCII, so this never loses anything.
    String::from_utf8_lossy(&bytes).into_owned()
}

fn blank(bytes: &mut [u8], range: Range<usize>, with: u8) {
    for byte in bytes.get_mut(range).into_iter().flatten() {
        if *byte != b'\n' {
            *byte = with;
        }
    }
}

#[derive(Default)]
struct Marks {
    scalars: Vec<Range<usize>>,
    secrets: Vec<Range<usize>>,
}

impl Marks {
    fn visit(&mut self, node: &Node, secret: bool) {
        match &node.value {
            Value::Scalar(scalar) => {
                self.scalars.push(node.span.clone());
                if secret || may_hold_a_password(&scalar.text) {
                    self.secrets.push(node.span.clone());
                }
            }
            Value::List(items) => items.iter().for_each(|item| self.visit(item, secret)),
            Value::Map(entries) => {
                for entry in entries {
                    self.scalars.push(entry.key_span.clone());
                    if secret && !is_word(&entry.key) {
                        self.secrets.push(entry.key_span.clone());
                    }
                    self.visit(&entry.node, is_secret(&entry.key, secret));
                }
            }
        }
    }
}

/// Whether it is built like a URL with a user in it, and so perhaps a password.
fn may_hold_a_password(text: &str) -> bool {
    text.split_once("://")
        .is_some_and(|(_, rest)| rest.contains('@'))
}

/// Whether `key` is built like a key. In `{access_secret:x}`, where a blank is missing, the secret is part of the key.
pub(super) fn is_word(key: &str) -> bool {
    key.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

fn is_secret(key: &str, inside_secret: bool) -> bool {
    let key = key.to_ascii_lowercase();
    (inside_secret && !PUBLIC_CREDENTIALS.contains(&key.as_str()))
        || key.starts_with("credential")
        || SECRET_WORDS.iter().any(|word| key.contains(word))
}

/// The ranges of `#` comments: a `#` at a line's start or after a blank, outside every scalar.
fn comments(text: &str, scalars: &mut [Range<usize>]) -> Vec<Range<usize>> {
    scalars.sort_by_key(|scalar| scalar.start);
    let mut scalars = scalars.iter().peekable();
    let mut comments = Vec::new();
    let mut offset = 0;
    while let Some(hash) = text[offset..].find('#').map(|found| offset + found) {
        offset = hash + 1;
        while scalars.next_if(|scalar| scalar.end <= hash).is_some() {}
        let in_scalar = scalars.peek().is_some_and(|scalar| scalar.contains(&hash));
        let opens = text[..hash]
            .chars()
            .next_back()
            .is_none_or(char::is_whitespace);
        if opens && !in_scalar {
            offset = text[hash..].find('\n').map_or(text.len(), |end| hash + end);
            comments.push(hash..offset);
        }
    }
    comments
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::config::tree;

    fn shown_of(text: &str) -> String {
        shown(text, &tree::parse(&Source::new(text)).unwrap().root)
    }

    #[test]
    fn lines_and_columns_count_characters_from_one() {
        let text = "a: 1\nü: x\n";
        let source = Source::new(text);
        let at = |offset| {
            let Position { line, column } = source.position(offset);
            (line, column)
        };
        assert_eq!(at(0), (1, 1));
        assert_eq!(at(4), (1, 5));
        assert_eq!(at("a: 1\nü:".len()), (2, 3));
        assert_eq!(at(999), (3, 1));
    }

    #[test]
    fn values_of_secrets_are_masked_and_everything_keeps_its_place() {
        let text = "credentials: {access_key: AKIAX, profile: dev, acces_secert: 'hunter2'} # was hunter1\nport: 1\n";
        let shown = shown_of(text);
        assert_eq!(shown.len(), text.len());
        assert!(
            !shown.contains("hunter") && !shown.contains("AKIAX"),
            "{shown}"
        );
        assert!(
            shown.contains("profile: dev") && shown.contains("port: 1"),
            "{shown}"
        );
    }

    #[test]
    fn a_secret_behind_an_alias_or_in_a_block_is_masked_where_it_stands() {
        let shown = shown_of(
            "x: &s hunter2\naccess_secret: *s\npassword: |\n  hunter3\n  hunter4\nz: ok\n",
        );
        assert!(!shown.contains("hunter"), "{shown}");
        assert!(shown.contains("z: ok"));
    }

    #[test]
    fn a_secret_that_has_become_part_of_its_key_is_masked() {
        let shown =
            shown_of("credentials: {access_key: A, access_secret:hunter2, 'token hunter3': x}\n");
        assert!(!shown.contains("hunter"), "{shown}");
    }

    #[test]
    fn a_hash_inside_a_value_is_not_a_comment() {
        assert_eq!(
            shown_of("a: 'x # y'\nb: x#y # c\n"),
            "a: 'x # y'\nb: x#y    \n"
        );
    }
}
