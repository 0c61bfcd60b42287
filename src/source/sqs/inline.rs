//! Messages that are events themselves: each is unwrapped, cut into its events, sent, and deleted when they are delivered.
//!
//! The messages of one receive travel as one batch: that keeps their order, which a FIFO queue promises within a group.

use std::borrow::Cow;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{Fault, Handler, Message, Place, Verdict, What};
use crate::checkpoint::record::Quarantined;
use crate::delivery::{BatchBuilder, Budget, Outlet, OutputId, Settlement, Unit};
use crate::event::{EventTime, EventType, Framing, LineFramer, PullingId, Tag};
use crate::session::Session;
use crate::source::object::Ledger;
use crate::source::object::members::Members;
use crate::source::{Counted, SourceError, Tally};

/// How a service reads the messages of its queue.
pub trait MessageFormat: Send + Sync + 'static {
    /// Cuts `body`, the JSON of one message without its wrapping, into events. `account` is the session's.
    ///
    /// # Errors
    /// It cannot be read; why, in words for the operator. Nothing of it is sent then.
    fn cut(&self, body: &str, account: &str, event: &mut dyn FnMut(Cut<'_>)) -> Result<(), String>;
}

/// One event of a message.
#[derive(Debug)]
pub struct Cut<'a> {
    /// Where it goes.
    pub tag: Tag,
    /// Its own time, if it has one.
    pub time: Option<EventTime>,
    /// Its type, for the statistics.
    pub event_type: EventType<'a>,
    /// The event, a JSON object.
    pub object: &'a str,
}

/// What a handler of such messages works with.
#[derive(Clone)]
pub struct InlineSettings {
    /// How the puller signs in the log.
    pub origin: Arc<str>,
    /// What the messages are.
    pub format: Arc<dyn MessageFormat>,
    /// For the account.
    pub session: Session,
    /// Where events go.
    pub outlet: Outlet,
    /// What bounds the memory.
    pub budget: Budget,
    /// This machine's name, for the records.
    pub hostname: String,
    /// A message that is longer is unreadable.
    pub max_event_bytes: usize,
    /// The present cycle's pulling id.
    pub pulling_id: watch::Receiver<PullingId>,
    /// Where unreadable messages are put.
    pub ledger: Ledger,
    /// What is counted.
    pub tally: Arc<Tally>,
    /// Closed when the puller begins to stop.
    pub intake: CancellationToken,
}

/// Handles messages that are events.
pub struct InlineHandler {
    settings: InlineSettings,
}

/// The events of several messages, ready to be sent, and how many each message has.
struct Gathered {
    events: Vec<Event>,
    /// Where each message's events end; or why it has none.
    ends: Vec<Result<u64, String>>,
}

struct Event {
    tag: Tag,
    time: EventTime,
    object: String,
}

impl InlineHandler {
    /// A handler that works with `settings`.
    #[must_use]
    pub fn new(settings: InlineSettings) -> Self {
        Self { settings }
    }

    fn gather(&self, messages: &[Message], account: &str) -> Gathered {
        let mut events = Vec::new();
        let mut ends = Vec::with_capacity(messages.len());
        for message in messages {
            let before = events.len();
            let read = self.read(&message.body, account, &mut events);
            if read.is_err() {
                events.truncate(before);
                self.settings.tally.discarded_file();
            }
            ends.push(read.map(|()| events.len() as u64));
        }
        Gathered { events, ends }
    }

    fn read(&self, body: &str, account: &str, events: &mut Vec<Event>) -> Result<(), String> {
        let settings = &self.settings;
        if body.len() > settings.max_event_bytes {
            return Err(format!(
                "it is longer than the limit of {} bytes",
                settings.max_event_bytes
            ));
        }
        let body = unwrapped(body)?;
        settings.format.cut(&body, account, &mut |cut| {
            settings.tally.event_type(cut.event_type);
            events.push(Event {
                tag: cut.tag,
                time: cut.time.unwrap_or_else(EventTime::now),
                object: cut.object.to_owned(),
            });
        })
    }

    /// Puts the events on their way to the outputs that lack them, each from its position on.
    async fn send(&self, gathered: &Gathered, starts: &[(OutputId, u64)]) -> Settlement {
        let settings = &self.settings;
        let (unit, settlement) = Unit::open(starts.iter().copied());
        let first = starts.iter().map(|(_, start)| *start).min().unwrap_or(0);
        let end = gathered.events.len() as u64;
        let rest = gathered
            .events
            .get(usize::try_from(first).unwrap_or(usize::MAX)..)
            .unwrap_or_default();
        if !rest.is_empty() {
            let bytes = |event: &Event| {
                event.object.len() + event.tag.as_str().len() + LineFramer::OVERHEAD_BYTES
            };
            let mut batch =
                BatchBuilder::sized(&settings.budget, rest.iter().map(bytes).sum()).await;
            let pulling_id = settings.pulling_id.borrow().clone();
            let mut framer = LineFramer::new(&settings.hostname, Framing::Line);
            for event in rest {
                batch.push(|buffer| match pulling_id.parts(&event.object) {
                    Ok(parts) => framer.append(buffer, event.time, &event.tag, &parts),
                    Err(_) => framer.append(buffer, event.time, &event.tag, &[&event.object]),
                });
            }
            let batch = batch.finish();
            settings.outlet.send(&unit, first..end, batch).await;
        }
        unit.seal(end);
        settlement
    }

