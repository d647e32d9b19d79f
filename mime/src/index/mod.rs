//! The index of a message: where its parts and header fields are. Made in one pass, without reading any value but the
//! content type of containers.

mod body;
mod delimiter;
mod header;
pub(crate) mod header_block;
mod header_end;
mod header_state;
mod indexer;
mod loose;
mod tell;
mod trail;
mod window;

pub(crate) use delimiter::OpenBoundaries;
pub(crate) use header_state::HeaderState;
pub(crate) use indexer::Indexer;
pub(crate) use loose::read_loosely;
pub(crate) use trail::{Step, Trail};
pub(crate) use window::{LONGEST, Piece, Whole, Window};

use crate::defect::{Defect, DefectKind};
use crate::field_name::FieldId;

/// No part: the absent parent, child or sibling.
pub(crate) const NONE: u32 = u32::MAX;

/// Where one header field is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FieldRecord {
    /// The first byte of the name.
    pub(crate) start: u32,
    /// The byte after the colon.
    pub(crate) value: u32,
    /// The byte after the last one of the value, before its line end.
    pub(crate) end: u32,
    pub(crate) name_length: u16,
    pub(crate) id: FieldId,
}

/// What a part is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Content without structure.
    Leaf,
    /// A multipart; `digest` where its children are messages by default (RFC 2046 §5.1.5).
    Multipart { digest: bool },
    /// A message inside the message (RFC 2046 §5.2.1), opened in place.
    Message,
    /// A message inside the message under a transfer encoding, opened after the pass.
    EncodedMessage,
}

/// Where one part is. Offsets count from the start of its source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PartRecord {
    /// The first byte of the header.
    pub(crate) start: u32,
    /// The first byte of the body.
    pub(crate) body: u32,
    /// The byte after the body; a line break before a delimiter belongs to the delimiter.
    pub(crate) end: u32,
    /// A multipart's first byte after its close delimiter line; [`NONE`] without one.
    pub(crate) epilogue: u32,
    pub(crate) first_field: u32,
    pub(crate) last_field: u32,
    pub(crate) parent: u32,
    pub(crate) first_child: u32,
    pub(crate) next_sibling: u32,
    /// Which bytes the offsets count in: 0 is the input, others are decoded messages.
    pub(crate) source: u16,
    pub(crate) depth: u16,
    pub(crate) shape: Shape,
}

impl PartRecord {
    const fn new(start: u32, parent: u32, depth: u16) -> Self {
        Self {
            start,
            body: start,
            end: start,
            epilogue: NONE,
            first_field: 0,
            last_field: 0,
            parent,
            first_child: NONE,
            next_sibling: NONE,
            source: 0,
            depth,
            shape: Shape::Leaf,
        }
    }

    /// An empty part, for where none is.
    pub(crate) const fn nothing() -> Self {
        Self::new(0, NONE, 0)
    }
}

/// The flat vectors of an index.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    pub(crate) parts: Vec<PartRecord>,
    pub(crate) fields: Vec<FieldRecord>,
    pub(crate) defects: Vec<Defect>,
}

impl Index {
    pub(crate) fn clear(&mut self) {
        self.parts.clear();
        self.fields.clear();
        self.defects.clear();
    }

    /// How many bytes of memory are held.
    pub(crate) fn held(&self) -> usize {
        self.parts.capacity() * size_of::<PartRecord>()
            + self.fields.capacity() * size_of::<FieldRecord>()
            + self.defects.capacity() * size_of::<Defect>()
    }

    #[inline]
    pub(crate) fn part(&self, id: u32) -> Option<&PartRecord> {
        self.parts.get(id as usize)
    }

    #[inline]
    fn part_mut(&mut self, id: u32) -> Option<&mut PartRecord> {
        self.parts.get_mut(id as usize)
    }

    /// Adds a field; it ends after `read` of `all` bytes.
    #[inline]
    pub(crate) fn push_field(&mut self, field: FieldRecord, read: usize, all: usize) {
        push(&mut self.fields, field, read, all);
    }

