//! TNEF, the content of `winmail.dat` (Microsoft, MS-OXTNEF): attachments and bodies in a format of their own.
//!
//! ```text
//! TNEFStream = signature key *attribute
//! attribute  = level id length data checksum      ; little-endian
//! ```
//!
//! The names and contents of attachments and the bodies are read, from the old attributes and from the MAPI properties
//! that newer writers put them into. Lengths are compared with what is there before anything is taken. Strings of octets that
//! are no UTF-8 are in the code page that the stream names, and HTML in octets in the one that is named for it.
//!
//! A body in RTF is told as the HTML that it was made of, or as its text, where no other body is there.
//!
//! Not supported: messages within the message, which stay as they are.

mod compressed_rtf;
mod rtf;

use std::borrow::Cow;

use nom::Parser;
use nom::bytes::complete::take;
use nom::number::complete::{le_u8, le_u16, le_u32};

use crate::charset;
use crate::grammar::Parsed;
use crate::part::Part;

const SIGNATURE: u32 = 0x223E_9F78;

/// What a `winmail.dat` holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tnef {
    /// The plain text.
    pub text: Option<String>,
    /// The HTML.
    pub html: Option<String>,
    /// The body in Rich Text Format, its compression (MS-OXRTFCP) taken off. What it says is in the text or the HTML, unless they
    /// were given as well.
    pub rtf: Option<Vec<u8>>,
    /// The attachments.
    pub attachments: Vec<TnefAttachment>,
    /// Whether it breaks off: what could be read is there.
    pub damaged: bool,
}

/// An attachment in a `winmail.dat`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TnefAttachment {
    /// The file name as it was given: see [`safe_name`](Self::safe_name).
    pub name: Option<String>,
    /// The type, where it was told.
    pub content_type: Option<String>,
    /// The Content-ID, where it was told.
    pub content_id: Option<String>,
    /// The content.
    pub content: Vec<u8>,
}

impl TnefAttachment {
    /// A name that is safe to save it under.
    pub fn safe_name(&self) -> String {
        let content_type = crate::ContentType::plain("application", "octet-stream");
        crate::file_name::safe(self.name.as_deref(), &content_type, 0)
    }
}

impl Part<'_> {
    /// What the part holds, if it is a `winmail.dat`.
    pub fn tnef(self) -> Option<Tnef> {
        let content_type = self.content_type();
        let named = content_type.is("application", "ms-tnef")
            || content_type.is("application", "vnd.ms-tnef");
        let named = named
            || self
                .file_name()
                .is_some_and(|n| n.eq_ignore_ascii_case("winmail.dat"));
        if named {
            Tnef::parse(&self.content().bytes)
        } else {
            None
        }
    }
}

