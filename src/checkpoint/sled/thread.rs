//! The thread that owns the engine: takes requests from a bounded queue, and commits what has gathered as one group.
//!
//! A panic of the engine ends the thread, as an error of it does: whoever waits gets the reason, and so does whoever
//! watches [`Client::ended`]. Nothing is tried again here.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use crate::checkpoint::export::Exported;
use crate::checkpoint::{Batch, Key, Prefix, Row, StoreError};

/// Requests that may wait; behind them, callers do.
const QUEUE: usize = 256;

/// What the thread needs of a database.
pub(super) trait Engine {
    fn load(&self, key: &Key) -> Result<Option<Vec<u8>>, Failure>;
    /// Applies all batches, in order, as one transaction; on the disk when it returns.
    fn commit(&mut self, group: &[Batch]) -> Result<(), Failure>;
    fn scan(&self, prefix: &Prefix, after: Option<&Key>, limit: usize)
    -> Result<Vec<Row>, Failure>;
    fn export(&self, path: &Path) -> Result<Exported, Failure>;
}

/// How an engine fails.
#[derive(Debug)]
pub(super) enum Failure {
    /// In this request; the engine is well.
    Refused(StoreError),
    /// For good, until it is opened again.
    Fatal(String),
}

type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

enum Request {
    Load(Key, Reply<Option<Vec<u8>>>),
    Scan(Prefix, Option<Key>, usize, Reply<Vec<Row>>),
    Export(PathBuf, Reply<Exported>),
    Commit(Batch, Reply<()>),
    Close,
}

/// A caller's end of the thread's queue. The thread ends with the last of them.
#[derive(Clone)]
pub(super) struct Client {
    requests: mpsc::Sender<Request>,
    ended: watch::Receiver<Option<Arc<str>>>,
}

/// Starts a thread that opens an engine and serves it. The receiver gets what `open` returns beside the engine.
pub(super) fn spawn<E, T, X>(
    open: impl FnOnce() -> Result<(E, T), X> + Send + 'static,
) -> std::io::Result<(Client, oneshot::Receiver<Result<T, X>>)>
where
    E: Engine,
    T: Send + 'static,
    X: Send + 'static,
{
    let (requests, queue) = mpsc::channel(QUEUE);
    let (ended_sender, ended) = watch::channel(None);
    let (opened_sender, opened) = oneshot::channel();
    std::thread::Builder::new()
        .name("checkpoints".to_owned())
        .spawn(move || {
            let run = || match open() {
                Ok((engine, beside)) => {
                    // If nobody waits for the opening any more, the queue is closed too.
                    let _ = opened_sender.send(Ok(beside));
                    serve(engine, queue)
                }
                Err(error) => {
                    let _ = opened_sender.send(Err(error));
                    Err("it did not open".to_owned())
                }
            };
            let reason = match catch_unwind(AssertUnwindSafe(run)) {
                Ok(Ok(())) => "it was closed".to_owned(),
                Ok(Err(reason)) => reason,
                Err(payload) => format!("the engine panicked: {}", panic_text(&*payload)),
            };
            // The engine and its locks are gone by now: whoever hears of the end may open again.
            ended_sender.send_replace(Some(reason.into()));
        })?;
    Ok((Client { requests, ended }, opened))
}

impl Client {
    pub(super) async fn load(&self, key: Key) -> Result<Option<Vec<u8>>, StoreError> {
        self.call(|reply| Request::Load(key, reply)).await
    }

    pub(super) async fn scan(
        &self,
        prefix: Prefix,
        after: Option<Key>,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        self.call(|reply| Request::Scan(prefix, after, limit, reply))
            .await
    }

    pub(super) async fn export(&self, path: PathBuf) -> Result<Exported, StoreError> {
        self.call(|reply| Request::Export(path, reply)).await
    }

    pub(super) async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.call(|reply| Request::Commit(batch, reply)).await
    }

    /// Ends the thread behind the requests already in its queue, and waits for that.
    pub(super) async fn close(&self) {
        // A queue that takes no more requests has no thread behind it.
        let _ = self.requests.send(Request::Close).await;
        self.ended().await;
    }

    /// Waits for the end of the thread; the error says why it ended.
    pub(super) async fn ended(&self) -> StoreError {
        let mut ended = self.ended.clone();
        let reason = ended.wait_for(Option::is_some).await;
        let reason = reason.ok().and_then(|reason| reason.clone());
        StoreError::Ended {
            reason: reason.unwrap_or_else(|| "its thread is gone".into()),
        }
    }

    async fn call<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        if self.requests.send(request(reply)).await.is_ok()
            && let Ok(answer) = answer.await
        {
            return answer;
        }
        Err(self.ended().await)
    }
}

/// Answers requests until the queue closes, or the engine fails for good.
fn serve(mut engine: impl Engine, mut queue: mpsc::Receiver<Request>) -> Result<(), String> {
    while let Some(first) = queue.blocking_recv() {
        let mut drained = vec![first];
        while drained.len() < QUEUE
            && let Ok(request) = queue.try_recv()
        {
            drained.push(request);
        }
        let (mut batches, mut replies) = (Vec::new(), Vec::new());
        let mut close = false;
        for request in drained {
            match request {
                Request::Load(key, reply) => answer([reply], engine.load(&key))?,
                Request::Scan(prefix, after, limit, reply) => {
                    answer([reply], engine.scan(&prefix, after.as_ref(), limit))?;
                }
                Request::Export(path, reply) => answer([reply], engine.export(&path))?,
                Request::Commit(batch, reply) => {
                    batches.push(batch);
                    replies.push(reply);
                }
                Request::Close => close = true,
            }
        }
        if !batches.is_empty() {
            answer(replies, engine.commit(&batches))?;
        }
        if close {
            break;
        }
    }
    Ok(())
}

