//! Single values: text with its variables, numbers, truth values, choices, sizes, durations, times, paths, secrets.

use std::fs::File;
use std::io::Read;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use regex::Regex;
use secrecy::SecretString;

use super::super::interpolate::{Fault, interpolate};
use super::super::nearest::did_you_mean;
use super::super::quantity;
use super::super::tree::{Scalar, Value};
use super::Field;

/// The most characters of a value that a message quotes.
const QUOTED: usize = 60;

/// The largest secret that is read from a file, in bytes: credentials are far smaller.
const MAX_SECRET: u64 = 64 * 1024;

impl Field<'_> {
    /// Text. Numbers count as text: an `id: 1023001` needs no quotes.
    pub(in crate::config) fn text(&self) -> Option<String> {
        let (text, plain) = self.scalar("text")?;
        if plain
            && matches!(
                text.as_str(),
                "true" | "True" | "TRUE" | "false" | "False" | "FALSE"
            )
        {
            return self.fail(
                format!("expected text, found `{text}`"),
                format!("put it in quotes if it is meant: \"{text}\""),
            );
        }
        if text.is_empty() {
            return self.fail("this text is empty", "give a value, or remove the key");
        }
        Some(text)
    }

    /// An integer within `range`.
    pub(in crate::config) fn integer<T>(&self, range: RangeInclusive<T>) -> Option<T>
    where
        T: FromStr + PartialOrd + std::fmt::Display,
    {
        let expectation = || {
            format!(
                "write an integer between {} and {}",
                range.start(),
                range.end()
            )
        };
        let (text, plain) = self.scalar("an integer")?;
        if !plain {
            return self.fail("expected an integer, found text", "remove the quotes");
        }
        match text.parse::<T>() {
            Ok(number) if range.contains(&number) => Some(number),
            Ok(_) => self.fail(format!("{} is out of range", self.quoted()), expectation()),
            Err(_) if is_integer(&text) => {
                self.fail(format!("{} is out of range", self.quoted()), expectation())
            }
            Err(_) => self.fail(
                format!("{} is not an integer", self.quoted()),
                expectation(),
            ),
        }
    }

    /// `true` or `false`, as YAML 1.2 has them.
    pub(in crate::config) fn boolean(&self) -> Option<bool> {
        let (text, plain) = self.scalar("`true` or `false`")?;
        match text.as_str() {
            "true" | "True" | "TRUE" if plain => Some(true),
            "false" | "False" | "FALSE" if plain => Some(false),
            _ => self.fail(
                format!("{} is neither `true` nor `false`", self.quoted()),
                "write `true` or `false`, without quotes",
            ),
        }
    }

    /// One of a few words, in any case.
    pub(in crate::config) fn choice<T: Copy>(&self, choices: &[(&'static str, T)]) -> Option<T> {
        let text = self.text()?;
        let is_it = |name: &str| name.eq_ignore_ascii_case(&text);
        if let Some((_, choice)) = choices.iter().find(|(name, _)| is_it(name)) {
            return Some(*choice);
        }
        if self.refuse_not_yet(Some(&text)) {
            return None;
        }
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        self.fail(
            format!("{} is not known here", self.quoted()),
            did_you_mean(&text, names.iter().copied(), || {
                format!("one of: {}", names.join(", "))
            }),
        )
    }

    /// A size in bytes within `range`.
    pub(in crate::config) fn size(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let (text, _) = self.scalar("a size")?;
        match quantity::size(&text) {
            Some(size) if range.contains(&size) => Some(size),
            Some(_) => self.fail(
                format!("{} is out of range", self.quoted()),
                format!("between {} and {} bytes", range.start(), range.end()),
            ),
            None => self.fail(
                format!("{} is not a size", self.quoted()),
                "write bytes, or an integer with KiB, MiB, GiB, KB, MB or GB: `64MiB`",
            ),
        }
    }

    /// A duration with its unit, within `range`.
    pub(in crate::config) fn duration(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        self.duration_in(None, range)
    }

    /// A duration of one of the vendor's `…_in_seconds` keys: an integer; one with a unit serves too.
    pub(in crate::config) fn seconds(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        self.duration_in(Some(Duration::from_secs(1)), range)
    }

    fn duration_in(
        &self,
        unit: Option<Duration>,
        range: RangeInclusive<Duration>,
    ) -> Option<Duration> {
        let (text, _) = self.scalar("a duration")?;
        let bare = |unit: Duration| unit.checked_mul(text.parse().ok()?);
        match quantity::duration(&text).or_else(|| unit.and_then(bare)) {
            Some(duration) if range.contains(&duration) => Some(duration),
            Some(_) => {
                let [least, most] = [range.start(), range.end()].map(|end| quantity::written(*end));
                self.fail(
                    format!("{} is out of range", self.quoted()),
                    format!("between {least} and {most}"),
                )
            }
            None => self.fail(
                format!("{} is not a duration", self.quoted()),
                match unit {
                    Some(_) => "write an integer, or one with a unit: `30s`, `15m`",
                    None => "write an integer with its unit: `200ms`, `30s`, `15m`, `24h`",
                },
            ),
        }
    }

    /// A time by RFC 3339.
    pub(in crate::config) fn time(&self) -> Option<Timestamp> {
        match self.text()?.parse() {
            Ok(time) => Some(time),
            Err(_) => self.fail(
                format!("{} is not a time", self.quoted()),
                "write date, time and zone by RFC 3339: `2026-10-01T00:00:00Z`",
            ),
        }
    }

    /// A regular expression.
    pub(in crate::config) fn regex(&self) -> Option<Regex> {
        match Regex::new(&self.text()?) {
            Ok(regex) => Some(regex),
            Err(error) => {
                // The error draws the expression over several lines; its last says what is wrong.
                let error = error.to_string();
                let reason = error.lines().last().unwrap_or_default();
                let reason = reason.trim_start_matches("error: ");
                self.fail(
                    format!("{} is not a regular expression: {reason}", self.quoted()),
                    "see https://docs.rs/regex for the syntax",
                )
            }
        }
    }

    /// A path; a relative one starts at the configuration file's directory.
    pub(in crate::config) fn file_path(&self) -> Option<PathBuf> {
        Some(self.context.base_dir.join(self.text()?))
    }

    /// A secret: the text itself, or with `file:` the file that holds it, without its last line end.
    pub(in crate::config) fn secret(&self) -> Option<SecretString> {
        let (text, _) = self.scalar("text")?;
        let secret = match text.strip_prefix("file:") {
            Some(path) => self.secret_file(path)?,
            None => text,
        };
        if secret.is_empty() {
            return self.fail("this secret is empty", "give a value, or remove the key");
        }
        Some(secret.into())
    }

    fn secret_file(&self, path: &str) -> Option<String> {
        let path = self.context.base_dir.join(path);
        let mut secret = String::new();
        let read = File::open(&path)
            .and_then(|file| file.take(MAX_SECRET + 1).read_to_string(&mut secret));
        let problem = match read {
            Ok(size) if size as u64 > MAX_SECRET => format!("more than {MAX_SECRET} bytes"),
            Ok(_) => {
                let end = secret.trim_end_matches(['\n', '\r']).len();
                secret.truncate(end);
                return Some(secret);
            }
            Err(error) => error.to_string(),
        };
        self.fail(
            format!("cannot read the secret from {}: {problem}", self.quoted()),
            "give a file with nothing in it but the secret; a relative path starts at this file's directory",
        )
    }

    /// The text with its variables, and whether it may be something else than text: it has no quotes, or is a variable's.
    fn scalar(&self, expected: &str) -> Option<(String, bool)> {
        let Value::Scalar(Scalar { text, plain }) = &self.node.value else {
            return self.fail(format!("expected {expected}, found {}", self.kind()), "");
        };
        if self.is_null() {
            return self.fail(format!("expected {expected}, found nothing"), "");
        }
        match interpolate(text, self.context.variable) {
            Ok(value) => {
                let plain = *plain || value != *text;
                Some((value, plain))
            }
            Err(Fault::Unset(name)) => self.fail(
                format!("the environment variable `{name}` is not set"),
                format!("set it, or give a default: ${{{name}:-default}}"),
            ),
            Err(Fault::Malformed) => self.fail(
                "`${` does not open a variable here",
                "write `${NAME}` or `${NAME:-default}`, and `$${` for a literal `${`",
            ),
        }
    }

    /// The value as it stands in the file, so that a variable's content never shows.
    pub(in crate::config) fn quoted(&self) -> String {
        let text = match &self.node.value {
            Value::Scalar(scalar) => scalar.text.as_str(),
            _ => self.kind(),
        };
        match text.char_indices().nth(QUOTED) {
            Some((end, _)) => format!("`{}…`", &text[..end]),
            None => format!("`{text}`"),
        }
        .replace(['\n', '\r'], " ")
    }
}

/// Whether it is an integer, however large.
fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}