    /// Adds a part; it begins after `read` of `all` bytes.
    #[inline]
    pub(crate) fn push_part(&mut self, part: PartRecord, read: usize, all: usize) {
        push(&mut self.parts, part, read, all);
    }

    /// The index of a header by itself, which begins at `start` and has `length` bytes.
    pub(crate) fn of_header(&self, part: u32, start: usize, length: usize) -> Self {
        let Some(record) = self.part(part) else {
            return Self::default();
        };
        let shift = |offset: u32| offset - start as u32;
        let fields: Vec<_> = self
            .fields_of(record)
            .iter()
            .map(|field| FieldRecord {
                start: shift(field.start),
                value: shift(field.value),
                end: shift(field.end),
                ..*field
            })
            .collect();
        let header = PartRecord {
            body: length as u32,
            end: length as u32,
            last_field: fields.len() as u32,
            shape: record.shape,
            ..PartRecord::new(0, NONE, 0)
        };
        Self {
            parts: vec![header],
            fields,
            defects: Vec::new(),
        }
    }

    /// Whether a part is a message by default, because it stands in a digest (RFC 2046 §5.1.5).
    pub(crate) fn is_in_digest(&self, part: &PartRecord) -> bool {
        self.part(part.parent)
            .is_some_and(|p| p.shape == Shape::Multipart { digest: true })
    }

    /// The records of the fields of a part.
    pub(crate) fn fields_of(&self, part: &PartRecord) -> &[FieldRecord] {
        self.fields
            .get(part.first_field as usize..part.last_field as usize)
            .unwrap_or_default()
    }

    pub(crate) fn defect(&mut self, kind: DefectKind, offset: usize, part: u32) {
        self.defects.push(Defect {
            kind,
            offset,
            part: crate::PartId(part),
        });
    }

    /// Takes in what was read of the multipart `part` when it was read again: the first part of `other` is the multipart
    /// itself. What another number of a part of `other` becomes is returned.
    pub(crate) fn graft_parts(&mut self, other: Self, part: u32) -> impl Fn(u32) -> u32 + use<> {
        let part_base = self.parts.len() as u32;
        let field_base = self.fields.len() as u32;
        let shift = move |id: u32| match id {
            NONE => NONE,
            0 => part,
            id => id - 1 + part_base,
        };
        let mut parts = other.parts.into_iter();
        if let (Some(again), Some(record)) = (parts.next(), self.part_mut(part)) {
            record.first_child = shift(again.first_child);
            record.epilogue = again.epilogue;
        }
        let source = self.part(part).map_or(0, |record| record.source);
        self.parts.extend(parts.map(|p| PartRecord {
            parent: shift(p.parent),
            first_child: shift(p.first_child),
            next_sibling: shift(p.next_sibling),
            first_field: p.first_field + field_base,
            last_field: p.last_field + field_base,
            source,
            ..p
        }));
        self.fields.extend(other.fields);
        self.defects
            .extend(other.defects.into_iter().map(|d| Defect {
                part: crate::PartId(shift(d.part.0)),
                ..d
            }));
        shift
    }

    /// Takes in the index of a decoded message as the content of `container`, its bytes being source `source`.
    pub(crate) fn graft(&mut self, other: Self, container: u32, source: u16) {
        let part_base = self.parts.len() as u32;
        let field_base = self.fields.len() as u32;
        let shift = |id: u32| if id == NONE { NONE } else { id + part_base };
        let depth = self
            .part(container)
            .map_or(0, |p| p.depth.saturating_add(1));
        self.parts
            .extend(other.parts.into_iter().map(|p| PartRecord {
                parent: if p.parent == NONE {
                    container
                } else {
                    p.parent + part_base
                },
                first_child: shift(p.first_child),
                next_sibling: shift(p.next_sibling),
                first_field: p.first_field + field_base,
                last_field: p.last_field + field_base,
                source,
                depth: p.depth.saturating_add(depth),
                ..p
            }));
        self.fields.extend(other.fields);
        self.defects
            .extend(other.defects.into_iter().map(|d| Defect {
                part: crate::PartId(d.part.0 + part_base),
                ..d
            }));
        if let Some(record) = self.part_mut(container) {
            record.first_child = part_base;
        }
    }
}

