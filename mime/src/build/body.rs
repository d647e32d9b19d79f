//! Writing body parts: the delimiters between them, their content fields and their content.

use std::io;

use super::fold::Field;
use super::leaf::{Leaf, append, domain_of};
use super::sink::Sink;
use super::tree::Node;
use crate::coding::TransferEncoding;

/// Writes body parts to a sink, in one pass.
pub(super) struct BodyWriter<'w, S> {
    out: &'w mut S,
    /// The first part of every boundary.
    stem: &'w str,
    multiparts: usize,
    /// The number of the innermost multipart that is open.
    innermost: Option<usize>,
}

/// A multipart that is open: it knows the one around it, which goes on when this one is closed.
#[must_use = "a multipart is to be closed"]
pub(super) struct Open {
    outer: Option<usize>,
}

impl<'a, 'w, S: Sink<'a>> BodyWriter<'w, S> {
    pub(super) fn new(out: &'w mut S, stem: &'w str) -> Self {
        Self {
            out,
            stem,
            multiparts: 0,
            innermost: None,
        }
    }

    /// Writes the content fields, the empty line and the content of a part.
    pub(super) fn leaf(&mut self, leaf: &Leaf<'a>) -> io::Result<()> {
        self.delimiter("\r\n");
        let encoding = leaf.encoding(self.stem.as_bytes());
        let out = self.out.buffer();
        leaf.write_header(encoding, out);
        out.extend_from_slice(b"\r\n");
        self.out.content(leaf.content(), encoding)
    }

    /// Writes the content fields of a multipart; what follows, up to [`close`](Self::close), are its parts.
    ///
    /// `domain` is what the parts ask of transport (RFC 2045 §6.4).
    pub(super) fn open(&mut self, subtype: &str, domain: TransferEncoding) -> Open {
        self.delimiter("\r\n");
        let number = Number::of(self.multiparts);
        let mut field = Field::begin(self.out.buffer(), "Content-Type");
        field.pieces(&["multipart/", subtype, ";"]);
        field.pieces(&["boundary=\"", self.stem, ".", number.as_str(), "\""]);
        field.end();
        if domain != TransferEncoding::SevenBit {
            let out = self.out.buffer();
            append(out, &["Content-Transfer-Encoding: ", domain.name(), "\r\n"]);
        }
        let outer = self.innermost.replace(self.multiparts);
        self.multiparts += 1;
        Open { outer }
    }

    pub(super) fn close(&mut self, multipart: Open) {
        self.delimiter("--\r\n");
        self.innermost = multipart.outer;
    }

    pub(super) fn node(&mut self, node: &Node<'a>) -> io::Result<()> {
        match node {
            Node::Leaf(leaf) => self.leaf(leaf),
            Node::Multipart {
                subtype, children, ..
            } => {
                let multipart = self.open(subtype, domain_of(node.leaves()));
                // As deep as `BodyPart` allows.
                for child in children {
                    self.node(child)?;
                }
                self.close(multipart);
                Ok(())
            }
        }
    }

    /// Writes the delimiter line of the innermost multipart.
    fn delimiter(&mut self, end: &str) {
        let Some(number) = self.innermost else {
            return;
        };
        let number = Number::of(number);
        append(
            self.out.buffer(),
            &["\r\n--", self.stem, ".", number.as_str(), end],
        );
    }
}

/// A number of two digits at least.
struct Number {
    digits: [u8; 20],
    first: usize,
}

impl Number {
    fn of(number: usize) -> Self {
        let mut number = number;
        let mut this = Self {
            digits: [b'0'; 20],
            first: 20,
        };
        for (place, digit) in this.digits.iter_mut().enumerate().rev() {
            *digit += (number % 10) as u8;
            number /= 10;
            this.first = place;
            if number == 0 && place <= 18 {
                break;
            }
        }
        this
    }

    fn as_str(&self) -> &str {
        let digits = self.digits.get(self.first..).unwrap_or_default();
        std::str::from_utf8(digits).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_two_digits_at_least() {
        for (number, text) in [(0, "00"), (7, "07"), (42, "42"), (100, "100")] {
            assert_eq!(Number::of(number).as_str(), text);
        }
        assert_eq!(Number::of(usize::MAX).as_str(), usize::MAX.to_string());
    }
}
