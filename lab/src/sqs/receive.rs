//! Receiving: the long poll, the dead-letter queue, and the wait for a change.

use std::time::Duration;

use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use super::{Sqs, error::SqsError, message::Received};
use crate::sync::lock;

/// What a receive asks for.
pub(super) struct ReceiveRequest {
    pub(super) max: usize,
    pub(super) visibility: Option<Duration>,
    pub(super) wait: Option<Duration>,
}

impl Sqs {
    /// Receives at once or waits for messages; an empty list if none came in time.
    pub(super) async fn receive(
        &self,
        name: &str,
        request: &ReceiveRequest,
    ) -> Result<Vec<Received>, SqsError> {
        let mut changed = self.changed.subscribe();
        let wait_for = match request.wait {
            Some(wait) => wait,
            None => self.with(name, |queue, _| Ok(queue.attributes.wait))?,
        };
        let deadline = Instant::now() + wait_for;
        loop {
            let received = self.try_receive(name, request)?;
            if !received.is_empty() {
                self.changed.send_replace(());
                return Ok(received);
            }
            if Instant::now() >= deadline {
                return Ok(received);
            }
            let next = self.with(name, |queue, _| Ok(queue.next_change()))?;
            let until = next.map_or(deadline, |next| next.min(deadline));
            wait(&mut changed, Some(until)).await;
        }
    }

    fn try_receive(&self, name: &str, request: &ReceiveRequest) -> Result<Vec<Received>, SqsError> {
        let now = Instant::now();
        let mut state = lock(&self.state);
        let source = state.get(name)?;
        let arn = source.arn.clone();
        let visibility = request.visibility.unwrap_or(source.attributes.visibility);
        let policy = source.attributes.redrive.clone();
        let dead_letters = policy.and_then(|policy| {
            let target = state.queue_with_arn(&policy.dead_letter_target_arn)?;
            Some((target, policy.max_receive_count))
        });
        let limit = dead_letters.as_ref().map_or(u32::MAX, |(_, limit)| *limit);
        let (received, dead) = state
            .get_mut(name)?
            .receive(request.max, visibility, limit, now)?;
        if let Some((target, _)) = dead_letters
            && !dead.is_empty()
        {
            let target = state.get_mut(&target)?;
            for message in dead {
                target.bury(message, &arn);
            }
            self.changed.send_replace(());
        }
        Ok(received)
    }
}

/// Waits for a change or for `until`.
pub(super) async fn wait(changed: &mut watch::Receiver<()>, until: Option<Instant>) {
    let timer = async {
        match until {
            Some(until) => sleep_until(until).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        // The sender lives in `Sqs`, which the waiting caller holds.
        _ = changed.changed() => {}
        () = timer => {}
    }
}