/// Adds a record, of which as many may follow as there are bytes for: it ends after `read` of `all` bytes.
#[inline]
pub(crate) fn push<T>(records: &mut Vec<T>, record: T, read: usize, all: usize) {
    if records.len() == records.capacity() {
        make_room(records, read, all);
    }
    records.push(record);
}

/// Makes room for as many records as there will be if the rest of the bytes is like those that were read, within reason:
/// to grow in small steps would copy, and touch, much more memory than it takes.
#[cold]
fn make_room<T>(records: &mut Vec<T>, read: usize, all: usize) {
    const FIRST_BYTES: usize = 512;
    const MOST_TIMES: usize = 16;
    let few = FIRST_BYTES / size_of::<T>().max(1);
    let length = records.len();
    let expected = length.saturating_mul(all) / read.max(1);
    let expected = expected.saturating_add(expected / 16);
    let most = length.saturating_mul(MOST_TIMES);
    let least = length.saturating_add(length / 2);
    records.reserve_exact(expected.clamp(least, most.max(least)).max(few) - length);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_room_for_parts_fields_and_defects() {
        let index = Index {
            parts: Vec::with_capacity(2),
            fields: Vec::with_capacity(30),
            defects: Vec::with_capacity(400),
        };
        let least =
            2 * size_of::<PartRecord>() + 30 * size_of::<FieldRecord>() + 400 * size_of::<Defect>();
        assert!(
            (least..2 * least).contains(&index.held()),
            "{}",
            index.held()
        );
        assert_eq!(Index::default().held(), 0);
    }
    /// How many records of eight bytes there is room for, once the last of so many was read.
    fn room(length: usize, read: usize, all: usize) -> usize {
        let mut records: Vec<u64> = Vec::new();
        records.reserve_exact(length);
        records.resize(length, 0);
        push(&mut records, 1, read, all);
        assert_eq!(records.len(), length + 1);
        records.capacity()
    }

    #[test]
    fn there_is_room_for_as_many_records_as_the_rest_is_likely_to_have() {
        assert_eq!(room(0, 0, 0), 64, "half a kibibyte at first");
        // So many as were read until now, and a sixteenth more.
        assert_eq!(room(64, 1_000, 10_000), 640 + 40);
        assert_eq!(room(64, 0, 3), 192 + 12);
    }

    #[test]
    fn room_grows_by_half_at_least_and_sixteen_times_at_most() {
        assert_eq!(room(100, 1_000, 1_000), 150);
        assert_eq!(room(64, 1_000, 1_000_000), 1_024);
        assert_eq!(room(64, 1_000, usize::MAX), 1_024);
    }

    #[test]
    fn where_there_is_room_none_is_made() {
        let mut records: Vec<u64> = Vec::with_capacity(3);
        let room = records.capacity();
        (0..room as u64).for_each(|n| push(&mut records, n, 1, 1_000));
        assert_eq!(records.capacity(), room);
    }

    #[test]
    fn the_header_of_a_part_by_itself_counts_from_its_own_start_and_has_no_body() {
        let text = "Content-Type: multipart/mixed; boundary=b\n\n--b\nA: one\nSubject: two\n three\n\nbody\n--b--\n";
        let message = crate::Message::parse(text.as_bytes());
        let (start, end) = (text.find("A: one").unwrap(), text.find("body").unwrap());
        let length = end - start;
        let header = message.index.of_header(1, start, length);
        let [part] = &header.parts[..] else {
            panic!("{:?}", header.parts);
        };
        assert_eq!(
            (part.start, part.body, part.end),
            (0, length as u32, length as u32)
        );
        assert_eq!(
            (part.parent, part.first_child, part.first_field),
            (NONE, NONE, 0)
        );
        let places = header
            .fields_of(part)
            .iter()
            .map(|f| (f.start, f.value, f.end));
        assert_eq!(places.collect::<Vec<_>>(), [(0, 2, 6), (7, 15, 26)]);
        let multipart = message.index.of_header(0, 0, 43);
        assert_eq!(multipart.parts[0].shape, Shape::Multipart { digest: false });
        assert!(message.index.of_header(9, 0, 0).parts.is_empty());
    }

    #[test]
    fn rfc2046_5_2_1_the_parts_of_decoded_messages_are_linked_behind_the_others() {
        let inner = |name: &str| {
            let text = format!(
                "Subject: {name}\nContent-Type: multipart/mixed; boundary=i\n\n--i\nA: {name}\n\n1\n--i\nB: {name}\nB: x\nTo: a\nTo: b\n\n2\n--i--\n"
            );
            let text = crate::coding::base64::encode_word(text.as_bytes());
            format!("Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n{text}\n")
        };
        let text = format!(
            "Content-Type: multipart/mixed; boundary=o\n\n--o\n{}--o\n{}--o--\n",
            inner("x"),
            inner("y")
        );
        let message = crate::Message::parse(text.as_bytes());
        let links = message.index.parts.iter();
        let links: Vec<_> = links
            .map(|p| (p.parent, p.first_child, p.next_sibling, p.source, p.depth))
            .collect();
        let expected = [
            (NONE, 1, NONE, 0, 0),
            (0, 3, 2, 0, 1),
            (0, 6, NONE, 0, 1),
            (1, 4, NONE, 1, 2),
            (3, NONE, 5, 1, 3),
            (3, NONE, NONE, 1, 3),
            (2, 7, NONE, 2, 2),
            (6, NONE, 8, 2, 3),
            (6, NONE, NONE, 2, 3),
        ];
        assert_eq!(links, expected);
        let field = |part: usize, name: &str| {
            let part = message.part(crate::PartId(part as u32))?;
            Some(part.header(name)?.text().into_owned())
        };
        assert_eq!(field(4, "A").as_deref(), Some("x"));
        assert_eq!(field(8, "B").as_deref(), Some("y"));
        let defects = message.defects().iter().map(|d| (d.kind, d.part.0));
        let (encoded, twice) = (DefectKind::EncodedContainer, DefectKind::DuplicateField);
        let expected = [(encoded, 1), (encoded, 2), (twice, 5), (twice, 8)];
        assert_eq!(defects.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_depth_beyond_its_numbers_is_the_last_one() {
        let index = |depths: &[u16]| {
            let parts = depths.iter().map(|depth| PartRecord::new(0, NONE, *depth));
            Index {
                parts: parts.collect(),
                ..Index::default()
            }
        };
        for depth in [u16::MAX - 1, u16::MAX] {
            let mut outer = index(&[depth]);
            outer.graft(index(&[0, 1]), 0, 1);
            let depths: Vec<_> = outer.parts.iter().map(|part| part.depth).collect();
            assert_eq!(depths, [depth, u16::MAX, u16::MAX]);
        }
    }

    #[test]
    fn of_a_message_that_was_read_before_nothing_is_left_in_its_buffers() {
        let first = b"junk\nA: b\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\none\n";
        let second = b"Subject: x\n\ntext";
        let limits = crate::Limits::default();
        let buffers = crate::Message::parse(first).into_buffers();
        let again = crate::Message::parse_with(second, &limits, buffers);
        let fields = again.headers().map(|field| field.name().to_owned());
        assert_eq!(fields.collect::<Vec<_>>(), ["Subject"]);
        assert_eq!((again.parts().count(), again.defects()), (1, &[][..]));
        assert_eq!(again.root().raw_body(), b"text");
    }
}
