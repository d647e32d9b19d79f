//! A stored mail as the rest of this module reads it: who, to whom, about what, and in which words.

use super::text::new_text;
use postrider_mime::{AddressList, AutoSubmitted, LooseMailbox, Message, Part};

/// What matters of a mail for classifying it and for acting on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mail {
    /// The first address in From. Without one, nobody can be answered.
    pub from: Option<Address>,
    /// To.
    pub to: Vec<Address>,
    /// Cc.
    pub cc: Vec<Address>,
    /// What the last servers noted of the envelope: Delivered-To, X-Original-To, Envelope-To.
    pub delivered_to: Vec<String>,
    /// Return-Path: the envelope sender; empty for `<>`.
    pub return_path: Option<String>,
    /// The subject, decoded, on one line.
    pub subject: String,
    /// Date, as RFC 3339 in UTC; empty without one.
    pub date: String,
    /// Message-ID without angle brackets.
    pub message_id: Option<String>,
    /// In-Reply-To without angle brackets.
    pub in_reply_to: Vec<String>,
    /// References without angle brackets, oldest first.
    pub references: Vec<String>,
    /// The whole text: the plain one, or the HTML one as text.
    pub text: String,
    /// The HTML, if the mail has any.
    pub html: Option<String>,
    /// The field that says that no person wrote it: `Auto-Submitted: auto-replied`.
    pub automatic: Option<String>,
    /// A delivery report (RFC 3464), if it is one.
    pub report: Option<Report>,
    /// The names of its attachments.
    pub attachments: Vec<String>,
}

/// Somebody's address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// The display name, decoded; empty without one.
    pub name: String,
    /// The address itself: `ada@example.org`.
    pub address: String,
}

/// What a delivery report says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The Message-ID of the mail that it is about, if that mail came along.
    pub original: Option<String>,
    /// What became of each recipient, in the report's words: `ada@example.org failed 5.1.1`.
    pub recipients: Vec<String>,
}

impl Mail {
    /// Reads a mail. Whatever the octets are, they are a mail.
    pub fn parse(raw: &[u8]) -> Self {
        let message = Message::parse(raw);
        let ids = |ids: postrider_mime::MessageIds<'_>| ids.map(|id| id.into_owned()).collect();
        let texts = |name: &str| texts(&message, name);
        let envelope = ["Delivered-To", "X-Original-To", "Envelope-To"];
        Self {
            from: message.from().mailboxes().find_map(address),
            to: addresses(&message.to()),
            cc: addresses(&message.cc()),
            delivered_to: envelope
                .into_iter()
                .flat_map(texts)
                .map(|text| bare(&text))
                .collect(),
            return_path: texts("Return-Path").next().map(|text| bare(&text)),
            subject: message
                .subject()
                .map(|subject| one_line(&subject))
                .unwrap_or_default(),
            date: message
                .date()
                .map(|date| date.to_rfc3339())
                .unwrap_or_default(),
            message_id: message.message_id().map(|id| id.into_owned()),
            in_reply_to: ids(message.in_reply_to()),
            references: ids(message.references()),
            text: message.body_text().unwrap_or_default(),
            html: message.body_html(),
            automatic: automatic(&message),
            report: Report::read(&message),
            attachments: message
                .attachments()
                .iter()
                .map(|part| part.safe_file_name())
                .collect(),
        }
    }

    /// What the writer says, without quotes and signature.
    pub fn new_text(&self) -> String {
        new_text(&self.text)
    }

    /// Every address that the mail came to.
    pub fn destinations(&self) -> impl Iterator<Item = &str> {
        let named = self.to.iter().chain(&self.cc).map(|a| a.address.as_str());
        named.chain(self.delivered_to.iter().map(String::as_str))
    }

    /// The Message-IDs that it answers: In-Reply-To first, then References from the newest back.
    pub fn answers(&self) -> impl Iterator<Item = &str> {
        self.in_reply_to
            .iter()
            .chain(self.references.iter().rev())
            .map(String::as_str)
    }
}

