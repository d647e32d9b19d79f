//! Writing what a builder was given.

use std::io;

use super::body::BodyWriter;
use super::fold::Field;
use super::leaf::{Leaf, domain_of};
use super::sink::Sink;
use super::words::HeaderCharset;
use super::{BuildError, HeaderValue, MessageBuilder, identity, words};
use crate::mailbox::Mailbox;
use crate::message_id::MessageId;
use crate::value_error::ValueError;

impl<'a> MessageBuilder<'a> {
    pub(super) fn write(&self, out: &mut impl Sink<'a>) -> Result<(), BuildError> {
        let stem = self.write_header(out.buffer())?;
        let stem = self.apart_from_messages(stem)?;
        self.write_body(&mut BodyWriter::new(out, &stem))?;
        Ok(())
    }

    /// A stem of boundaries that occurs in no message within the message, which no encoding can hide.
    fn apart_from_messages(&self, stem: String) -> Result<String, BuildError> {
        let occurs = |stem: &str| self.all_leaves().any(|leaf| leaf.is_ended_by(stem));
        if !occurs(&stem) {
            return Ok(stem);
        }
        let mut others = ('a'..='z').map(|letter| format!("{stem}{letter}"));
        let other = match self.given.boundary {
            Some(_) => None,
            None => others.find(|stem| !occurs(stem)),
        };
        other.ok_or_else(|| BuildError::invalid("boundary", ValueError::BoundaryOccurs))
    }

