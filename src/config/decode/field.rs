//! A value with its path: where errors about it are recorded, and its collections.

use std::ops::Range;

use super::super::availability::{self, NotYet};
use super::super::report::Severity;
use super::super::tree::{Node, Value};
use super::{Context, Mapping};

/// A value of the tree, and how one gets there.
#[derive(Clone)]
pub(in crate::config) struct Field<'a> {
    pub(in crate::config) context: &'a Context<'a>,
    pub(super) node: &'a Node,
    /// Where to point for what concerns the value as a whole: its key, where it has one.
    pub(super) name_span: Range<usize>,
    pub(super) path: String,
    /// The keys on the way, without the indices of lists.
    pub(super) keys: Vec<String>,
}

impl<'a> Field<'a> {
    /// The root of a file.
    pub(in crate::config) fn root(context: &'a Context<'a>, node: &'a Node) -> Self {
        Self {
            context,
            node,
            name_span: node.span.start..node.span.start,
            path: String::new(),
            keys: Vec::new(),
        }
    }

    /// The last key of the path.
    pub(in crate::config) fn name(&self) -> &str {
        self.keys.last().map_or("", String::as_str)
    }

    pub(in crate::config) fn path(&self) -> &str {
        &self.path
    }

    pub(in crate::config) fn is_list(&self) -> bool {
        matches!(self.node.value, Value::List(_))
    }

    pub(in crate::config) fn is_null(&self) -> bool {
        self.node.is_null()
    }

    /// Records an error about the value. `help` says what to write instead; it may be empty.
    pub(in crate::config) fn fail<T>(
        &self,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Option<T> {
        let span = self.node.span.clone();
        let (message, help) = (message.into(), help.into());
        self.context
            .record(Severity::Error, span, &self.path, message, help);
        None
    }

    /// Records an error that concerns the key and all below it.
    pub(in crate::config) fn fail_whole<T>(
        &self,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Option<T> {
        let span = self.name_span.clone();
        let (message, help) = (message.into(), help.into());
        self.context
            .record(Severity::Error, span, &self.path, message, help);
        None
    }

    /// Records a warning about the key.
    pub(in crate::config) fn warn(&self, message: impl Into<String>, help: impl Into<String>) {
        let span = self.name_span.clone();
        let (message, help) = (message.into(), help.into());
        self.context
            .record(Severity::Warning, span, &self.path, message, help);
    }

    /// Records that this part of the format is not available yet, if it is not; `value` is the one in question, if it is
    /// about a value.
    pub(in crate::config) fn refuse_not_yet(&self, value: Option<&str>) -> bool {
        let Some(NotYet {
            severity,
            what,
            until,
            ..
        }) = availability::not_yet(&self.keys, value)
        else {
            return false;
        };
        let span = match value {
            Some(_) => self.node.span.clone(),
            None => self.name_span.clone(),
        };
        let message = format!("not available yet: {what}");
        self.context
            .record(*severity, span, &self.path, message, (*until).to_owned());
        true
    }

    /// Whether the key is one that is not available yet, which is recorded unless it is null.
    pub(super) fn not_yet_or_null(&self) -> bool {
        match self.is_null() {
            true => availability::not_yet(&self.keys, None).is_some(),
            false => self.refuse_not_yet(None),
        }
    }

    /// The value as a mapping.
    pub(in crate::config) fn mapping(&self) -> Option<Mapping<'a>> {
        match &self.node.value {
            Value::Map(entries) => Some(Mapping::new(self.clone(), entries)),
            // A key without a value is an empty mapping: whoever requires something in it says so.
            Value::Scalar(_) if self.is_null() => Some(Mapping::new(self.clone(), &[])),
            _ => self.fail(format!("expected a mapping, found {}", self.kind()), ""),
        }
    }

    /// The value as a list, each item read by `item`; an item that fails does not keep the others from being read.
    pub(in crate::config) fn list<T>(
        &self,
        item: impl Fn(&Field<'a>) -> Option<T>,
    ) -> Option<Vec<T>> {
        match &self.node.value {
            Value::List(nodes) => {
                let read: Vec<Option<T>> = nodes
                    .iter()
                    .enumerate()
                    .map(|(index, node)| item(&self.item(index, node)))
                    .collect();
                read.into_iter().collect()
            }
            _ => self.fail(
                format!("expected a list, found {}", self.kind()),
                "write it in brackets: `[a, b]`",
            ),
        }
    }

    /// Like [`Self::list`], of at least one item, none twice; `plural` is what the items are.
    pub(in crate::config) fn set<T: PartialEq>(
        &self,
        plural: &str,
        item: impl Fn(&Field<'a>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let items = self.list(|field| Some((field.clone(), item(field)?)))?;
        if items.is_empty() {
            return self.fail(format!("no {plural}"), "name at least one");
        }
        let mut set = Vec::new();
        for (field, value) in items {
            if set.contains(&value) {
                let message = format!("{} stands here twice", field.quoted());
                return field.fail(message, "keep one of the two");
            }
            set.push(value);
        }
        Some(set)
    }

    /// The field of `key` in this mapping.
    pub(super) fn below(&self, key: &str, name_span: Range<usize>, node: &'a Node) -> Self {
        let mut keys = self.keys.clone();
        keys.push(key.to_owned());
        let separator = if self.path.is_empty() { "" } else { "." };
        Self {
            context: self.context,
            node,
            name_span,
            path: format!("{}{separator}{key}", self.path),
            keys,
        }
    }

    fn item(&self, index: usize, node: &'a Node) -> Self {
        Self {
            context: self.context,
            node,
            name_span: node.span.clone(),
            path: format!("{}[{index}]", self.path),
            keys: self.keys.clone(),
        }
    }

    /// What the value is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match &self.node.value {
            Value::Map(_) => "a mapping",
            Value::List(_) => "a list",
            Value::Scalar(_) if self.is_null() => "nothing",
            Value::Scalar(_) => "a single value",
        }
    }
}