impl Report {
    /// The delivery report in a message, if it is one: `multipart/report; report-type=delivery-status` (RFC 3464 §2).
    fn read(message: &Message<'_>) -> Option<Self> {
        let kind = message.root().content_type();
        if !kind.is("multipart", "report") {
            return None;
        }
        let status = message
            .parts()
            .find(|part| part.content_type().is("message", "delivery-status"))?;
        Some(Self {
            original: message.parts().skip(1).find_map(original),
            recipients: recipients(&status.content().bytes),
        })
    }
}

/// The Message-ID of the mail that came back, whole or as its header alone.
fn original(part: Part<'_>) -> Option<String> {
    if part.content_type().is("text", "rfc822-headers") {
        let content = part.content().bytes;
        return Message::parse(&content)
            .message_id()
            .map(|id| id.into_owned());
    }
    let id = part.header("Message-ID")?.message_ids().next()?;
    Some(id.into_owned())
}

/// The blocks of a delivery report, one for each recipient: who, what became of it, and the status code.
fn recipients(status: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(status).replace("\r\n", "\n");
    let block = |block: &str| {
        let message = Message::parse(block.as_bytes());
        let field = |name: &str| message.header(name).map(|field| one_line(&field.text()));
        let recipient = field("Final-Recipient").or_else(|| field("Original-Recipient"))?;
        // In front of the semicolon stands the type of the address: `rfc822; ada@example.org`.
        let recipient = recipient
            .split_once(';')
            .map_or(recipient.as_str(), |(_, r)| r)
            .trim();
        let action = field("Action").unwrap_or_default();
        let code = field("Status").unwrap_or_default();
        Some(format!("{recipient} {action} {code}").trim_end().to_owned())
    };
    text.split("\n\n").filter_map(block).collect()
}

/// The field that says that no person wrote it (RFC 3834 §2 and §5, and what was in use before).
fn automatic(message: &Message<'_>) -> Option<String> {
    let field = |name: &str| message.header(name).map(|field| one_line(&field.text()));
    let shown = |name: &str, value: String| format!("{name}: {value}");
    let auto_submitted = message.auto_submitted();
    if auto_submitted.is_some_and(|value| value != AutoSubmitted::No) {
        return Some(shown("Auto-Submitted", field("Auto-Submitted")?));
    }
    let kind = message.root().content_type();
    let report = kind.parameter("report-type");
    if let Some(report) =
        report.filter(|report| report.eq_ignore_ascii_case("disposition-notification"))
    {
        return Some(shown(
            "Content-Type",
            format!("multipart/report; report-type={report}"),
        ));
    }
    let words: [(&str, &[&str]); 3] = [
        ("Precedence", &["bulk", "junk", "list", "auto_reply"]),
        // What Exchange writes into its own answers; people's programs ask for less.
        ("X-Auto-Response-Suppress", &["all"]),
        ("X-Autogenerated", &["reply", "forward"]),
    ];
    let said = words.into_iter().find_map(|(name, automatic)| {
        let value = field(name)?;
        let is_automatic = automatic
            .iter()
            .any(|word| value.eq_ignore_ascii_case(word));
        is_automatic.then(|| shown(name, value))
    });
    if said.is_some() {
        return said;
    }
    ["X-Autoreply", "X-Autorespond", "X-Autoresponse", "List-Id"]
        .into_iter()
        .find_map(|name| Some(shown(name, field(name)?)))
}

fn texts<'m>(message: &'m Message<'_>, name: &str) -> impl Iterator<Item = String> + use<'m> {
    let name = name.to_owned();
    let fields = message.headers().filter(move |field| field.is(&name));
    fields.map(|field| one_line(&field.text()))
}

fn addresses(list: &AddressList<'_>) -> Vec<Address> {
    list.mailboxes().filter_map(address).collect()
}

fn address(mailbox: &LooseMailbox<'_>) -> Option<Address> {
    let address = mailbox
        .address
        .as_deref()
        .filter(|address| !address.is_empty())?;
    Some(Address {
        name: mailbox.name.as_deref().map(one_line).unwrap_or_default(),
        address: address.to_owned(),
    })
}

/// An address without its angle brackets.
fn bare(text: &str) -> String {
    let text = text.trim();
    let inside = text
        .strip_prefix('<')
        .and_then(|text| text.strip_suffix('>'));
    inside.unwrap_or(text).trim().to_owned()
}

