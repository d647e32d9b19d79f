//! The second look at multiparts in which no line is a delimiter ([`Delimiters::Loose`](crate::Delimiters::Loose)).
//!
//! A body is read again as often as multiparts without delimiters stand within one another, which
//! [`Limits::depth`] bounds.

use super::header_state::HeaderState;
use super::indexer::Indexer;
use super::window::{Whole, Window};
use super::{Index, PartRecord};
use crate::defect::DefectKind;
use crate::limits::Limits;
use crate::shape::classify;

/// Reads each multipart without delimiters again, and those that are found in them. Transfer-encoded messages that are found
/// are added to `encoded`.
pub(crate) fn read_loosely(
    index: &mut Index,
    bytes: &[u8],
    limits: &Limits,
    encoded: &mut Vec<u32>,
) {
    let mut next = 0;
    while let Some(defect) = index.defects.get(next).copied() {
        next += 1;
        if defect.kind == DefectKind::MissingDelimiter {
            encoded.extend(read_again(index, defect.part.0, bytes, limits));
        }
    }
}

/// Reads one multipart again. Gives the transfer-encoded messages in it.
fn read_again(index: &mut Index, part: u32, bytes: &[u8], limits: &Limits) -> Vec<u32> {
    let Some(record) = index.part(part).copied() else {
        return Vec::new();
    };
    // Positions are those of the whole, which ends where the multipart does.
    let message = Whole::new(bytes.get(..record.end as usize).unwrap_or(bytes));
    let Some(boundary) = boundary(index, &record, message, limits) else {
        return Vec::new();
    };
    let left = Limits {
        // The multipart itself is counted twice.
        parts: (limits.parts + 1).saturating_sub(index.parts.len()),
        fields: limits.fields.saturating_sub(index.fields.len()),
        ..limits.clone()
    };
    let (mut again, _, encoded) = Indexer::again(left, record, &boundary).read(message);
    let Some(first) = again.parts.get(1).map(|part| part.start as usize) else {
        return Vec::new();
    };
    again.defect(DefectKind::LooseDelimiter, first, 0);
    let number = index.graft_parts(again, part);
    encoded.into_iter().map(number).collect()
}

