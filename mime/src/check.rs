//! Everything that is unusual about a message, values included.

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
        let mut found = self.defects().to_vec();
        for part in self.parts() {
            for field in part.headers() {
                let defect = |kind| Defect {
                    kind,
                    offset: field.span().start,
                    part: part.id(),
                };
                found.extend(field_defects(part, field).into_iter().map(defect));
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

fn field_defects(part: Part<'_>, field: HeaderField<'_>) -> Vec<DefectKind> {
    use FieldId::{
        Bcc, Cc, ContentDisposition, ContentType, Date, From, Reply, ResentDate, Sender, To,
    };
    let mut found = match field.id() {
        ContentType => part.content_type().defects(),
        ContentDisposition => part
            .content_disposition()
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
}