/// Gives the result to everyone who waits for it. After a fatal failure nobody gets an answer: their replies are dropped,
/// and they learn the reason from the thread's end.
fn answer<T: Clone>(
    replies: impl IntoIterator<Item = Reply<T>>,
    result: Result<T, Failure>,
) -> Result<(), String> {
    let result = match result {
        Ok(value) => Ok(value),
        Err(Failure::Refused(error)) => Err(error),
        Err(Failure::Fatal(reason)) => return Err(reason),
    };
    for reply in replies {
        // A caller that has gone away needs no answer.
        let _ = reply.send(result.clone());
    }
    Ok(())
}

/// What a panic said.
pub(super) fn panic_text(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use std::sync::Mutex;

    use super::*;
    use crate::checkpoint::conformance::{key, value};

    /// Commits sizes of groups, after the gate opens; fails as it is told to.
    struct Scripted {
        groups: Arc<Mutex<Vec<usize>>>,
        gate: std::sync::mpsc::Receiver<()>,
        fail: fn() -> Failure,
    }

    impl Engine for Scripted {
        fn load(&self, _: &Key) -> Result<Option<Vec<u8>>, Failure> {
            Err((self.fail)())
        }

        fn commit(&mut self, group: &[Batch]) -> Result<(), Failure> {
            self.gate.recv().map_err(|_| (self.fail)())?;
            self.groups.lock().unwrap().push(group.len());
            Ok(())
        }

        fn scan(&self, _: &Prefix, _: Option<&Key>, _: usize) -> Result<Vec<Row>, Failure> {
            Ok(Vec::new())
        }

        fn export(&self, _: &Path) -> Result<Exported, Failure> {
            Err((self.fail)())
        }
    }

    struct Rig {
        client: Client,
        groups: Arc<Mutex<Vec<usize>>>,
        gate: std::sync::mpsc::Sender<()>,
    }

    async fn start(fail: fn() -> Failure) -> Rig {
        let groups = Arc::new(Mutex::new(Vec::new()));
        let (gate, behind) = std::sync::mpsc::channel();
        let engine = Scripted {
            groups: groups.clone(),
            gate: behind,
            fail,
        };
        let (client, opened) = spawn(move || Ok::<_, ()>((engine, ()))).unwrap();
        opened.await.unwrap().unwrap();
        Rig {
            client,
            groups,
            gate,
        }
    }

    fn batch() -> Batch {
        let mut batch = Batch::new();
        batch.put_raw(key(b"s", 0), value(0));
        batch
    }

    /// A task whose commit is in the thread's queue, or being served, when this returns.
    async fn queued(rig: &Rig) -> oneshot::Receiver<Result<(), StoreError>> {
        let (reply, answer) = oneshot::channel();
        let request = Request::Commit(batch(), reply);
        assert!(rig.client.requests.send(request).await.is_ok());
        answer
    }

    #[tokio::test]
    async fn commits_that_gather_during_one_are_the_next_group() {
        let rig = start(|| Failure::Fatal("unused".to_owned())).await;
        let mut answers = vec![queued(&rig).await];
        // The thread has taken the first one, and waits at the gate, once the queue is empty.
        while rig.client.requests.capacity() < QUEUE {
            tokio::task::yield_now().await;
        }
        for _ in 0..9 {
            answers.push(queued(&rig).await);
        }
        rig.gate.send(()).unwrap();
        rig.gate.send(()).unwrap();
        for answer in answers {
            answer.await.unwrap().unwrap();
        }
        let groups = rig.groups.lock().unwrap();
        assert_eq!(groups.iter().sum::<usize>(), 10);
        assert_eq!(groups.len(), 2);
    }

    #[tokio::test]
    async fn a_fatal_failure_ends_the_store_for_everyone() {
        let rig = start(|| Failure::Fatal("disk gone".to_owned())).await;
        let waiting = queued(&rig).await;
        drop(rig.gate);
        assert!(waiting.await.is_err());
        let error = rig.client.commit(batch()).await.unwrap_err();
        assert!(error.to_string().contains("disk gone"), "{error}");
        assert!(rig.client.ended().await.to_string().contains("disk gone"));
    }

    #[tokio::test]
    async fn a_panic_of_the_engine_ends_the_store_and_names_itself() {
        let rig = start(|| panic!("inside the engine")).await;
        let error = rig.client.load(key(b"s", 0)).await.unwrap_err();
        assert!(error.to_string().contains("inside the engine"), "{error}");
    }

    #[tokio::test]
    async fn a_refusal_leaves_the_store_alive() {
        let rig = start(|| Failure::Refused(StoreError::Stopped)).await;
        assert!(rig.client.load(key(b"s", 0)).await.is_err());
        assert!(rig.client.scan(Prefix::all(), None, 1).await.is_ok());
    }

    #[tokio::test]
    async fn closing_serves_what_was_queued_before() {
        let rig = start(|| Failure::Fatal("unused".to_owned())).await;
        let waiting = queued(&rig).await;
        rig.gate.send(()).unwrap();
        rig.client.close().await;
        waiting.await.unwrap().unwrap();
        assert!(rig.client.commit(batch()).await.is_err());
    }
}