fn boundary<'b>(
    index: &Index,
    record: &PartRecord,
    message: impl Window<'b>,
    limits: &Limits,
) -> Option<Vec<u8>> {
    let mut header = HeaderState::new(record.start as usize);
    for field in index.fields_of(record) {
        header.note(field);
    }
    let content = classify(&header, message, || false, limits.parameters)?;
    content.boundary.map(|boundary| boundary.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Delimiters, Message};

    fn read(text: &str, limits: Limits) -> Message<'_> {
        let limits = Limits {
            delimiters: Delimiters::Loose,
            ..limits
        };
        Message::parse_with(text.as_bytes(), &limits, Default::default())
    }

    /// A multipart without one exact delimiter, and the same with exact ones.
    fn both(children: usize) -> (String, String) {
        let of = |text: &str| {
            let child = format!("--b{text}\nSubject: x\n\nbody\n").repeat(children);
            format!("Content-Type: multipart/mixed; boundary=b\n\n{child}--b--{text}\n")
        };
        (of(" text"), of(""))
    }

    #[test]
    fn rfc2046_5_1_1_parts_behind_loose_delimiters_are_linked_as_any_are() {
        let encoded = crate::coding::base64::encode_word(b"Subject: d\n\nfour");
        let text = format!(
            "Subject: o\nContent-Type: multipart/mixed; boundary=o\n\n--o\n\
             Subject: i\nContent-Type: multipart/mixed; boundary=i\n\npre\n--i x\nSubject: a\n\none\n--i y\n\
             Subject: b\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n{encoded}\n--i-- z\npost\n\
             --o\nSubject: c\n\nthree\n--o--\n"
        );
        let message = read(&text, Limits::default());
        let number = |part: Option<crate::Part<'_>>| part.map(|part| part.id().index());
        let links: Vec<_> = message
            .parts()
            .map(|part| {
                let subject = part.header("Subject").unwrap().text().into_owned();
                let (child, next) = (number(part.first_child()), number(part.next_sibling()));
                (subject, number(part.parent()), child, next)
            })
            .collect();
        let part = |name: &str, parent, child, next| (name.to_owned(), parent, child, next);
        let expected = [
            part("o", None, Some(1), None),
            part("i", Some(0), Some(3), Some(2)),
            part("a", Some(1), None, Some(4)),
            part("b", Some(1), Some(5), None),
            part("d", Some(4), None, None),
            part("c", Some(0), None, None),
        ];
        assert_eq!(links, expected);
        let depths: Vec<_> = message.index.parts.iter().map(|p| p.depth).collect();
        assert_eq!(depths, [0, 1, 1, 2, 2, 3]);
        let parts: Vec<_> = message.parts().collect();
        assert_eq!(
            (parts[1].preamble(), parts[1].epilogue()),
            (&b"pre"[..], &b"post"[..])
        );
        assert_eq!(
            (parts[2].raw_body(), parts[4].raw_body()),
            (&b"one"[..], &b"four"[..])
        );
        let at = |what: &str| text.find(what).unwrap();
        let expected = [
            (DefectKind::MissingDelimiter, 1, at("--o\nSubject: c")),
            (DefectKind::EncodedContainer, 4, at("Subject: b")),
            (DefectKind::LooseDelimiter, 1, at("Subject: a")),
        ];
        let defects = message
            .defects()
            .iter()
            .map(|d| (d.kind, d.part.index(), d.offset));
        assert_eq!(defects.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_part_is_told_of_under_the_number_it_has_in_the_whole() {
        let text = "Content-Type: multipart/mixed; boundary=b\n\n--b x\nSubject: a\nSubject: b\n\n--b y\njunk\nA: b\n\n--b-- z\n";
        let message = read(text, Limits::default());
        let of = |kind| {
            let mut defects = message.defects().iter().filter(move |d| d.kind == kind);
            defects.next().map(|d| d.part.index())
        };
        assert_eq!(of(DefectKind::DuplicateField), Some(1));
        assert_eq!(of(DefectKind::JunkLine), Some(2));
        assert_eq!(of(DefectKind::LooseDelimiter), Some(0));
    }

    #[test]
    fn loose_parts_and_their_fields_count_towards_the_limits_as_any_do() {
        let (loose, exact) = both(4);
        for limit in 1..8 {
            let limits = Limits {
                parts: limit,
                ..Limits::default()
            };
            let parts = |text: &str| read(text, limits.clone()).parts().count();
            assert_eq!(
                (parts(&loose), parts(&exact)),
                (limit.min(5), limit.min(5)),
                "{limit}"
            );
            let limits = Limits {
                fields: limit,
                ..Limits::default()
            };
            let fields = |text: &str| {
                let message = read(text, limits.clone());
                message
                    .parts()
                    .map(|part| part.headers().count())
                    .sum::<usize>()
            };
            assert_eq!(
                (fields(&loose), fields(&exact)),
                (limit.min(5), limit.min(5)),
                "{limit}"
            );
        }
    }

    #[test]
    fn a_multipart_that_has_no_delimiter_at_all_stays_without_parts() {
        for text in [
            "Content-Type: multipart/mixed; boundary=b\n\ntext\n",
            "Content-Type: multipart/mixed; boundary=b\n\n--bx y\n",
        ] {
            let message = read(text, Limits::default());
            let defects: Vec<_> = message.defects().iter().map(|d| d.kind).collect();
            assert_eq!(message.parts().count(), 1, "{text}");
            assert_eq!(defects, [DefectKind::MissingDelimiter], "{text}");
        }
    }
}
