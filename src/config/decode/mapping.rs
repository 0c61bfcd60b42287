//! A mapping, read key by key; what nobody asked for is an error.

use super::super::nearest::did_you_mean;
use super::super::report::Severity;
use super::super::source::is_word;
use super::super::tree::Entry;
use super::super::vendor::NoEffect;
use super::Field;

/// Keys that are often written a level too high or too low, and where they belong.
const ELSEWHERE: &[(&str, &str)] = &[
    ("address", "outputs.<name>.config"),
    ("port", "outputs.<name>.config"),
    ("chain", "outputs.<name>.config"),
    ("cert", "outputs.<name>.config"),
    ("key", "outputs.<name>.config"),
    ("concurrent_connections", "outputs.<name>.config"),
    ("compression", "outputs.<name>.config"),
    ("delivery", "outputs.<name>.config"),
    ("confirm", "outputs.<name>.config.delivery"),
    ("settle", "outputs.<name>.config.delivery"),
    ("stall_timeout", "outputs.<name>.config.delivery"),
    ("verify_hostname", "outputs.<name>.config.tls"),
    ("persistence", "globals"),
    ("max_in_flight_bytes", "globals"),
    ("shutdown_timeout", "globals"),
    ("supervision", "globals"),
    ("credentials", "inputs.<name>"),
    ("environment", "inputs.<name>"),
    ("requests_per_second", "inputs.<name>"),
    ("services", "inputs.<name>"),
    ("access_key", "inputs.<name>.credentials"),
    ("access_secret", "inputs.<name>.credentials"),
    ("profile", "inputs.<name>.credentials"),
    ("regions", "inputs.<name>.services.<service>"),
    ("types", "inputs.<name>.services.<service>"),
    (
        "cloudwatch_sqs_queue_name",
        "inputs.<name>.services.service-events-all",
    ),
    (
        "audit_sqs_queue_name",
        "inputs.<name>.services.audit-events-all",
    ),
    (
        "vpcflowlogs_sqs_queue_name",
        "inputs.<name>.services.non-cloudwatch-logs",
    ),
    (
        "cloudfrontlogs_sqs_queue_name",
        "inputs.<name>.services.non-cloudwatch-logs",
    ),
    (
        "cisco_umbrella_sqs_queue_name",
        "inputs.<name>.services.cisco-umbrella",
    ),
    (
        "request_period_in_seconds",
        "inputs.<name>.services.<service>",
    ),
    ("auto_event_type", "inputs.<name>.services.<service>"),
    ("start_time", "inputs.<name>.services.<service>"),
    ("visibility_timeout", "inputs.<name>.services.<service>"),
];

/// A mapping that is being read.
pub(in crate::config) struct Mapping<'a> {
    field: Field<'a>,
    entries: &'a [Entry],
    known: Vec<&'static str>,
}

impl<'a> Mapping<'a> {
    pub(super) fn new(field: Field<'a>, entries: &'a [Entry]) -> Self {
        Self {
            field,
            entries,
            known: Vec::new(),
        }
    }

    /// The mapping as a whole.
    pub(in crate::config) fn field(&self) -> &Field<'a> {
        &self.field
    }

    /// The value of `key`, unless it is absent or null. `key` may have aliases: `address|url`; one of them may be given.
    pub(in crate::config) fn get(&mut self, key: &'static str) -> Option<Field<'a>> {
        self.known.extend(key.split('|'));
        let mut given = key
            .split('|')
            .filter_map(|name| self.entries.iter().find(|entry| entry.key == name))
            .map(|entry| self.child(entry))
            .filter(|child| !child.is_null());
        let first = given.next()?;
        if let Some(second) = given.next() {
            let message = format!("`{}` and `{}` mean the same", first.name(), second.name());
            second.fail_whole::<()>(message, "keep one of the two");
        }
        Some(first)
    }

    /// Whether `key` is there, and not null. That alone does not make it a known one.
    pub(in crate::config) fn has(&self, key: &str) -> bool {
        let mut entries = self.entries.iter();
        entries.any(|entry| entry.key == key && !entry.node.is_null())
    }

    /// What `read` makes of `key`, if it is given.
    pub(in crate::config) fn read<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Field<'a>) -> Option<T>,
    ) -> Option<T> {
        self.get(key).and_then(|field| read(&field))
    }

    /// Like [`Self::read`], with a default. It also stands in for what cannot be read, whose error keeps it from being used.
    pub(in crate::config) fn read_or<T>(
        &mut self,
        key: &'static str,
        default: T,
        read: impl FnOnce(&Field<'a>) -> Option<T>,
    ) -> T {
        self.read(key, read).unwrap_or(default)
    }

    /// Like [`Self::read`]; a missing key is an error. `help` says what to give.
    pub(in crate::config) fn require<T>(
        &mut self,
        key: &'static str,
        help: &str,
        read: impl FnOnce(&Field<'a>) -> Option<T>,
    ) -> Option<T> {
        match self.get(key) {
            Some(field) => read(&field),
            None => {
                let name = key.split('|').next().unwrap_or(key);
                self.field.fail_whole(format!("missing `{name}`"), help)
            }
        }
    }

    /// The mapping under `key`; one without entries where there is none, so that its defaults have one place.
    pub(in crate::config) fn section(&mut self, key: &'static str) -> Mapping<'a> {
        let section = self.read(key, Field::mapping);
        section.unwrap_or_else(|| {
            let absent = self
                .field
                .below(key, self.field.name_span.clone(), self.field.node);
            Mapping::new(absent, &[])
        })
    }

    /// All entries of a mapping whose keys are names of the user's.
    pub(in crate::config) fn children(&self) -> impl Iterator<Item = Field<'a>> {
        self.entries.iter().map(|entry| self.child(entry))
    }

    /// Accepts keys that have no effect, with a warning for each.
    pub(in crate::config) fn accept(&mut self, table: &[NoEffect]) {
        for (name, why) in table {
            let is_it = |key: &str| match name.strip_suffix('*') {
                Some(prefix) => key.starts_with(prefix),
                None => key == *name,
            };
            for entry in self.entries.iter().filter(|entry| is_it(&entry.key)) {
                self.child(entry)
                    .warn(format!("`{}` has no effect here: {why}", entry.key), "");
            }
            self.known.push(name);
        }
    }

    /// Records the keys that nobody asked for.
    pub(in crate::config) fn finish(self) {
        for entry in self.entries {
            let key = entry.key.as_str();
            let known = self
                .known
                .iter()
                .any(|known| match known.strip_suffix('*') {
                    Some(prefix) => key.starts_with(prefix),
                    None => key == *known,
                });
            let child = self.child(entry);
            if known || child.not_yet_or_null() {
                continue;
            }
            let span = entry.key_span.clone();
            if !is_word(key) {
                // It may hold what was meant to be its value, so it is not quoted.
                self.field.context.record(
                    Severity::Error,
                    span,
                    &self.field.path,
                    "this is not a key".into(),
                    "write `key: value`, with a blank after the colon".into(),
                );
                continue;
            }
            let help = did_you_mean(key, self.known.iter().copied(), || {
                match ELSEWHERE.iter().find(|(name, _)| *name == key) {
                    Some((_, place)) => format!("it belongs in `{place}`"),
                    None => format!("known here: {}", self.known.join(", ")),
                }
            });
            let message = format!("unknown key `{key}`");
            child
                .context
                .record(Severity::Error, span, &child.path, message, help);
        }
    }

    fn child(&self, entry: &'a Entry) -> Field<'a> {
        self.field
            .below(&entry.key, entry.key_span.clone(), &entry.node)
    }
}
