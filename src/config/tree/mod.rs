//! YAML into a tree in which every key and value knows its bytes in the file. Nothing here knows what the keys mean.
//!
//! Duplicate keys and YAML features that a configuration does not need are collected as flaws; only text that is not YAML at
//! all, or that expands beyond the limits, has no tree.

mod builder;

use std::ops::Range;

use saphyr_parser::Parser;

use super::source::Source;
use builder::Builder;

/// A value with its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Bytes of the file. An alias has the place of what it stands for.
    pub(super) span: Range<usize>,
    pub(super) value: Value,
}

/// What a node is.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Scalar(Scalar),
    List(Vec<Node>),
    /// In the file's order; of a duplicate key the first counts.
    Map(Vec<Entry>),
}

/// A scalar as written, not yet taken for a number or a truth value.
#[derive(Clone, Debug)]
pub(super) struct Scalar {
    pub(super) text: String,
    /// Whether it stands without quotes, so that it can be something else than text.
    pub(super) plain: bool,
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Range<usize>,
    pub(super) node: Node,
}

/// Something wrong with the YAML itself.
#[derive(Debug)]
pub(super) struct Flaw {
    pub(super) span: Range<usize>,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

/// A parsed document.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) root: Node,
    pub(super) flaws: Vec<Flaw>,
}

impl Node {
    /// Whether it is YAML's null, as an empty value is.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(Scalar { text, plain: true })
            if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The number of nodes in it and their depth, itself included.
    fn measure(&self) -> (usize, usize) {
        let join = |(size, depth): (usize, usize), child: &Self| {
            let (child_size, child_depth) = child.measure();
            (size + child_size, depth.max(child_depth + 1))
        };
        match &self.value {
            Value::Scalar(_) => (1, 1),
            Value::List(items) => items.iter().fold((1, 1), join),
            Value::Map(entries) => entries.iter().map(|entry| &entry.node).fold((1, 1), join),
        }
    }
}

impl Flaw {
    fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
            help: None,
        }
    }
}

/// Parses one YAML document.
///
/// # Errors
/// The first flaw after which nothing more can be said.
pub(super) fn parse(source: &Source<'_>) -> Result<Document, Flaw> {
    let mut builder = Builder::new(source);
    for event in Parser::new_from_str(source.text) {
        let (event, span) = event.map_err(|error| {
            let at = builder.byte(error.marker().index());
            Flaw {
                help: source
                    .text
                    .contains("${")
                    .then(|| "inside braces or brackets, `${NAME}` must be in quotes".into()),
                ..Flaw::new(at..at, format!("not YAML: {}", error.info()))
            }
        })?;
        let span = builder.byte(span.start.index())..builder.byte(span.end.index());
        builder.take(event, span)?;
    }
    builder.finish()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Document, Flaw> {
        super::parse(&Source::new(text))
    }

    fn entries(node: &Node) -> &[Entry] {
        match &node.value {
            Value::Map(entries) => entries,
            other => panic!("no mapping: {other:?}"),
        }
    }

    #[test]
    fn spans_are_the_bytes_of_the_text() {
        let text = "name: Ünal # x\nport:   443  \nlist: [a, 'b c']\nmore:\n  - \"q\"\n";
        let document = parse(text).unwrap();
        let spans: Vec<&str> = entries(&document.root)
            .iter()
            .flat_map(|entry| {
                let values = match &entry.node.value {
                    Value::List(items) => {
                        items.iter().map(|item| &text[item.span.clone()]).collect()
                    }
                    _ => vec![&text[entry.node.span.clone()]],
                };
                std::iter::once(&text[entry.key_span.clone()]).chain(values)
            })
            .collect();
        assert_eq!(
            spans,
            [
                "name", "Ünal", "port", "443", "list", "a", "'b c'", "more", "\"q\""
            ]
        );
    }

    #[test]
    fn aliases_stand_for_their_anchors() {
        let document = parse("a: &x [1, 2]\nb: *x\n").unwrap();
        assert!(
            matches!(&entries(&document.root)[1].node.value, Value::List(items) if items.len() == 2)
        );
    }

    #[test]
    fn a_billion_laughs_are_refused() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let below = format!("*a{}", level - 1);
            text += &format!(
                "a{level}: &a{level} [{}]\n",
                [below.as_str(); 10].join(", ")
            );
        }
        assert!(
            parse(&text)
                .unwrap_err()
                .message
                .contains("expand to more than")
        );
    }

    #[test]
    fn deep_nesting_is_refused() {
        let text = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(!parse(&text).unwrap_err().message.is_empty());
        let text: String = (0..100)
            .map(|depth| format!("{}k:\n", " ".repeat(depth)))
            .collect();
        assert!(parse(&text).unwrap_err().message.contains("levels deep"));
    }

    #[test]
    fn a_duplicate_key_is_a_flaw_that_names_the_first() {
        let document = parse("a: 1\nb: 2\na: 3\n").unwrap();
        assert_eq!(document.flaws.len(), 1);
        assert_eq!(document.flaws[0].span, 10..11);
        assert!(document.flaws[0].message.contains("line 1"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_all_spans_are_sliceable(
            text in "([a-c&*!|>?:,\\[\\]{}\"'#%@`~ü\u{feff}\t\r \n-]|: |- |\n  ){0,60}",
        ) {
            fn check(text: &str, node: &Node) {
                assert!(text.get(node.span.clone()).is_some(), "{:?}", node.span);
                match &node.value {
                    Value::Scalar(_) => {}
                    Value::List(items) => items.iter().for_each(|item| check(text, item)),
                    Value::Map(entries) => for entry in entries {
                        assert!(text.get(entry.key_span.clone()).is_some());
                        check(text, &entry.node);
                    },
                }
            }
            match parse(&text) {
                Ok(document) => {
                    check(&text, &document.root);
                    let _ = crate::config::source::shown(&text, &document.root);
                }
                Err(flaw) => prop_assert!(text.get(flaw.span).is_some()),
            }
        }
    }
}
