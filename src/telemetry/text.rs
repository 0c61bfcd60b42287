//! The text form of the log: `TIMESTAMP LEVEL ORIGIN -> MESSAGE`, then the event's other fields.

use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Formats events as the vendor's collector writes them.
#[derive(Clone, Copy, Debug, Default)]
pub struct TextFormat;

impl<S, N> FormatEvent<S, N> for TextFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3f");
        let metadata = event.metadata();
        let level = match *metadata.level() {
            Level::ERROR => "ERROR",
            Level::WARN => "WARNING",
            Level::INFO => "INFO",
            Level::DEBUG => "DEBUG",
            Level::TRACE => "TRACE",
        };
        let mut parts = Parts::default();
        event.record(&mut parts);
        let origin = parts.origin.as_deref().unwrap_or(metadata.target());
        writeln!(
            writer,
            "{now} {level:>7} {origin} -> {}{}",
            OneLine(&parts.message),
            OneLine(&parts.fields)
        )
    }
}

#[derive(Default)]
struct Parts {
    origin: Option<String>,
    message: String,
    fields: String,
}

impl Visit for Parts {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "origin" => self.origin = Some(value.to_owned()),
            "message" => value.clone_into(&mut self.message),
            name => {
                // Writing to a String cannot fail.
                let _ = write!(self.fields, " {name}={value:?}");
            }
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "origin" => self.origin = Some(format!("{value:?}")),
            "message" => self.message = format!("{value:?}"),
            name => {
                let _ = write!(self.fields, " {name}={value:?}");
            }
        }
    }
}

/// Text in which nothing can start a new line of the log: object keys and error texts come from outside.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self
            .0
            .split_inclusive(|character: char| character.is_control())
        {
            let plain = part.trim_end_matches(|character: char| character.is_control());
            formatter.write_str(plain)?;
            for control in part[plain.len()..].chars() {
                write!(formatter, "{}", control.escape_default())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(emit: impl FnOnce()) -> String {
        let sink = Sink::default();
        let writer = sink.clone();
        let subscriber = tracing_subscriber::fmt()
            .event_format(TextFormat)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, emit);
        let bytes = sink.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_line_looks_as_the_runbook_has_it() {
        let line =
            logged(|| tracing::info!(origin = "InputProcess::X(aws)", "Creating user session"));
        let (timestamp, rest) = line.split_at("2024-05-31T18:40:27.031".len());
        assert_eq!(&timestamp[10..11], "T");
        assert_eq!(
            rest,
            "    INFO InputProcess::X(aws) -> Creating user session\n"
        );
    }

    #[test]
    fn a_line_break_in_a_value_does_not_start_a_line() {
        let line = logged(|| tracing::warn!(origin = "x", key = "a\nb", "object {}", "c\r\nd"));
        assert_eq!(line.matches('\n').count(), 1);
        assert!(line.contains(r"object c\r\nd"));
    }
}