    /// All parts that are not text or HTML of the message, and those of the tree made by hand.
    fn all_leaves(&self) -> impl Iterator<Item = &Leaf<'a>> {
        let tree = self.given.body.iter().flat_map(|body| body.0.leaves());
        tree.chain(self.leaves())
    }

    /// The tree of parts: text and HTML as alternatives, what the HTML shows beside it, attachments behind them.
    fn write_body<S: Sink<'a>>(&self, out: &mut BodyWriter<'_, S>) -> Result<(), BuildError> {
        let (shown, others) = self.inlines();
        let has_files = !others.is_empty() || !self.given.attachments.is_empty();
        let mixed = has_files.then(|| out.open("mixed", domain_of(self.all_leaves())));
        let ways = self.ways();
        let alternative = (ways > 1).then(|| {
            let tree = self.given.body.iter().flat_map(|body| body.0.leaves());
            let ways = tree.chain(&self.given.alternatives).chain(shown);
            out.open("alternative", domain_of(ways))
        });
        if let Some(text) = &self.given.text {
            out.leaf(text)?;
        }
        if let Some(part) = &self.given.body {
            out.node(&part.0)?;
        }
        if let Some(html) = &self.given.html {
            write_html(html, shown, out)?;
        }
        self.given
            .alternatives
            .iter()
            .try_for_each(|leaf| out.leaf(leaf))?;
        if let Some(alternative) = alternative {
            out.close(alternative);
        }
        if ways == 0 {
            out.leaf(&Leaf::text("text/plain", "".into()))?;
        }
        for leaf in others.iter().chain(&self.given.attachments) {
            out.leaf(leaf)?;
        }
        if let Some(mixed) = mixed {
            out.close(mixed);
        }
        Ok(())
    }

    /// In how many ways the message can be read.
    fn ways(&self) -> usize {
        usize::from(self.given.text.is_some())
            + usize::from(self.given.body.is_some())
            + usize::from(self.given.html.is_some())
            + self.given.alternatives.len()
    }

    /// What the HTML shows, and what is a file like any other because there is no HTML.
    fn inlines(&self) -> (&[Leaf<'a>], &[Leaf<'a>]) {
        match self.given.html {
            Some(_) => (&self.given.inlines, &[]),
            None => (&[], &self.given.inlines),
        }
    }

    /// Whether there is a boundary to choose.
    fn has_multipart(&self) -> bool {
        self.ways() > 1
            || self.given.body.is_some()
            || !self.given.inlines.is_empty()
            || !self.given.attachments.is_empty()
    }

    /// Writes the fields that are not about the content; gives the stem of the boundaries.
    fn write_header(&self, out: &mut Vec<u8>) -> Result<String, BuildError> {
        if let Some((field, reason)) = &self.given.error {
            return Err(BuildError::invalid(field, *reason));
        }
        let Some(author) = self.given.from.first() else {
            return Err(BuildError::NoFrom);
        };
        let now = identity::Now::of(self.given.date)?;
        out.extend_from_slice(b"Date: ");
        now.date.write(out);
        out.extend_from_slice(b"\r\n");
        self.mailboxes(out, "From", &self.given.from)?;
        self.mailboxes(out, "Sender", &self.given.sender)?;
        self.mailboxes(out, "Reply-To", &self.given.reply_to)?;
        self.mailboxes(out, "To", &self.given.to)?;
        self.mailboxes(out, "Cc", &self.given.cc)?;
        if let Some(subject) = &self.given.subject {
            self.unstructured(out, "Subject", subject);
        }
        let stem = self.identify(author, now.salt, out)?;
        ids(out, "In-Reply-To", &self.given.in_reply_to);
        ids(out, "References", &self.given.references);
        for (name, value) in &self.given.headers {
            match value {
                HeaderValue::Text(text) => self.unstructured(out, name, text),
                HeaderValue::Pieces(pieces) => {
                    let mut field = Field::begin(out, name);
                    pieces.iter().for_each(|piece| field.piece(piece));
                    field.end();
                }
            }
        }
        out.extend_from_slice(&self.given.raw_headers);
        out.extend_from_slice(b"MIME-Version: 1.0\r\n");
        Ok(stem)
    }

    /// Writes the Message-ID; gives the stem of the boundaries. What was not given is made of the header so far and the
    /// content.
    fn identify(
        &self,
        author: &Mailbox,
        salt: u64,
        out: &mut Vec<u8>,
    ) -> Result<String, BuildError> {
        let given = self.given.boundary.as_deref().map(String::from);
        let digest = || {
            let mut digest = identity::Digest::new(salt);
            for text in [&self.given.text, &self.given.html].into_iter().flatten() {
                digest.text(text.content().bytes().unwrap_or_default());
            }
            for leaf in self.all_leaves() {
                digest.text(leaf.file_name.as_deref().unwrap_or_default().as_bytes());
                digest.sample(leaf.content());
            }
            // Last, because it was written only just now.
            digest.text(out);
            digest
        };
        let (id, stem) = match (&self.given.message_id, given) {
            (Some(id), Some(stem)) => (id.clone(), stem),
            (Some(id), None) if !self.has_multipart() => (id.clone(), String::from("=_")),
            (Some(id), None) => {
                let stem = digest().boundary();
                return {
                    ids(out, "Message-ID", std::slice::from_ref(id));
                    Ok(stem)
                };
            }
            (None, given) => {
                let digest = digest();
                let id = digest
                    .message_id(author.addr().domain())
                    .map_err(|e| BuildError::invalid("Message-ID", e))?;
                (id, given.unwrap_or_else(|| digest.boundary()))
            }
        };
        ids(out, "Message-ID", &[id]);
        Ok(stem)
    }

    fn unstructured(&self, out: &mut Vec<u8>, name: &str, value: &str) {
        let mut field = Field::begin(out, name);
        words::unstructured(&mut field, value, self.given.charset);
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
            let addr = mailbox.addr();
            if !addr.is_ascii() && self.given.charset == HeaderCharset::Ascii {
                return Err(BuildError::invalid(name, ValueError::NotAscii));
            }
            let (before, after) = match mailbox.name() {
                Some(display) => {
                    words::phrase(&mut field, display, self.given.charset);
                    ("<", ">")
                }
                None => ("", ""),
            };
            let comma = if i + 1 < mailboxes.len() { "," } else { "" };
            match addr.plain() {
                Some(addr) => field.pieces(&[before, addr, after, comma]),
                None => field.pieces(&[before, &addr.to_string(), after, comma]),
            }
        }
        field.end();
        Ok(())
    }
}

/// Writes HTML and what it shows, which is related to it.
fn write_html<'a, S: Sink<'a>>(
    html: &Leaf<'a>,
    shown: &[Leaf<'a>],
    out: &mut BodyWriter<'_, S>,
) -> io::Result<()> {
    if shown.is_empty() {
        return out.leaf(html);
    }
    let related = out.open("related", domain_of(shown.iter()));
    out.leaf(html)?;
    shown.iter().try_for_each(|leaf| out.leaf(leaf))?;
    out.close(related);
    Ok(())
}

fn ids(out: &mut Vec<u8>, name: &str, ids: &[MessageId]) {
    if ids.is_empty() {
        return;
    }
    let mut field = Field::begin(out, name);
    ids.iter()
        .for_each(|id| field.pieces(&["<", id.as_str(), ">"]));
    field.end();
}
