//! The header of a message as a program wrote it: its fields can be looked at, left out and put in front; every octet of
//! the others stays.

/// A message taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Draft {
    /// Name and whole field, its line ends included, in their order.
    fields: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Draft {
    /// Takes apart what has CRLF at the end of its lines. The header ends at an empty line, or where a line is no field. A byte order
    /// mark before the first field is none of it.
    pub(super) fn parse(message: &[u8]) -> Self {
        let mut draft = Self::default();
        let mut at = 0;
        for whole in message.split_inclusive(|&b| b == b'\n') {
            let line = match draft.fields.is_empty() {
                true => without_mark(whole),
                false => whole,
            };
            let is_folded = matches!(line.first(), Some(b' ' | b'\t'));
            match (draft.fields.last_mut(), field_name(line)) {
                (Some((_, field)), _) if is_folded => field.extend_from_slice(line),
                (_, Some(name)) => draft.fields.push((name, line.to_vec())),
                // What an mbox has in front of a message is no part of it.
                (None, None) if at == 0 && line.starts_with(b"From ") => {}
                _ => {
                    if line == b"\r\n" {
                        at += line.len();
                    }
                    break;
                }
            }
            at += whole.len();
        }
        draft.body = message.get(at..).unwrap_or_default().to_vec();
        draft
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.fields
            .iter()
            .any(|(n, _)| n.eq_ignore_ascii_case(name))
    }

    /// Leaves out all fields of a name.
    pub(super) fn remove(&mut self, name: &str) {
        self.fields.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    }

    /// Puts the fields of another message in front that are missing here, their names with a prefix.
    pub(super) fn complete(&mut self, donor: &Self, names: &[&str], prefix: &str) {
        let wanted = |name: &str| names.iter().any(|n| n.eq_ignore_ascii_case(name));
        let donated = donor.fields.iter().filter(|(name, _)| wanted(name));
        let named = donated.map(|(name, field)| {
            (
                format!("{prefix}{name}"),
                [prefix.as_bytes(), field].concat(),
            )
        });
        let missing: Vec<_> = named.filter(|(name, _)| !self.has(name)).collect();
        self.fields.splice(0..0, missing);
    }

    /// The header alone, ready to be parsed.
    pub(super) fn header(&self) -> Vec<u8> {
        let mut header = Vec::new();
        for (_, field) in &self.fields {
            header.extend_from_slice(field);
            if !field.ends_with(b"\n") {
                header.extend_from_slice(b"\r\n");
            }
        }
        header.extend_from_slice(b"\r\n");
        header
    }

    /// The whole message.
    pub(super) fn into_message(self) -> Vec<u8> {
        let mut message = self.header();
        message.extend_from_slice(&self.body);
        message
    }
}

/// A line that begins a header, without the byte order mark that editors put before a text.
fn without_mark(line: &[u8]) -> &[u8] {
    let begins_header = |line: &&[u8]| field_name(line).is_some() || line.starts_with(b"From ");
    line.strip_prefix("\u{FEFF}".as_bytes())
        .filter(begins_header)
        .unwrap_or(line)
}

/// ```abnf
/// field-name = 1*(%d33-57 / %d59-126) *WSP ":"
/// ```
fn field_name(line: &[u8]) -> Option<String> {
    let colon = line.iter().position(|&b| b == b':')?;
    let name = line.get(..colon)?.trim_ascii_end();
    let is_name = !name.is_empty() && name.iter().all(|b| (33..=126).contains(b));
    is_name.then(|| String::from_utf8_lossy(name).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(message: &str) -> String {
        String::from_utf8(Draft::parse(message.as_bytes()).into_message()).unwrap()
    }

    #[test]
    fn what_is_in_order_is_passed_on_unchanged() {
        for message in [
            "A: 1\r\nB : 2\r\n  folded\r\n\r\nbody: x\r\n\r\nmore",
            "A: 1\r\n\r\n",
            "\r\nbody\r\n",
        ] {
            assert_eq!(again(message), message);
        }
    }

    #[test]
    fn a_header_without_an_end_gets_one() {
        assert_eq!(again("A: 1\r\nbody\r\n"), "A: 1\r\n\r\nbody\r\n");
        assert_eq!(again("no header\r\n"), "\r\nno header\r\n");
        assert_eq!(again("A: 1"), "A: 1\r\n\r\n");
        assert_eq!(again(""), "\r\n");
        assert_eq!(again(" x\r\n"), "\r\n x\r\n");
    }

    #[test]
    fn the_line_of_an_mbox_is_left_out() {
        assert_eq!(
            again("From ada Mon Nov 23\r\nA: 1\r\n\r\nx"),
            "A: 1\r\n\r\nx"
        );
    }

    #[test]
    fn a_byte_order_mark_before_the_first_field_is_left_out() {
        let mail = "Bcc: a@x\r\nTo: b@x\r\n\r\nx";
        for mark in [
            "\u{FEFF}",
            "From ada Mon Nov 23\r\n\u{FEFF}",
            "\u{FEFF}From ada Mon Nov 23\r\n",
        ] {
            assert_eq!(again(&format!("{mark}{mail}")), mail, "{mark:?}");
            let mut draft = Draft::parse(format!("{mark}{mail}").as_bytes());
            draft.remove("Bcc");
            assert_eq!(draft.into_message(), b"To: b@x\r\n\r\nx");
        }
        for text in ["\u{FEFF}Hello\r\n", "\u{FEFF}\r\nHello"] {
            assert_eq!(again(text), format!("\r\n{text}"));
        }
        assert_eq!(again("A: 1\r\n\u{FEFF}B: 2"), "A: 1\r\n\r\n\u{FEFF}B: 2");
    }

    #[test]
    fn fields_are_left_out_whole_and_completed_in_front() {
        let mut draft = Draft::parse(b"bcc: a@x,\r\n b@x\r\nTo: c@x\r\nDate: d\r\n\r\n");
        draft.remove("Bcc");
        draft.complete(
            &Draft::parse(b"Date: e\r\nFrom: f\r\nX: g\r\n\r\n"),
            &["from", "date"],
            "",
        );
        draft.complete(&Draft::parse(b"Date: e\r\n\r\n"), &["date"], "Resent-");
        assert_eq!(
            draft.into_message(),
            b"Resent-Date: e\r\nFrom: f\r\nTo: c@x\r\nDate: d\r\n\r\n"
        );
    }
}
