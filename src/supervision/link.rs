//! The actor that a supervisor's children are linked to.
//!
//! An actor that is stopping handles no supervision events, yet a supervisor that stops its children in order must learn of
//! each end. So the children are linked to an actor of their own, which only passes the events on and outlives them all.

use ractor::{Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, SpawnErr, SupervisionEvent};
use tokio::sync::mpsc;

use super::exit::{self, Exit};

/// Owns the linking actor: killed on drop, and with it whatever is still linked to it.
pub(super) struct Link {
    cell: ActorCell,
}

/// The ends of linked actors, in the order in which they happened.
///
/// Unbounded, but never longer than the number of children: each ends once, and is started again only after its end was read.
pub(super) type Ends = mpsc::UnboundedReceiver<(ActorId, Exit)>;

impl Link {
    /// # Errors
    /// If ractor cannot start the actor.
    pub(super) async fn open() -> Result<(Self, Ends), SpawnErr> {
        let (sender, ends) = mpsc::unbounded_channel();
        let (actor, _) = Actor::spawn(None, Forwarder, sender).await?;
        let cell = actor.get_cell();
        Ok((Self { cell }, ends))
    }

    /// The actor to link children to.
    pub(super) fn cell(&self) -> ActorCell {
        self.cell.clone()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.cell.kill();
    }
}

struct Forwarder;

impl Actor for Forwarder {
    type Msg = ();
    type State = mpsc::UnboundedSender<(ActorId, Exit)>;
    type Arguments = Self::State;

    async fn pre_start(
        &self,
        _: ActorRef<()>,
        sender: Self::State,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(sender)
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<()>,
        event: SupervisionEvent,
        sender: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        if let Some(end) = exit::ended(event) {
            // A closed channel means that the supervisor itself is ending, and this actor with it.
            let _ = sender.send(end);
        }
        Ok(())
    }
}
