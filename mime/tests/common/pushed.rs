//! A message that was read as a whole and one that arrived in pieces, told in the same words.

use postrider_mime::{Buffers, DefectKind, Limits, Message, Part, PushEvent, PushParser};

/// A part in words: number, number of the part that it is in, span, header fields, and the bytes of its own body.
fn part_in_words(
    id: usize,
    within: Option<usize>,
    span: std::ops::Range<usize>,
    fields: &[std::ops::Range<usize>],
    body: &[u8],
) -> String {
    let body = body.escape_ascii();
    format!("{id} in {within:?} at {span:?}: {fields:?} {body}")
}

/// What a message read as a whole is: its parts and its defects.
///
/// What a push parser leaves closed is left closed: messages under a transfer encoding.
pub(crate) fn whole(bytes: &[u8], limits: &Limits) -> (Vec<String>, Vec<String>) {
    let mut limits = limits.clone();
    limits.encoded_nesting = 0;
    let message = Message::parse_with(bytes, &limits, Buffers::default());
    let parts = message.parts().map(|part| {
        let fields: Vec<_> = part.headers().map(|field| field.span()).collect();
        let within = part.parent().map(|p| p.id().index());
        let body = own_body(part);
        part_in_words(part.id().index(), within, part.span(), &fields, &body)
    });
    let opened = |defect: &&postrider_mime::Defect| {
        let closed = message
            .part(defect.part)
            .is_some_and(|part| part.first_child().is_none() && !part.is_multipart());
        !(closed && defect.offset == 0 && format!("{defect:?}").contains("DepthLimit"))
    };
    let defects = message.defects().iter().filter(opened);
    (
        parts.collect(),
        defects.map(|defect| format!("{defect:?}")).collect(),
    )
}

/// The body without that of the parts within it, and without delimiter lines.
fn own_body(part: Part<'_>) -> Vec<u8> {
    let body = part.raw_body();
    if !part.is_multipart() {
        let opened = part.first_child().is_some();
        return if opened { Vec::new() } else { body.to_vec() };
    }
    let told = |kind| part.defects().find(|defect| defect.kind == kind);
    if told(DefectKind::MissingDelimiter).is_some() || told(DefectKind::MissingBoundary).is_some() {
        return body.to_vec();
    }
    let source = part.source();
    let start = part.body_span().start;
    // Where the line behind the first delimiter line begins.
    let (mut first, mut rest) = match part.first_child() {
        Some(first) => (first.span().start, part.epilogue()),
        None => (after_close(part), part.epilogue()),
    };
    let last = part.children().last().map_or(start, |last| last.span().end);
    if let Some(limited) = told(DefectKind::PartLimit).filter(|limited| limited.offset >= last) {
        first = part.first_child().map_or(limited.offset, |_| first);
        rest = source
            .get(limited.offset..part.span().end)
            .unwrap_or_default();
    }
    let before = source.get(start..first).unwrap_or_default();
    let before = before.strip_suffix(b"\n").unwrap_or(before);
    let line = before.iter().rposition(|b| *b == b'\n').map_or(0, |at| at);
    let before = before.get(..line).unwrap_or_default();
    [before.strip_suffix(b"\r").unwrap_or(before), rest].concat()
}

/// Where the line behind the close delimiter of a multipart without parts begins.
fn after_close(part: Part<'_>) -> usize {
    let boundary = part.content_type().boundary().unwrap_or_default();
    let close = [b"--", boundary.trim_ascii_end(), b"--"].concat();
    let mut at = part.body_span().start;
    let body = part.source().get(at..).unwrap_or_default();
    for line in body.split_inclusive(|b| *b == b'\n') {
        at += line.len();
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let padding = line.strip_prefix(&close[..]);
        if padding.is_some_and(|rest| rest.iter().all(|b| matches!(b, b' ' | b'\t'))) {
            break;
        }
    }
    at
}

