//! The screen: records on standard output or standard error.

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Map, Value};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::{ConfirmWritten, Form, Opened, Sink, SinkError, Writer};
use crate::delivery::Batch;

/// Which of the process's streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    #[default]
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// The screen as an output.
#[derive(Debug)]
pub struct Console {
    /// Where to.
    pub stream: Stream,
    /// What of each record.
    pub form: Form,
}

impl Sink for Console {
    fn sender_kind(&self) -> &'static str {
        "ConsoleSender"
    }

    fn describe(&self) -> Map<String, Value> {
        Map::from_iter([("destination".to_owned(), self.stream.name().into())])
    }

    fn open(&self) -> BoxFuture<'_, Result<Opened, SinkError>> {
        let stream: Box<dyn AsyncWrite + Send + Unpin> = match self.stream {
            Stream::Stdout => Box::new(tokio::io::stdout()),
            Stream::Stderr => Box::new(tokio::io::stderr()),
        };
        let writer = LocalWriter {
            stream,
            form: self.form,
            target: self.stream.name().to_owned(),
        };
        let opened = Opened {
            writer: Box::new(writer),
            confirmer: Box::new(ConfirmWritten::default()),
            ended: std::future::pending().boxed(),
            stale_after: None,
        };
        std::future::ready(Ok(opened)).boxed()
    }
}

struct LocalWriter {
    stream: Box<dyn AsyncWrite + Send + Unpin>,
    form: Form,
    target: String,
}

impl Writer for LocalWriter {
    fn write<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<(), SinkError>> {
        async move {
            let bytes = self.form.render(batch);
            let result = async {
                self.stream.write_all(&bytes).await?;
                self.stream.flush().await
            };
            result.await.map_err(|source| SinkError::Io {
                target: self.target.clone(),
                source,
            })
        }
        .boxed()
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, Result<(), SinkError>> {
        std::future::ready(Ok(())).boxed()
    }
}
