//! Knowing that nothing of a child is left.
//!
//! ractor reports an actor's end while its task, or its killed descendants, may still be running on another thread. Each
//! piece of a child therefore holds its lease, and a descendant's lease holds its ancestor's; only when the last holder
//! has let go is the child [gone](Gone), and its successor cannot meet it.

use std::sync::Arc;

use tokio::sync::oneshot;

/// Held by everything that belongs to one incarnation of a child.
#[derive(Clone)]
pub(super) struct Lease {
    _held: Arc<Held>,
}

struct Held {
    _sender: oneshot::Sender<()>,
    _above: Option<Lease>,
}

/// Resolves when the last clone of a [`Lease`] and of the leases under it is dropped.
pub(super) struct Gone(oneshot::Receiver<()>);

impl Lease {
    pub(super) fn new(above: Option<&Lease>) -> (Self, Gone) {
        let (sender, receiver) = oneshot::channel();
        let held = Held {
            _sender: sender,
            _above: above.cloned(),
        };
        let lease = Self {
            _held: Arc::new(held),
        };
        (lease, Gone(receiver))
    }
}

impl Gone {
    pub(super) async fn wait(self) {
        // The sender is never used, only dropped: the error is the answer.
        let _ = self.0.await;
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn an_ancestor_is_gone_only_after_its_descendants() {
        let (parent, parent_gone) = Lease::new(None);
        let (child, child_gone) = Lease::new(Some(&parent));
        drop(parent);
        let mut parent_gone = Box::pin(parent_gone.wait());
        assert!(parent_gone.as_mut().now_or_never().is_none());
        drop(child);
        assert!(child_gone.wait().now_or_never().is_some());
        assert!(parent_gone.now_or_never().is_some());
    }
}
