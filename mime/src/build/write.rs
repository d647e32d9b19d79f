//! Writing what a builder was given.

use super::body::{BodyWriter, Leaf, Node, Sink};
use super::fold::Field;
use super::words::HeaderCharset;
use super::{BuildError, HeaderValue, MessageBuilder, identity, words};
use crate::mailbox::Mailbox;
use crate::message_id::MessageId;
use crate::value_error::ValueError;

impl<'a> MessageBuilder<'a> {
    pub(super) fn write(&self, out: &mut impl Sink) -> Result<(), BuildError> {
        let body = self.tree();
        let mut header = Vec::with_capacity(1024);
        let stem = self.write_header(&mut header)?;
        BodyWriter {
            out,
            stem: &stem,
            multiparts: 0,
        }
        .part(&body, &mut header)?;
        Ok(())
    }

    /// The tree of parts: text and HTML as alternatives, what the HTML shows beside it, attachments behind them.
    fn tree(&self) -> Node<'_> {
        let text = self
            .text
            .as_deref()
            .map(|text| Node::Leaf(Leaf::text("plain", text)));
        let html = self
            .html
            .as_deref()
            .map(|html| Node::Leaf(Leaf::text("html", html)));
        // What no HTML shows is a file like any other.
        let (shown, others) = if html.is_some() {
            (&*self.inlines, &[][..])
        } else {
            (&[][..], &*self.inlines)
        };
        let html = html.map(|html| multipart("related", html, leaves(shown)));
        let given = self.body.as_ref().map(|part| part.0.reborrow());
        let alternatives = text
            .into_iter()
            .chain(given)
            .chain(html)
            .chain(leaves(&self.alternatives));
        let body = several("alternative", alternatives.collect());
        multipart(
            "mixed",
            body,
            leaves(others).chain(leaves(&self.attachments)),
        )
    }

    /// Writes the fields that are not about the content; gives the stem of the boundaries.
    fn write_header(&self, out: &mut Vec<u8>) -> Result<String, BuildError> {
        if let Some((field, reason)) = &self.error {
            return Err(BuildError::invalid(field, *reason));
        }
        let Some(author) = self.from.first() else {
            return Err(BuildError::NoFrom);
        };
        let now = identity::Now::of(self.date)?;
        let mut date = Field::begin(out, "Date");
        date.piece(&now.date.to_string());
        date.end();
        self.mailboxes(out, "From", &self.from)?;
        self.mailboxes(out, "Sender", &self.sender)?;
        self.mailboxes(out, "Reply-To", &self.reply_to)?;
        self.mailboxes(out, "To", &self.to)?;
        self.mailboxes(out, "Cc", &self.cc)?;
        if let Some(subject) = &self.subject {
            self.unstructured(out, "Subject", subject);
        }
        let mut digest = identity::Digest::new(now.salt);
        digest.text(out);
        for text in [&self.text, &self.html].into_iter().flatten() {
            digest.text(text.as_bytes());
        }
        for leaf in self.leaves() {
            digest.sample(&leaf.content);
        }
        let id = match &self.message_id {
            Some(id) => id.clone(),
            None => digest
                .message_id(author.addr().domain())
                .map_err(|e| BuildError::invalid("Message-ID", e))?,
        };
        ids(out, "Message-ID", &[id]);
        ids(out, "In-Reply-To", &self.in_reply_to);
        ids(out, "References", &self.references);
        for (name, value) in &self.headers {
            match value {
                HeaderValue::Text(text) => self.unstructured(out, name, text),
                HeaderValue::Pieces(pieces) => {
                    let mut field = Field::begin(out, name);
                    pieces.iter().for_each(|piece| field.piece(piece));
                    field.end();
                }
            }
        }
        out.extend_from_slice(&self.raw_headers);
        out.extend_from_slice(b"MIME-Version: 1.0\r\n");
        Ok(self
            .boundary
            .as_ref()
            .map_or_else(|| digest.boundary(), |b| b.to_string()))
    }

    fn unstructured(&self, out: &mut Vec<u8>, name: &str, value: &str) {
        let mut field = Field::begin(out, name);
        words::unstructured(&mut field, value, self.charset);
        field.end();
    }

    fn mailboxes(
        &self,
        out: &mut Vec<u8>,
        name: &str,
        mailboxes: &[Mailbox],
    ) -> Result<(), BuildError> {
        if mailboxes.is_empty() {
            return Ok(());
        }
        let mut field = Field::begin(out, name);
        for (i, mailbox) in mailboxes.iter().enumerate() {
            if !mailbox.addr().is_ascii() && self.charset == HeaderCharset::Ascii {
                return Err(BuildError::invalid(name, ValueError::NotAscii));
            }
            let comma = if i + 1 < mailboxes.len() { "," } else { "" };
            match mailbox.name() {
                Some(display) => {
                    words::phrase(&mut field, display, self.charset);
                    field.piece(&format!("<{}>{comma}", mailbox.addr()));
                }
                None => field.piece(&format!("{}{comma}", mailbox.addr())),
            }
        }
        field.end();
        Ok(())
    }
}

fn ids(out: &mut Vec<u8>, name: &str, ids: &[MessageId]) {
    if ids.is_empty() {
        return;
    }
    let mut field = Field::begin(out, name);
    ids.iter().for_each(|id| field.piece(&id.to_string()));
    field.end();
}

fn leaves<'b>(leaves: &'b [Leaf<'_>]) -> impl Iterator<Item = Node<'b>> {
    leaves.iter().map(Leaf::reborrow).map(Node::Leaf)
}

/// Puts `first` and `others` into a multipart, if there are others.
fn multipart<'b>(
    subtype: &'b str,
    first: Node<'b>,
    others: impl Iterator<Item = Node<'b>>,
) -> Node<'b> {
    several(subtype, std::iter::once(first).chain(others).collect())
}

/// Puts parts into a multipart, if there are several. No part at all is an empty text.
fn several<'b>(subtype: &'b str, mut children: Vec<Node<'b>>) -> Node<'b> {
    match children.len() {
        0 => Node::Leaf(Leaf::text("plain", "")),
        1 => children.remove(0),
        _ => Node::Multipart {
            subtype: subtype.into(),
            children,
        },
    }
}
