//! Blocks of header fields within the content of a report.

use crate::date_time::DateTime;
use crate::field::HeaderField;
use crate::grammar::cfws::skip_cfws;
use crate::index::header_block::{empty_line, field, field_end};

/// A value with its type: `rfc822; ann@example.net`, `dns; mx.example.org`, `smtp; 550 no such user` (RFC 3464 §2.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typed {
    /// The type, in lower case; empty where none was given.
    pub kind: String,
    /// The value.
    pub value: String,
}

impl Typed {
    /// ```text
    /// generic-address = address-type ";" text
    /// ```
    ///
    /// We also accept a value without a type, because some senders leave it out.
    fn read(field: HeaderField<'_>) -> Self {
        let text = field.text();
        match text.split_once(';') {
            Some((kind, value)) if kind.trim().bytes().all(|b| b.is_ascii_graphic()) => Self {
                kind: kind.trim().to_ascii_lowercase(),
                value: bare(value),
            },
            _ => Self {
                kind: String::new(),
                value: bare(&text),
            },
        }
    }
}

/// The value without white space around it, and without the brackets that some put around an address.
fn bare(value: &str) -> String {
    let value = value.trim();
    value
        .strip_prefix('<')
        .and_then(|v| v.strip_suffix('>'))
        .unwrap_or(value)
        .to_owned()
}

/// Fields up to an empty line.
pub(super) struct Block<'c> {
    fields: Vec<HeaderField<'c>>,
}

/// Splits content into its blocks; empty ones are left out.
pub(super) fn blocks(content: &[u8]) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut fields = Vec::new();
    let mut at = 0;
    while let Some(rest) = content.get(at..).filter(|r| !r.is_empty()) {
        if let Some(length) = empty_line(rest) {
            at += length;
            if !fields.is_empty() {
                blocks.push(Block {
                    fields: std::mem::take(&mut fields),
                });
            }
            continue;
        }
        let Some((end, next)) = field_end(rest, 0, true) else {
            break;
        };
        let record = field(rest, end, at);
        fields.extend(record.map(|record| HeaderField {
            source: content,
            record,
        }));
        at += next;
    }
    if !fields.is_empty() {
        blocks.push(Block { fields });
    }
    blocks
}

impl<'c> Block<'c> {
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = HeaderField<'c>> {
        self.fields.iter().copied().filter(move |f| f.is(name))
    }

    pub(super) fn field(&self, name: &str) -> Option<HeaderField<'c>> {
        self.all(name).next()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.field(name).is_some()
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        Some(self.field(name)?.text().into_owned())
    }

    pub(super) fn typed(&self, name: &str) -> Option<Typed> {
        self.field(name).map(Typed::read)
    }

    pub(super) fn date(&self, name: &str) -> Option<DateTime> {
        self.field(name)?.date()
    }

    /// The first word of a value, in lower case.
    pub(super) fn word(&self, name: &str) -> Option<String> {
        let rest = skip_cfws(self.field(name)?.raw()).0;
        let length = rest
            .iter()
            .take_while(|b| b.is_ascii_graphic() && !b";(/,".contains(b))
            .count();
        let word = String::from_utf8_lossy(rest.get(..length)?).to_ascii_lowercase();
        (!word.is_empty()).then_some(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_parted_by_empty_lines_however_many() {
        let names: Vec<_> = blocks(b"\n\nA: b\nC: d\n\n\nE: f\n")
            .iter()
            .map(|block| {
                let names = block.fields.iter().map(|field| field.name().to_owned());
                names.collect::<Vec<_>>().join(" ")
            })
            .collect();
        assert_eq!(names, ["A C", "E"]);
    }

    #[test]
    fn rfc3464_2_1_2_a_type_is_one_word() {
        for (field, kind, value) in [
            ("A: RFC822; <a@b>\n", "rfc822", "a@b"),
            ("A: smtp; 550 no; really\n", "smtp", "550 no; really"),
            ("A: no user; sorry\n", "", "no user; sorry"),
            ("A: a@b\n", "", "a@b"),
        ] {
            let typed = blocks(field.as_bytes())[0].typed("a").unwrap();
            assert_eq!((&*typed.kind, &*typed.value), (kind, value));
        }
    }
}
