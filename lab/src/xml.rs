//! Writing the XML of S3 and STS answers.

/// Builds a document; elements close themselves.
#[derive(Debug)]
pub(crate) struct Writer {
    text: String,
}

impl Writer {
    /// Starts a document with its declaration.
    pub(crate) fn new() -> Self {
        Self {
            text: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned(),
        }
    }

    /// The outermost element, with a namespace unless that is empty.
    pub(crate) fn root(&mut self, name: &str, namespace: &str, content: impl FnOnce(&mut Self)) {
        self.text.push('<');
        self.text.push_str(name);
        if !namespace.is_empty() {
            self.text.push_str(" xmlns=\"");
            self.text.push_str(namespace);
            self.text.push('"');
        }
        self.text.push('>');
        content(self);
        self.close(name);
    }

    /// An element with content.
    pub(crate) fn element(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        self.root(name, "", content);
    }

    /// An element that holds text.
    pub(crate) fn text(&mut self, name: &str, text: &str) {
        self.element(name, |xml| xml.content(text));
    }

    /// Text inside the present element.
    pub(crate) fn content(&mut self, text: &str) {
        for character in text.chars() {
            match character {
                '&' => self.text.push_str("&amp;"),
                '<' => self.text.push_str("&lt;"),
                '>' => self.text.push_str("&gt;"),
                '"' => self.text.push_str("&quot;"),
                '\r' => self.text.push_str("&#13;"),
                other => self.text.push(other),
            }
        }
    }

    /// The document.
    pub(crate) fn finish(self) -> String {
        self.text
    }

    fn close(&mut self, name: &str) {
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push('>');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_reader_gets_the_text_back(text in "[ -~\\r\\n\\u{e9}]{0,40}") {
            let mut xml = Writer::new();
            xml.root("Answer", "urn:x", |xml| xml.text("Key", &text));
            let document = xml.finish();
            let document = roxmltree::Document::parse(&document).expect("well-formed XML");
            let key = document.descendants().find(|node| node.has_tag_name(("urn:x", "Key")));
            let read = key.and_then(|key| key.text()).unwrap_or_default();
            prop_assert_eq!(read, text);
        }
    }
}
