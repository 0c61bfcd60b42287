//! From configured outputs to pools of senders.

use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use super::StartError;
use crate::config::model::{
    Backoff, Confirm as ConfiguredConfirm, ConsoleStream, DeliveryRule, LineFormat, Output,
    OutputKind, Receiver, Transport,
};
use crate::delivery::{Budget, OutputId};
use crate::sink::{
    Confirm, Console, File, Form, LineFraming, Pool, PoolSettings, Reconnect, Sink, Stream, Syslog,
};
use crate::supervision::Intensity;
use crate::wire::{ClientIdentity, Endpoint, TlsSettings};

/// The waits between attempts, and the stall limit, of outputs that are not on the network.
const LOCAL_BACKOFF: Backoff = Backoff {
    initial: Duration::from_millis(200),
    max: Duration::from_secs(30),
};
const LOCAL_STALL_LIMIT: Duration = Duration::from_secs(60);

/// A sink of the program's own, with the name that it has among the outputs.
pub(super) type CustomSink = (String, Arc<dyn Sink>);

struct Laid {
    name: String,
    sink: Arc<dyn Sink>,
    senders: usize,
    stall_limit: Duration,
    /// How long a confirmation usually takes.
    confirmation: Duration,
    stats_period: Duration,
    backoff: Backoff,
}

/// Lays out a pool for each output.
pub(super) fn pools(
    outputs: &[Output],
    custom: Vec<CustomSink>,
    stats_period: Duration,
    budget: &Budget,
    intensity: Intensity,
) -> Result<Vec<Pool>, StartError> {
    let mut laid: Vec<Laid> = outputs
        .iter()
        .map(|output| lay(output, stats_period))
        .collect();
    laid.extend(
        custom
            .into_iter()
            .map(|(name, sink)| local(name, sink, stats_period)),
    );

    let several = laid.len() > 1;
    let count = laid.len();
    let mut first_sender = 0;
    let mut pools = Vec::new();
    for (index, output) in laid.into_iter().enumerate() {
        let id = OutputId::from_index(index).ok_or(StartError::TooManyOutputs(count))?;
        let settings = PoolSettings {
            name: output.name.into(),
            senders: output.senders,
            first_sender,
            stall_limit: output.stall_limit,
            stats_period: output.stats_period,
            reconnect: Reconnect::new(output.backoff.initial, output.backoff.max),
            sheds: several,
            confirmation: output.confirmation,
            budget: budget.clone(),
            intensity,
        };
        first_sender += output.senders;
        pools.push(Pool::new(id, &settings, &output.sink));
    }
    Ok(pools)
}

fn lay(output: &Output, stats_period: Duration) -> Laid {
    let name = output.name.clone();
    match &output.kind {
        OutputKind::Devo(receiver) => {
            let (endpoint, tls, confirm) = reach(&name, receiver);
            let sink = Syslog::devo(endpoint, tls, confirm);
            remote(name, Arc::new(sink), receiver)
        }
        OutputKind::Syslog(syslog) => {
            let (endpoint, tls, confirm) = reach(&name, &syslog.receiver);
            let framing = if syslog.multiline {
                LineFraming::OctetCounted
            } else {
                LineFraming::LineFeed
            };
            let sink = Syslog::relay(endpoint, tls, confirm, framing);
            remote(name, Arc::new(sink), &syslog.receiver)
        }
        OutputKind::Console(console) => {
            let sink = Console {
                stream: match console.destination {
                    ConsoleStream::Stdout => Stream::Stdout,
                    ConsoleStream::Stderr => Stream::Stderr,
                },
                form: form(console.format),
            };
            local(name, Arc::new(sink), stats_period)
        }
        OutputKind::File(file) => {
            let sink = File::new(file.path.clone(), form(file.format));
            local(name, Arc::new(sink), stats_period)
        }
    }
}

fn remote(name: String, sink: Arc<dyn Sink>, receiver: &Receiver) -> Laid {
    Laid {
        name,
        sink,
        senders: receiver.concurrent_connections,
        stall_limit: receiver.delivery.stall_timeout,
        confirmation: receiver.delivery.settle,
        stats_period: receiver.stats_period,
        backoff: receiver.backoff,
    }
}

/// One sender: records of a file or a screen have an order.
fn local(name: String, sink: Arc<dyn Sink>, stats_period: Duration) -> Laid {
    Laid {
        name,
        sink,
        senders: 1,
        stall_limit: LOCAL_STALL_LIMIT,
        confirmation: Duration::ZERO,
        stats_period,
        backoff: LOCAL_BACKOFF,
    }
}

fn reach(name: &str, receiver: &Receiver) -> (Endpoint, Option<TlsSettings>, Confirm) {
    let endpoint = Endpoint {
        host: receiver.host.clone(),
        port: receiver.port,
    };
    let tls = match &receiver.transport {
        Transport::Tcp => None,
        Transport::Tls {
            chain,
            identity,
            verify_hostname,
        } => {
            if !verify_hostname {
                warn!(
                    origin = "OutputProcess",
                    "Output {name} does not verify the receiver's host name (tls.verify_hostname: false): anyone with a certificate of that chain can pose as {endpoint}"
                );
            }
            Some(TlsSettings {
                chain: chain.clone(),
                identity: identity.as_ref().map(|identity| ClientIdentity {
                    cert: identity.cert.clone(),
                    key: identity.key.clone(),
                }),
                verify_hostname: *verify_hostname,
            })
        }
    };
    (endpoint, tls, confirm(receiver.delivery))
}

fn confirm(rule: DeliveryRule) -> Confirm {
    match rule.confirm {
        ConfiguredConfirm::Write => Confirm::Write,
        ConfiguredConfirm::Tcp => Confirm::Tcp {
            settle: rule.settle,
        },
    }
}

fn form(format: LineFormat) -> Form {
    match format {
        LineFormat::Line => Form::Line,
        LineFormat::Message => Form::Message,
    }
}
