//! A file: records appended, and confirmed once they are on the disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Map, Value};
use tokio::io::AsyncWriteExt;

use super::{ConfirmWritten, Form, Opened, Sink, SinkError, Writer};
use crate::delivery::Batch;

/// A file as an output. It is opened for appending, and created if it is not there.
#[derive(Debug)]
pub struct File {
    path: Arc<Path>,
    form: Form,
}

impl File {
    /// Appends to the file at `path`.
    #[must_use]
    pub fn new(path: PathBuf, form: Form) -> Self {
        let path = path.into();
        Self { path, form }
    }
}

impl Sink for File {
    fn sender_kind(&self) -> &'static str {
        "FileSender"
    }

    fn describe(&self) -> Map<String, Value> {
        Map::from_iter([("path".to_owned(), self.path.display().to_string().into())])
    }

    fn open(&self) -> BoxFuture<'_, Result<Opened, SinkError>> {
        async move {
            let mut options = tokio::fs::OpenOptions::new();
            let file = options.append(true).create(true).open(&self.path).await;
            let mut file = file.map_err(|source| io_error(&self.path, source))?;
            let whole = end_torn_line(&mut file, &self.path).await;
            whole.map_err(|source| io_error(&self.path, source))?;
            let writer = FileWriter {
                file,
                form: self.form,
                path: Arc::clone(&self.path),
            };
            Ok(Opened {
                writer: Box::new(writer),
                confirmer: Box::new(ConfirmWritten::default()),
                ended: std::future::pending().boxed(),
                stale_after: None,
            })
        }
        .boxed()
    }
}

/// A crash or a full disk can have left half a line at the end; what follows must not be glued to it.
async fn end_torn_line(file: &mut tokio::fs::File, path: &Path) -> std::io::Result<()> {
    use tokio::io::{AsyncReadExt, AsyncSeekExt};
    if !file.metadata().await?.is_file() || file.metadata().await?.len() == 0 {
        return Ok(());
    }
    let mut reader = tokio::fs::File::open(path).await?;
    reader.seek(std::io::SeekFrom::End(-1)).await?;
    if reader.read_u8().await? != b'\n' {
        file.write_all(b"\n").await?;
    }
    Ok(())
}

struct FileWriter {
    file: tokio::fs::File,
    form: Form,
    path: Arc<Path>,
}

impl FileWriter {
    async fn append(&mut self, batch: &Batch) -> std::io::Result<()> {
        self.file.write_all(&self.form.render(batch)).await?;
        self.file.flush().await?;
        if self.file.metadata().await?.is_file() {
            self.file.sync_data().await?;
        }
        Ok(())
    }
}

impl Writer for FileWriter {
    fn write<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<(), SinkError>> {
        async move {
            let result = self.append(batch).await;
            result.map_err(|source| io_error(&self.path, source))
        }
        .boxed()
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, Result<(), SinkError>> {
        std::future::ready(Ok(())).boxed()
    }
}

fn io_error(path: &Path, source: std::io::Error) -> SinkError {
    SinkError::Io {
        target: path.display().to_string(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::{BatchBuilder, Budget};

    async fn batch(budget: &Budget, line: &str) -> Batch {
        let mut builder = BatchBuilder::start(budget, 0).await;
        builder.push(|bytes| {
            bytes.extend_from_slice(b"tag: ");
            let start = bytes.len();
            bytes.extend_from_slice(line.as_bytes());
            let end = bytes.len();
            bytes.push(b'\n');
            start..end
        });
        builder.finish()
    }

    async fn write(path: &Path, form: Form, line: &str) {
        let sink = File::new(path.to_owned(), form);
        let mut opened = sink.open().await.unwrap();
        let budget = Budget::new(1 << 20);
        opened
            .writer
            .write(&batch(&budget, line).await)
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn records_are_appended_in_the_form_asked_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out.log");
        write(&path, Form::Line, "one").await;
        write(&path, Form::Message, "two").await;
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "tag: one\ntwo\n");
    }

    #[tokio::test]
    async fn a_torn_last_line_stays_a_line_of_its_own() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out.log");
        std::fs::write(&path, "tag: to").unwrap();
        write(&path, Form::Line, "one").await;
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "tag: to\ntag: one\n"
        );
    }
}
