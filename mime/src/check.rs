//! Everything that is unusual about a message, values included.

use crate::content::{ContentDisposition, ContentType};
use crate::defect::{Defect, DefectKind};
use crate::field::HeaderField;
use crate::field_name::FieldId;
use crate::message::Message;
use crate::part::Part;

impl Message<'_> {
    /// Reads every value once and tells all that is unusual: [`defects`](Self::defects) and those of fields and bodies.
    ///
    /// ```
    /// use postrider_mime::{DefectKind, Message};
    ///
    /// let message = Message::parse(b"From: jo\r\nDate: soon\r\nContent-Transfer-Encoding: base64\r\n\r\n*");
    /// let kinds: Vec<_> = message.check().iter().map(|defect| defect.kind).collect();
    /// assert_eq!(kinds, [DefectKind::BadAddress, DefectKind::BadDate, DefectKind::BadBase64]);
    /// ```
    pub fn check(&self) -> Vec<Defect> {
        let limit = self.limits.parameters;
        let mut found = self.defects().to_vec();
        for part in self.parts() {
            for field in part.headers() {
                let defect = |kind| Defect {
                    kind,
                    offset: field.span().start,
                    part: part.id(),
                };
                found.extend(field_defects(field, limit).into_iter().map(defect));
            }
            if part.first_child().is_none() {
                let body = body_defect(part);
                found.extend(body.map(|kind| Defect {
                    kind,
                    offset: part.body_span().start,
                    part: part.id(),
                }));
            }
        }
        found
    }
}

/// What is wrong with the value of a field, the first of its name or not.
fn field_defects(field: HeaderField<'_>, limit: usize) -> Vec<DefectKind> {
    use FieldId::{Bcc, Cc, Date, From, Reply, ResentDate, Sender, To};
    let mut found = match field.id() {
        FieldId::ContentType => ContentType::parse(field.raw(), limit).defects(),
        FieldId::ContentDisposition => ContentDisposition::parse(field.raw(), limit)
            .map(|d| d.parameters().defects())
            .unwrap_or_default(),
        From | Sender | Reply | To | Cc | Bcc
            if field.addresses().mailboxes().any(|m| !m.regular) =>
        {
            vec![DefectKind::BadAddress]
        }
        Date | ResentDate if field.date().is_none() => vec![DefectKind::BadDate],
        _ => Vec::new(),
    };
    if std::str::from_utf8(field.raw()).is_err() {
        found.push(DefectKind::RawEightBit);
    }
    found
}

/// What is wrong with the encoding of a body, or with the charset of a text.
fn body_defect(part: Part<'_>) -> Option<DefectKind> {
    if part.content_type().main() == "text" {
        part.text().defect
    } else {
        part.content().defect
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_tells_its_defect_where_it_stands() {
        let message = Message::parse(
            b"To: a@b, c d\r\nSubject: \xE9\r\nContent-Type: text; x=\"y\r\n\r\nbody \xE9",
        );
        let found: Vec<_> = message.check().iter().map(|d| (d.kind, d.offset)).collect();
        assert_eq!(
            found,
            [
                (DefectKind::BadAddress, 0),
                (DefectKind::RawEightBit, 14),
                (DefectKind::BadParameter, 26),
                (DefectKind::BadContentType, 26),
                (DefectKind::BadCharset, 54),
            ]
        );
        assert_eq!(Message::parse(b"Subject: fine\r\n\r\nfine").check(), []);
    }

    #[test]
    fn a_repeated_field_tells_its_own_defects() {
        use DefectKind::{BadContentType, BadParameter, DuplicateField, DuplicateParameter};
        for (text, expected) in [
            (
                "Content-Type: text; x=\"y\nContent-Type: a/b\n\n",
                &[(DuplicateField, 25), (BadParameter, 0), (BadContentType, 0)][..],
            ),
            (
                "Content-Type: a/b\nContent-Type: text; x=\"y\n\n",
                &[
                    (DuplicateField, 18),
                    (BadParameter, 18),
                    (BadContentType, 18),
                ],
            ),
            (
                "Content-Disposition: a; b\nContent-Disposition: c; d=e; d=f\n\n",
                &[
                    (DuplicateField, 26),
                    (BadParameter, 0),
                    (DuplicateParameter, 26),
                ],
            ),
        ] {
            let message = Message::parse(text.as_bytes());
            let found: Vec<_> = message.check().iter().map(|d| (d.kind, d.offset)).collect();
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn a_long_field_before_many_of_its_name_is_read_once() {
        for field in ["Content-Type: a/b", "Content-Disposition: a"] {
            let long = format!("{field}{}\n", ";".repeat(1_000_000));
            let text = long + &format!("{field}\n").repeat(50_000);
            let found = Message::parse(text.as_bytes()).check();
            let kinds: Vec<_> = found.iter().map(|d| d.kind).collect();
            let told = [DefectKind::DuplicateField, DefectKind::NoBlankLine];
            assert_eq!(kinds, told);
        }
    }
}
