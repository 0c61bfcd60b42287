//! From the parser's events to a tree, within limits.

use std::collections::HashMap;
use std::ops::Range;

use saphyr_parser::{Event, ScalarStyle, Tag};

use super::super::source::Source;
use super::{Document, Entry, Flaw, Node, Scalar, Value};

/// The deepest nesting; the deepest legitimate key stands seven levels down.
const MAX_DEPTH: usize = 32;

/// The most values, aliases expanded: a bound for "billion laughs".
const MAX_NODES: usize = 20_000;

enum Collection {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        key: Option<(String, Range<usize>)>,
    },
}

struct Open {
    start: usize,
    anchor: usize,
    collection: Collection,
}

/// A tree under construction.
pub(super) struct Builder<'a> {
    source: &'a Source<'a>,
    /// The byte offset of each character, where they differ.
    offsets: Option<Vec<usize>>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    documents: usize,
    root: Option<Node>,
    flaws: Vec<Flaw>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(source: &'a Source<'a>) -> Self {
        let text = source.text;
        let offsets =
            (!text.is_ascii()).then(|| text.char_indices().map(|(offset, _)| offset).collect());
        Self {
            source,
            offsets,
            open: Vec::new(),
            anchors: HashMap::new(),
            nodes: 0,
            documents: 0,
            root: None,
            flaws: Vec::new(),
        }
    }

    /// The document that the events made.
    pub(super) fn finish(self) -> Result<Document, Flaw> {
        match self.root {
            Some(root) => Ok(Document {
                root,
                flaws: self.flaws,
            }),
            None => Err(Flaw::new(0..0, "the file is empty")),
        }
    }

    /// The byte offset of a character, which is what the parser counts in.
    pub(super) fn byte(&self, character: usize) -> usize {
        match &self.offsets {
            Some(offsets) => offsets.get(character).copied(),
            None => Some(character),
        }
        .map_or(self.source.text.len(), |offset| {
            offset.min(self.source.text.len())
        })
    }

    pub(super) fn take(&mut self, event: Event<'_>, span: Range<usize>) -> Result<(), Flaw> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Flaw::new(
                        span,
                        "a second document starts here; a configuration is one",
                    ));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && !self.is_text(tag.as_deref(), &span);
                let value = Value::Scalar(Scalar {
                    text: text.into_owned(),
                    plain,
                });
                self.close(Node { span, value }, anchor)?;
            }
            Event::SequenceStart(anchor, tag) => {
                self.is_text(tag.as_deref(), &span);
                self.open(span, anchor, Collection::List(Vec::new()))?;
            }
            Event::MappingStart(anchor, tag) => {
                self.is_text(tag.as_deref(), &span);
                let (entries, key) = (Vec::new(), None);
                self.open(span, anchor, Collection::Map { entries, key })?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.open.pop() {
                    let value = match open.collection {
                        Collection::List(items) => Value::List(items),
                        Collection::Map { entries, .. } => Value::Map(entries),
                    };
                    let span = open.start..span.end.max(open.start);
                    self.close(Node { span, value }, open.anchor)?;
                }
            }
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor) else {
                    return Err(Flaw::new(
                        span,
                        "this alias stands inside what it stands for",
                    ));
                };
                let (size, depth) = node.measure();
                if self.nodes + size > MAX_NODES || self.open.len() + depth > MAX_DEPTH {
                    return Err(Flaw::new(
                        span,
                        format!(
                            "the aliases expand to more than {MAX_NODES} values or {MAX_DEPTH} levels"
                        ),
                    ));
                }
                self.nodes += size;
                let node = node.clone();
                self.close(node, 0)?;
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    /// Whether a tag says that the value is text; any other tag is a flaw.
    fn is_text(&mut self, tag: Option<&Tag>, span: &Range<usize>) -> bool {
        let Some(tag) = tag else { return false };
        if tag.is_yaml_core_schema() && tag.suffix == "str" {
            return true;
        }
        self.flaws.push(Flaw {
            help: Some("remove the tag; the type of a value is known from its key".into()),
            ..Flaw::new(
                span.clone(),
                format!("the YAML tag `{tag}` has no meaning here"),
            )
        });
        false
    }

    fn open(
        &mut self,
        span: Range<usize>,
        anchor: usize,
        collection: Collection,
    ) -> Result<(), Flaw> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Flaw::new(
                span,
                format!("nested more than {MAX_DEPTH} levels deep"),
            ));
        }
        self.open.push(Open {
            start: span.start,
            anchor,
            collection,
        });
        Ok(())
    }

    /// Puts a finished node where it belongs.
    fn close(&mut self, node: Node, anchor: usize) -> Result<(), Flaw> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(Flaw::new(
                node.span,
                format!("more than {MAX_NODES} values"),
            ));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.collection) {
            None => self.root = Some(node),
            Some(Collection::List(items)) => items.push(node),
            Some(Collection::Map { entries, key }) => match key.take() {
                Some((key, key_span)) => {
                    if let Some(first) = entries.iter().find(|entry| entry.key == key) {
                        let line = self.source.position(first.key_span.start).line;
                        self.flaws.push(Flaw {
                            help: Some("keep one of the two".into()),
                            ..Flaw::new(
                                key_span.clone(),
                                format!("duplicate key `{key}`; the first is in line {line}"),
                            )
                        });
                    }
                    entries.push(Entry {
                        key,
                        key_span,
                        node,
                    });
                }
                None => match node.value {
                    Value::Scalar(scalar) => *key = Some((scalar.text, node.span)),
                    _ => return Err(Flaw::new(node.span, "a key must be plain text")),
                },
            },
        }
        Ok(())
    }
}