#[derive(Default)]
struct Arriving {
    id: usize,
    within: Option<usize>,
    start: usize,
    fields: Vec<std::ops::Range<usize>>,
    headers: usize,
    body: Vec<u8>,
}

/// The same of a message that arrives in pieces of these lengths, over and over.
///
/// Checks on the way that parts stand within one another, have one header each, and that bodies are told where they are.
pub(crate) fn in_pieces(
    bytes: &[u8],
    cuts: &[usize],
    limits: &Limits,
) -> (Vec<String>, Vec<String>) {
    let mut rest = bytes;
    let pieces = cuts.iter().cycle().map_while(|cut| {
        let (now, later) = rest.split_at(rest.len().min(*cut));
        let left = !rest.is_empty();
        rest = later;
        left.then_some(now)
    });
    of_pieces(bytes, pieces, limits)
}

/// The same of a message that arrives in these pieces.
pub(crate) fn of_pieces<'p>(
    bytes: &[u8],
    pieces: impl Iterator<Item = &'p [u8]>,
    limits: &Limits,
) -> (Vec<String>, Vec<String>) {
    let mut parser = PushParser::new(limits.clone());
    let mut told = Told {
        bytes,
        open: Vec::new(),
        parts: Vec::new(),
        defects: Vec::new(),
    };
    for piece in pieces {
        parser.feed(piece);
        while let Some(event) = parser.next_event() {
            told.take(event);
        }
    }
    parser.finish();
    while let Some(event) = parser.next_event() {
        told.take(event);
    }
    assert!(told.open.is_empty(), "every part ends");
    told.parts.sort_by_key(|(id, _)| *id);
    let ids = told.parts.iter().map(|(id, _)| *id);
    assert!(ids.eq(0..told.parts.len()), "every number once");
    let parts = told.parts.into_iter().map(|(_, words)| words);
    (parts.collect(), told.defects)
}

struct Told<'b> {
    bytes: &'b [u8],
    open: Vec<Arriving>,
    parts: Vec<(usize, String)>,
    defects: Vec<String>,
}

impl Told<'_> {
    fn innermost(&mut self, id: usize) -> Option<&mut Arriving> {
        let open = self.open.last_mut();
        assert_eq!(open.as_ref().map(|p| p.id), Some(id), "the innermost part");
        open
    }

    fn take(&mut self, event: PushEvent<'_>) {
        match event {
            PushEvent::PartBegins { part, offset } => self.open.push(Arriving {
                id: part.index(),
                within: self.open.last().map(|p| p.id),
                start: offset,
                ..Arriving::default()
            }),
            PushEvent::Header { part, header } => {
                let bytes = self.bytes;
                let Some(open) = self.innermost(part.index()) else {
                    return;
                };
                open.headers += 1;
                for field in header.headers() {
                    let (from, to) = (
                        open.start + field.span().start,
                        open.start + field.span().end,
                    );
                    let same = bytes.get(from + field.name().len()..to);
                    assert!(same.is_some_and(|same| same.ends_with(field.raw())));
                    open.fields.push(from..to);
                }
            }
            PushEvent::Body {
                part,
                offset,
                bytes,
            } => {
                assert!(!bytes.is_empty());
                assert_eq!(self.bytes.get(offset..offset + bytes.len()), Some(bytes));
                if let Some(open) = self.innermost(part.index()) {
                    open.body.extend_from_slice(bytes);
                }
            }
            PushEvent::PartEnds { part, offset } => {
                let _ = self.innermost(part.index());
                let Some(part) = self.open.pop() else {
                    return;
                };
                assert_eq!(part.headers, 1, "a header a part");
                let span = part.start..offset;
                let words = part_in_words(part.id, part.within, span, &part.fields, &part.body);
                self.parts.push((part.id, words));
            }
            PushEvent::Defect(defect) => self.defects.push(format!("{defect:?}")),
            other => self
                .defects
                .push(format!("an event of no kind that is known: {other:?}")),
        }
    }
}