impl Tnef {
    /// Reads a `winmail.dat`. `None` for what is none.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (mut rest, (signature, _key)) = (le_u32::<_, nom::error::Error<&[u8]>>, le_u16)
            .parse(bytes)
            .ok()?;
        if signature != SIGNATURE {
            return None;
        }
        let mut tnef = Self::default();
        let mut octets = Octets::default();
        while !rest.is_empty() {
            match attribute(rest) {
                Ok((after, (id, data))) => {
                    rest = after;
                    match id {
                        0x9007 => octets.page = code_page(data),
                        _ => tnef.attribute(id, data, &mut octets),
                    }
                }
                Err(_) => {
                    tnef.damaged = true;
                    break;
                }
            }
        }
        tnef.html = octets.html().or(tnef.html);
        tnef.read_rtf();
        Some(tnef)
    }

    /// Reads the body in RTF for what was not given otherwise.
    fn read_rtf(&mut self) {
        let Some(rtf) = self.rtf.as_deref().filter(|_| self.html.is_none()) else {
            return;
        };
        match rtf::body(rtf) {
            rtf::Body::Html(html) => self.html = Some(html),
            rtf::Body::Text(text) => {
                self.text.get_or_insert(text);
            }
        }
    }

    /// Takes one attribute. The ids are those of MS-OXTNEF §2.1.3.2, without the type in their upper half.
    fn attribute<'d>(&mut self, id: u16, data: &'d [u8], octets: &mut Octets<'d>) {
        let page = octets.page;
        match id {
            0x9002 => self.attachments.push(TnefAttachment::default()),
            0x800C => self.text = Some(string8(data, page)),
            0x9003 => {
                let found = |tag, value: Value<'d>| self.message_property(tag, value, octets);
                let whole = each_property(data, found);
                self.damaged |= !whole;
            }
            _ => {
                let Some(last) = self.attachments.last_mut() else {
                    return;
                };
                match id {
                    0x8010 => last.name = last.name.take().or_else(|| Some(string8(data, page))),
                    0x800F => last.content = data.to_vec(),
                    0x9005 => {
                        let found = |tag, value: Value<'_>| last.property(tag, value, page);
                        self.damaged |= !each_property(data, found);
                    }
                    _ => {}
                }
            }
        }
    }

    fn message_property<'d>(&mut self, id: u16, value: Value<'d>, octets: &mut Octets<'d>) {
        match id {
            0x1000 => self.text = Some(value.text(octets.page)),
            0x1013 if value.kind == BINARY => octets.html = Some(value.bytes),
            0x1013 => self.html = Some(value.text(octets.page)),
            INTERNET_CODE_PAGE if value.kind == INTEGER => {
                octets.html_page = code_page(value.bytes);
            }
            0x1009 => match compressed_rtf::decompress(value.bytes) {
                Some(rtf) => {
                    self.damaged |= !rtf.whole;
                    self.rtf = Some(rtf.bytes);
                }
                None => self.damaged = true,
            },
            _ => {}
        }
    }
}

impl TnefAttachment {
    fn property(&mut self, id: u16, value: Value<'_>, page: Option<u32>) {
        match id {
            0x3707 => self.name = Some(value.text(page)),
            0x370E => self.content_type = Some(value.text(page)),
            0x3712 => self.content_id = Some(value.text(page)),
            0x3701 if self.content.is_empty() => self.content = value.bytes.to_vec(),
            _ => {}
        }
    }
}

/// The code pages, and what waits for its own, which stands behind it.
#[derive(Clone, Copy, Debug, Default)]
struct Octets<'d> {
    /// That of strings.
    page: Option<u32>,
    html: Option<&'d [u8]>,
    html_page: Option<u32>,
}

impl Octets<'_> {
    /// The HTML as text: in UTF-8 where it is that beyond doubt, which text of ASCII only is not (ISO-2022-JP).
    fn html(self) -> Option<String> {
        let html = self.html?;
        let page = self.html_page.or(self.page);
        let is_utf_8 = !html.is_ascii() && charset::utf_8(html).is_some();
        let label = page.filter(|_| !is_utf_8).map(|page| format!("cp{page}"));
        let text = charset::decode(label.as_deref().map(str::as_bytes), html).text;
        Some(text.trim_end_matches('\0').to_owned())
    }
}

fn code_page(data: &[u8]) -> Option<u32> {
    data.first_chunk().map(|page| u32::from_le_bytes(*page))
}

/// `attribute`, as its id and data. The checksum is read and not compared.
fn attribute(input: &[u8]) -> Parsed<'_, (u16, &[u8])> {
    let (rest, (_level, id, _type, length)) = (le_u8, le_u16, le_u16, le_u32).parse(input)?;
    let (rest, data) = take(length).parse(rest)?;
    let (rest, _checksum) = le_u16(rest)?;
    Ok((rest, (id, data)))
}

/// The value of a MAPI property.
#[derive(Clone, Copy)]
struct Value<'d> {
    kind: u16,
    bytes: &'d [u8],
}

/// A string in UTF-16.
const UNICODE: u16 = 0x1F;

/// Octets of no certain meaning.
const BINARY: u16 = 0x0102;

/// A number of 32 bits.
const INTEGER: u16 = 0x03;