    /// Sends until every output has everything; `false` if the puller stops before.
    async fn deliver(&self, gathered: &Gathered, place: Place) -> bool {
        let ports = self.settings.outlet.ports().iter();
        let mut starts: Vec<(OutputId, u64)> = ports.map(|port| (port.id, 0)).collect();
        self.settings.tally.generated(gathered.events.len() as u64);
        let mut place = Some(place);
        loop {
            let settlement = self.send(gathered, &starts).await;
            // The rest is waiting for confirmations: the next messages can be read meanwhile.
            place.take();
            let outcome = settlement.settled().await;
            if outcome.is_delivered() {
                return true;
            }
            starts = outcome
                .lanes
                .iter()
                .filter(|lane| !lane.complete)
                .map(|lane| (lane.output, lane.position))
                .collect();
            tokio::select! {
                biased;
                () = self.settings.intake.cancelled() => return false,
                () = self.settings.outlet.any_accepting(outcome.missing()) => {}
            }
        }
    }
}

impl Handler for InlineHandler {
    fn takes_all_together(&self) -> bool {
        true
    }

    fn handle<'a>(&'a self, messages: &'a [Message], place: Place) -> BoxFuture<'a, Vec<Verdict>> {
        async move {
            let established = self.settings.session.established().await;
            let gathered = self.gather(messages, &established.account);
            let delivered = self.deliver(&gathered, place).await;
            gathered
                .ends
                .into_iter()
                .map(|read| match read {
                    Ok(_) if delivered => Verdict::Delivered,
                    Ok(_) => Verdict::Release,
                    Err(problem) => Verdict::Unreadable(vec![Fault {
                        what: What::Message,
                        problem,
                    }]),
                })
                .collect()
        }
        .boxed()
    }

    fn quarantine<'a>(
        &'a self,
        message: &'a Message,
        faults: &'a [Fault],
    ) -> BoxFuture<'a, Result<(), SourceError>> {
        async move {
            let entries: Vec<Quarantined> = faults
                .iter()
                .map(|fault| fault.quarantined(message))
                .collect();
            // The message will be gone, and with it the event: the log is the one place that is large enough for it.
            warn!(origin = %self.settings.origin, "Message {} in full: {}", message.id, message.body);
            self.settings.ledger.quarantine(&entries).await
        }
        .boxed()
    }

    fn received(&self, counts: &Counted) -> String {
        let types: Vec<String> = counts
            .event_types
            .iter()
            .map(|name| format!("\"{name}\""))
            .collect();
        let mut line = format!(
            "Received {} response(s), received {} message(s), generated {} message(s), detected_event_types: [{}], avg_time_per_source_message: {:.3} ms",
            counts.requests,
            counts.messages,
            counts.generated,
            types.join(", "),
            counts.mean_request_ms(),
        );
        if counts.discarded_files > 0 {
            line += &format!(", discarded messages: {}", counts.discarded_files);
        }
        line
    }
}

/// The event without what SNS put around it, if it came that way (SNS developer guide, "HTTP/HTTPS notification JSON format").
fn unwrapped(body: &str) -> Result<Cow<'_, str>, String> {
    let members = Members::of(body, &["Type", "TopicArn", "Message"]);
    let [kind, topic, message] = members.map_err(|error| error.to_string())?.into_array();
    match (kind.as_deref(), topic, message) {
        (Some("Notification"), Some(_), Some(message)) => Ok(message),
        (Some("SubscriptionConfirmation"), Some(topic), _) => Err(format!(
            "SNS asks to confirm the subscription to {topic}; confirm it in the console"
        )),
        _ => Ok(Cow::Borrowed(body)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sns_put_around_an_event_is_taken_off() {
        let event = r#"{"source":"aws.ec2","detail":{"a":"\u00e9"}}"#;
        let wrapped = serde_json::json!({
            "Type": "Notification", "TopicArn": "arn:aws:sns:us-east-2:1:t", "Message": event
        })
        .to_string();
        assert_eq!(unwrapped(&wrapped).unwrap(), event);
        assert_eq!(unwrapped(event).unwrap(), event);
        assert!(unwrapped("not json").is_err());
    }
}
