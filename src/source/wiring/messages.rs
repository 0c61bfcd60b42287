//! The modules whose queue has the events themselves: a puller each.

use std::sync::Arc;

use super::{Receiving, RegistryError, Wiring};
use crate::config::model::{QueueFed, QueueRef};
use crate::source::sqs::inline::{InlineHandler, InlineSettings, MessageFormat};
use crate::source::sqs::{BATCH, QueueSource};
use crate::supervision::ChildSpec;

impl Wiring<'_> {
    /// The modules whose queues have the events themselves, one a queue.
    pub(in crate::source) fn messages(
        &self,
        module: &'static str,
        settings: &QueueFed,
        format: &Arc<dyn MessageFormat>,
    ) -> Result<Vec<ChildSpec>, RegistryError> {
        let of = |queue| self.message_module(module, settings, queue, Arc::clone(format));
        settings.queues.iter().map(of).collect()
    }

    fn message_module(
        &self,
        module: &'static str,
        settings: &QueueFed,
        queue: &QueueRef,
        format: Arc<dyn MessageFormat>,
    ) -> Result<ChildSpec, RegistryError> {
        let shared = self.shared(module, module)?;
        let received = Receiving {
            visibility_timeout: settings.visibility_timeout,
            max_receive_count: settings.max_receive_count,
            // What is handled at the same time are receives, not single messages.
            concurrency: settings.concurrency * BATCH,
        };
        let queue = self.queue(&shared, queue, received);
        let inline = InlineSettings {
            origin: shared.identity.origin(),
            format,
            session: self.caller.session().clone(),
            outlet: self.surroundings.outlet.clone(),
            budget: self.surroundings.budget.clone(),
            hostname: self.surroundings.hostname.clone(),
            max_event_bytes: usize::try_from(settings.max_event_bytes).unwrap_or(usize::MAX),
            pulling_id: shared.pulling_id.subscribe(),
            ledger: shared.ledger.clone(),
            tally: Arc::clone(&shared.tally),
            intake: self.surroundings.intake.clone(),
        };
        let name = self.module_name(&shared, settings.queues.len(), &queue.queue);
        let puller = self.puller(&shared.identity, move |intake| {
            let mut inline = inline.clone();
            inline.intake = intake;
            Box::new(QueueSource::new(queue.clone(), InlineHandler::new(inline)))
        });
        Ok(self.supervisor(name, vec![puller]))
    }
}