/// Header texts go into records and onto terminals: no line ends, no control characters.
fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_control() || c == ' ');
    words
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_to_whom_and_about_what() {
        let mail = Mail::parse(
            b"Return-Path: <ada@example.org>\r\nDelivered-To: support+incident.INC1.x@example.org\r\n\
              From: \"Lovelace, Ada\" <ada@example.org>\r\nTo: Support <support@example.org>, b@c\r\n\
              Subject: =?utf-8?q?Re:_Caf=C3=A9?=\r\n =?utf-8?q?_INC0010001?=\r\nDate: Mon, 23 Nov 2026 10:00:00 +0100\r\n\
              Message-ID: <1@x>\r\nIn-Reply-To: <2@y>\r\nReferences: <3@y> <2@y>\r\n\r\nDone.\r\n> old\r\n",
        );
        let from = mail.from.clone().unwrap();
        assert_eq!(
            (from.name.as_str(), from.address.as_str()),
            ("Lovelace, Ada", "ada@example.org")
        );
        assert_eq!(mail.subject, "Re: Caf\u{e9} INC0010001");
        let all = [
            "support@example.org",
            "b@c",
            "support+incident.INC1.x@example.org",
        ];
        assert_eq!(mail.destinations().collect::<Vec<_>>(), all);
        assert_eq!(mail.return_path.as_deref(), Some("ada@example.org"));
        assert_eq!(mail.answers().collect::<Vec<_>>(), ["2@y", "2@y", "3@y"]);
        assert_eq!(mail.date, "2026-11-23T09:00:00Z");
        assert_eq!(mail.text, "Done.\n> old\n");
        assert_eq!(mail.new_text(), "Done.");
        assert_eq!((mail.automatic, mail.report), (None, None));
    }

    #[test]
    fn rfc3834_automatic_mail_is_known_by_its_fields() {
        let by = |header: &str| Mail::parse(format!("{header}\r\n\r\n").as_bytes()).automatic;
        for header in [
            "Auto-Submitted: auto-replied",
            "Auto-Submitted: auto-generated (notice)",
            "Auto-Submitted: x-new",
            "Precedence: Bulk",
            "X-Auto-Response-Suppress: All",
            "X-Autoreply: yes",
            "List-Id: <l.example.org>",
        ] {
            assert_eq!(by(header).as_deref(), Some(header));
        }
        for header in [
            "Auto-Submitted: no",
            "Auto-Submitted: No (a person)",
            "Precedence: first-class",
            "X-Auto-Response-Suppress: OOF",
        ] {
            assert_eq!(by(header), None, "{header}");
        }
        let receipt =
            "Content-Type: multipart/report; report-type=disposition-notification; boundary=b";
        assert!(by(receipt).is_some());
    }

    #[test]
    fn rfc3464_delivery_reports_name_recipients_and_the_mail() {
        let report = |original: &str| {
            format!(
                "From: MAILER-DAEMON@mx\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n\
                 --b\r\n\r\nSorry.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n\
                 Reporting-MTA: dns; mx\r\n\r\nFinal-Recipient: rfc822; bob@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\n\
                 --b\r\nContent-Type: {original}\r\n\r\nMessage-ID: <7.x@example.org>\r\nSubject: s\r\n\r\n--b--\r\n"
            )
        };
        for original in ["message/rfc822", "text/rfc822-headers"] {
            let read = Mail::parse(report(original).as_bytes()).report.unwrap();
            assert_eq!(
                read.original.as_deref(),
                Some("7.x@example.org"),
                "{original}"
            );
            assert_eq!(read.recipients, ["bob@example.org failed 5.1.1"]);
        }
        let other = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n";
        assert_eq!(Mail::parse(other).report, None);
    }

    #[test]
    fn any_octets_are_a_mail() {
        assert_eq!(Mail::parse(b"").from, None);
        let odd = Mail::parse(b"\xff\xfe\r\nFrom: \x1b[2J <a@b>\r\n\r\n\x00");
        assert!(
            odd.from
                .is_none_or(|from| !from.name.chars().any(char::is_control))
        );
    }
}
