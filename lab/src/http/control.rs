//! `/_lab`: the lab's own interface over HTTP, for tests that run it as a process.
//!
//! - `POST /_lab/faults` injects a fault and answers `{"id": …}`; `GET` lists them with their hits; `DELETE` removes all.
//! - `GET /_lab/state`: counters of queues and operations, and what lies in dead-letter queues.
//! - `GET /_lab/calls`: the latest calls one by one.
//! - `POST /_lab/expire-sessions`: the credentials of every assumed role expire now.

use hyper::Method;
use serde_json::{Map, Value, json};

use super::{Answer, Services};
use crate::fault::Fault;

/// Most dead letters that the state shows of one queue.
const SHOWN_DEAD_LETTERS: usize = 1_000;

/// Answers a request for `/_lab/PATH`.
pub(super) fn answer(services: &Services, method: &Method, path: &str, body: &[u8]) -> Answer {
    match (method.as_str(), path) {
        ("GET", "state") => Answer::json(200, &state(services)),
        ("GET", "calls") => Answer::json(200, &json!(services.calls.latest())),
        ("GET", "faults") => Answer::json(200, &json!(services.faults.list())),
        ("POST", "faults") => match serde_json::from_slice::<Fault>(body) {
            Ok(fault) => Answer::json(200, &json!({ "id": services.faults.add(fault) })),
            Err(error) => Answer::json(400, &json!({ "error": error.to_string() })),
        },
        ("DELETE", "faults") => {
            services.faults.clear();
            Answer::json(200, &json!({}))
        }
        ("POST", "expire-sessions") => {
            services.sts.expire_sessions();
            Answer::json(200, &json!({}))
        }
        _ => Answer::json(
            404,
            &json!({ "error": "there are state, calls, faults and expire-sessions" }),
        ),
    }
}

fn state(services: &Services) -> Value {
    let sqs = &services.sqs;
    let queues: Map<String, Value> = sqs
        .queues()
        .into_iter()
        .filter_map(|name| {
            let stats = sqs.stats(&name).ok()?;
            Some((name, json!(stats)))
        })
        .collect();
    let dead_letters: Map<String, Value> = sqs
        .dead_letter_queues()
        .into_iter()
        .filter_map(|name| {
            let mut messages = sqs.messages(&name).ok()?;
            messages.truncate(SHOWN_DEAD_LETTERS);
            Some((name, json!(messages)))
        })
        .collect();
    json!({
        "queues": queues,
        "dead_letters": dead_letters,
        "operations": services.calls.operations(),
    })
}
