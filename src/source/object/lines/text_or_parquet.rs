//! Objects of a service that writes text or Parquet, as its owner chose: which of the two, the first bytes tell.

use std::sync::Arc;

use crate::source::object::records::BytesWindow;
use crate::source::object::{Extracted, Extractor, Format};
use crate::source::sqs::notification::ObjectRef;

/// What every Parquet file begins with (Parquet's specification, "file format").
const MAGIC: &[u8] = b"PAR1";

/// Two formats of one service. Not the key's ending decides but the content, as for compression.
pub struct TextOrParquet {
    /// What reads all other objects.
    pub text: Arc<dyn Format>,
    /// What reads Parquet files.
    pub parquet: Arc<dyn Format>,
}

impl Format for TextOrParquet {
    fn wants(&self, key: &str) -> bool {
        self.text.wants(key)
    }

    fn extractor(&self, account: &str) -> Box<dyn Extractor> {
        Box::new(Either {
            beginning: BytesWindow::new(0),
            content: Content::Undecided,
            text: self.text.extractor(account),
            parquet: self.parquet.extractor(account),
        })
    }
}

struct Either {
    /// The first bytes, until it is known whose they are. Smaller than any splitter's window, so it fits in.
    beginning: BytesWindow,
    content: Content,
    text: Box<dyn Extractor>,
    parquet: Box<dyn Extractor>,
}

#[derive(Clone, Copy)]
enum Content {
    Undecided,
    Text,
    Parquet,
}

impl Either {
    fn chosen(&mut self) -> Option<&mut dyn Extractor> {
        match self.content {
            Content::Undecided => None,
            Content::Text => Some(self.text.as_mut()),
            Content::Parquet => Some(self.parquet.as_mut()),
        }
    }

    /// Chooses, if there are bytes enough to or no more will come, and hands over those that there are.
    fn decide(&mut self, ended: bool) {
        let held = self.beginning.held();
        let (content, chosen) = if held.starts_with(MAGIC) {
            (Content::Parquet, &mut self.parquet)
        } else if ended || !MAGIC.starts_with(held) {
            (Content::Text, &mut self.text)
        } else {
            return;
        };
        let window = chosen.window();
        let room = window.room();
        let len = held.len().min(room.len());
        room[..len].copy_from_slice(&held[..len]);
        window.commit(len);
        self.beginning.drop_front(len);
        self.content = content;
    }
}

impl Extractor for Either {
    fn begin(&mut self, object: &ObjectRef) {
        self.beginning.drop_front(self.beginning.held().len());
        self.content = Content::Undecided;
        self.text.begin(object);
        self.parquet.begin(object);
    }

    fn window(&mut self) -> &mut BytesWindow {
        match self.content {
            Content::Undecided => &mut self.beginning,
            Content::Text => self.text.window(),
            Content::Parquet => self.parquet.window(),
        }
    }

    fn end(&mut self) {
        if let Content::Undecided = self.content {
            self.decide(true);
        }
        if let Some(chosen) = self.chosen() {
            chosen.end();
        }
    }

    fn next(&mut self) -> Result<Option<Extracted<'_>>, String> {
        if let Content::Undecided = self.content {
            self.decide(false);
        }
        self.chosen().map_or(Ok(None), Extractor::next)
    }

    fn finish(&mut self) -> Result<(), String> {
        self.chosen().map_or(Ok(()), Extractor::finish)
    }

    fn take_cut_records(&mut self) -> u64 {
        self.text.take_cut_records() + self.parquet.take_cut_records()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::tag::TagFields;
    use crate::event::{EventType, Tag, TagTemplate};
    use crate::source::object::Body;
    use crate::source::object::lines::{LineSplitter, driver};

    /// A format that tells how many bytes it was given, in a tag of its own.
    struct Counting(&'static str);

    struct Counter {
        tag: Tag,
        lines: LineSplitter,
        text: String,
        ended: bool,
    }

    impl Format for Counting {
        fn wants(&self, key: &str) -> bool {
            key != "unwanted"
        }

        #[allow(clippy::unwrap_used)]
        fn extractor(&self, _account: &str) -> Box<dyn Extractor> {
            let fields = TagFields {
                event_type: EventType::UNKNOWN,
                account: "",
                region: "",
            };
            Box::new(Counter {
                tag: TagTemplate::new(self.0, None).unwrap().render(fields),
                lines: LineSplitter::new(1 << 20),
                text: String::new(),
                ended: false,
            })
        }
    }

    impl Extractor for Counter {
        fn begin(&mut self, _object: &ObjectRef) {
            self.lines = LineSplitter::new(1 << 20);
            self.ended = false;
        }

        fn window(&mut self) -> &mut BytesWindow {
            self.lines.window()
        }

        fn end(&mut self) {
            self.ended = true;
        }

        fn next(&mut self) -> Result<Option<Extracted<'_>>, String> {
            if !std::mem::take(&mut self.ended) {
                return Ok(None);
            }
            self.text = self.lines.window().held().len().to_string();
            Ok(Some(Extracted::Event {
                tag: &self.tag,
                time: None,
                body: Body::Line(&self.text),
            }))
        }

        fn finish(&mut self) -> Result<(), String> {
            Err(self.text.clone())
        }
    }

    fn format() -> TextOrParquet {
        TextOrParquet {
            text: Arc::new(Counting("text")),
            parquet: Arc::new(Counting("parquet")),
        }
    }

    #[test]
    fn the_first_bytes_choose_and_none_is_lost() {
        let large = "x".repeat(100_000);
        for (object, chosen) in [
            ("PAR1", "parquet"),
            (&*format!("PAR1{large}"), "parquet"),
            (&large, "text"),
            ("PAR", "text"),
            ("PAR2", "text"),
            ("", "text"),
        ] {
            let outcome = driver::read(&format(), "key", object.as_bytes());
            let [event] = &outcome.events[..] else {
                unreachable!("one event an object");
            };
            assert_eq!(
                (&*event.tag, &*event.text),
                (chosen, &*object.len().to_string())
            );
            assert_eq!(outcome.end, Err(event.text.clone()));
        }
    }

    #[test]
    fn nothing_is_left_of_an_object_that_broke_off_in_its_first_bytes() {
        let mut extractor = format().extractor(driver::ACCOUNT);
        extractor.window().room()[..3].copy_from_slice(b"PAR");
        extractor.window().commit(3);
        assert!(matches!(extractor.next(), Ok(None)));
        let outcome = driver::read_by(extractor.as_mut(), "key", b"1");
        assert_eq!(
            (&*outcome.events[0].tag, &*outcome.events[0].text),
            ("text", "1")
        );
    }

    #[test]
    fn what_is_wanted_is_for_the_text_to_say() {
        assert!(format().wants("key") && !format().wants("unwanted"));
    }
}