/// The property with the code page of HTML in octets (PidTagInternetCodepage).
const INTERNET_CODE_PAGE: u16 = 0x3FDE;

impl Value<'_> {
    fn text(self, page: Option<u32>) -> String {
        match self.kind {
            UNICODE => charset::decode(Some(b"utf-16le"), self.bytes)
                .text
                .trim_end_matches('\0')
                .to_owned(),
            _ => string8(self.bytes, page),
        }
    }
}

/// A string that ends with a NUL, in UTF-8 or a code page.
fn string8(bytes: &[u8], page: Option<u32>) -> String {
    let text: Cow<'_, str> = match (charset::utf_8(bytes), page) {
        (Some(text), _) => text.into(),
        (None, Some(page)) => {
            let label = format!("cp{page}");
            charset::decode_piece(Some(label.as_bytes()), bytes).text
        }
        (None, None) => charset::guess(bytes).text,
    };
    text.trim_end_matches('\0').to_owned()
}

/// Hands the first value of each property that is read to `found`. False when the properties break off.
///
/// ```text
/// properties = count *(type id [named] value)
/// ```
fn each_property<'d>(data: &'d [u8], mut found: impl FnMut(u16, Value<'d>)) -> bool {
    let Ok((mut rest, count)) = le_u32::<_, nom::error::Error<&[u8]>>(data) else {
        return false;
    };
    for _ in 0..count {
        match property(rest) {
            Ok((after, (id, value))) => {
                rest = after;
                if let Some(value) = value {
                    found(id, value);
                }
            }
            Err(_) => return false,
        }
    }
    true
}

fn property(input: &[u8]) -> Parsed<'_, (u16, Option<Value<'_>>)> {
    let (rest, (kind, id)) = (le_u16, le_u16).parse(input)?;
    let (rest, ()) = if id >= 0x8000 {
        name(rest)?
    } else {
        (rest, ())
    };
    let single = kind & !0x1000;
    let fixed = match single {
        0x02 | INTEGER | 0x04 | 0x0A | 0x0B => 4_u32,
        0x05 | 0x06 | 0x07 | 0x14 | 0x40 => 8,
        0x48 => 16,
        0x0D | 0x1E | UNICODE | BINARY => return variable(rest, id, single),
        _ => return super::grammar::no_match(input),
    };
    let (rest, count) = if kind & 0x1000 != 0 {
        le_u32(rest)?
    } else {
        (rest, 1)
    };
    let Some(length) = count.checked_mul(fixed) else {
        return super::grammar::no_match(input);
    };
    let (rest, bytes) = take(length).parse(rest)?;
    // No other of fixed size is read.
    let value = Value {
        kind: single,
        bytes,
    };
    Ok((rest, (id, (id == INTERNET_CODE_PAGE).then_some(value))))
}

/// Values with a length, of which there are a number, each filled up to four bytes.
fn variable(input: &[u8], id: u16, kind: u16) -> Parsed<'_, (u16, Option<Value<'_>>)> {
    let (mut rest, count) = le_u32(input)?;
    let mut first = None;
    for _ in 0..count {
        let (after, bytes) = padded(rest)?;
        first = first.or(Some(Value { kind, bytes }));
        rest = after;
    }
    Ok((rest, (id, first)))
}

fn padded(input: &[u8]) -> Parsed<'_, &[u8]> {
    let (rest, length) = le_u32(input)?;
    let (rest, bytes) = take(length).parse(rest)?;
    // The last filling may be missing.
    let fill = (4 - bytes.len() % 4) % 4;
    Ok((rest.get(fill..).unwrap_or_default(), bytes))
}

/// The name of a property of which the number is not fixed.
fn name(input: &[u8]) -> Parsed<'_, ()> {
    let (rest, (_guid, kind)) = (take(16_usize), le_u32).parse(input)?;
    if kind == 0 {
        return le_u32(rest).map(|(rest, _)| (rest, ()));
    }
    padded(rest).map(|(rest, _)| (rest, ()))
}

#[cfg(test)]
mod tests;
