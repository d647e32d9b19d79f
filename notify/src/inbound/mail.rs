//! A stored mail as the rest of this module reads it: who, to whom, about what, and in which words.

use super::automatic;
use super::body::Body;
use super::calendar::CalendarAnswer;
use super::file::MailFile;
use super::report::Report;
use super::spam::Opinions;
use super::text::{may_hide_words, new_text_of, text_of_html, unquoted};
use postrider_mime::{AddressList, LooseMailbox, Message};
use std::borrow::Cow;
use std::collections::HashSet;

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
    /// The whole text: the plain one, or the HTML one as text; that of a winmail.dat where the mail has no other.
    pub text: String,
    /// The HTML, if the mail has any.
    pub html: Option<String>,
    /// True if the text is that of the HTML.
    pub only_html: bool,
    /// Whoever passed the mail on already, by the field that says so: X-Loop, or Delivered-To the second time.
    pub passed_by: Vec<(&'static str, String)>,
    /// The field that says that no person wrote it: `Auto-Submitted: auto-replied`.
    pub automatic: Option<String>,
    /// The field that says that it was sent to masses: `Precedence: bulk`. Some groups write it above what a person wrote.
    pub mass: Option<String>,
    /// The fields that say that it came through a list: `List-Id: <support.example.org>`. It is not answered automatically.
    pub list: Option<String>,
    /// A report about a mail, if it is one.
    pub report: Option<Report>,
    /// What servers on its way said about it.
    pub opinions: Opinions,
    /// What it answers to an invitation.
    pub calendar: Option<CalendarAnswer>,
    /// `high`, `normal` or `low`, by Importance, Priority or X-Priority.
    pub importance: &'static str,
    /// The names of its attachments, and of those in a winmail.dat.
    pub attachments: Vec<String>,
    /// True if it brings another mail as an attachment.
    pub(super) has_message: bool,
    /// The octets of its header.
    pub(super) header: Vec<u8>,
}

/// Somebody's address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// The display name, decoded; empty without one.
    pub name: String,
    /// The address itself: `ada@example.org`.
    pub address: String,
}

impl Mail {
    /// Reads a mail. Whatever the octets are, they are a mail.
    pub fn parse(raw: &[u8]) -> Self {
        let message = Message::parse(raw);
        let ids = |ids: postrider_mime::MessageIds<'_>| ids.map(|id| id.into_owned()).collect();
        let texts = |name: &str| texts(&message, name);
        let body = Body::read(&message);
        let files = MailFile::of(&message);
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
            text: body.text,
            html: body.html,
            only_html: body.only_html,
            passed_by: passed_by(&message),
            automatic: automatic::field(&message),
            mass: automatic::mass(&message),
            list: automatic::list(&message),
            report: Report::read(&message),
            opinions: Opinions::read(&message),
            calendar: CalendarAnswer::read(&message),
            importance: importance(&message),
            attachments: files.iter().map(MailFile::name).collect(),
            has_message: files.iter().any(MailFile::is_message),
            header: message.root().raw_header().to_vec(),
        }
    }

    /// What the writer says, without quotes and signature.
    pub fn new_text(&self) -> String {
        let writer = self.from.as_ref().map_or("", |from| from.name.as_str());
        new_text_of(&self.as_read(), writer)
    }

    /// True if words of the writer may stand inside of what they quote: from somewhere on nobody can tell whose words they are.
    pub(super) fn may_hide_words(&self) -> bool {
        may_hide_words(&self.as_read())
    }

    /// What the writer wrote, with the signature and without quotes.
    pub(super) fn unquoted(&self) -> String {
        unquoted(&self.as_read())
    }

    /// The text as the rules for quotes read it.
    fn as_read(&self) -> Cow<'_, str> {
        match &self.html {
            Some(html) if self.only_html => text_of_html(html).into(),
            _ => self.text.as_str().into(),
        }
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

/// A server adds Delivered-To whenever it delivers: what it delivers for the second time has come back to it.
fn passed_by(message: &Message<'_>) -> Vec<(&'static str, String)> {
    let read = |name: &str| {
        texts(message, name)
            .map(|text| bare(&text))
            .collect::<Vec<_>>()
    };
    let mut passed: Vec<_> = read("X-Loop")
        .into_iter()
        .map(|by| ("X-Loop", by))
        .collect();
    let mut before = HashSet::new();
    let mut delivered = read("Delivered-To").into_iter();
    let twice = delivered.find(|to| !before.insert(to.to_ascii_lowercase()));
    passed.extend(twice.map(|to| ("Delivered-To", to)));
    passed
}

/// Importance (RFC 4021), and what other programs write instead.
fn importance(message: &Message<'_>) -> &'static str {
    let fields = ["Importance", "X-MSMail-Priority", "Priority", "X-Priority"];
    let mut values = fields.into_iter().filter_map(|name| message.header(name));
    let value = values.next().map(|field| field.text().to_ascii_lowercase());
    let first = value
        .as_deref()
        .and_then(|value| value.split_whitespace().next());
    match first {
        Some("high" | "urgent" | "1" | "2") => "high",
        Some("low" | "non-urgent" | "4" | "5") => "low",
        _ => "normal",
    }
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
            "Precedence: Auto_Reply",
            "X-Auto-Response-Suppress: All",
            "X-Autoreply: yes",
        ] {
            assert_eq!(by(header).as_deref(), Some(header));
        }
        for header in [
            "Auto-Submitted: no",
            "Auto-Submitted: No (a person)",
            "Precedence: first-class",
            "X-Auto-Response-Suppress: OOF",
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
            "Subject: Out of office",
        ] {
            assert_eq!(by(header), None, "{header}");
        }
        let receipt =
            "Content-Type: multipart/report; report-type=disposition-notification; boundary=b";
        assert!(by(receipt).is_some());
    }

    #[test]
    fn rfc3834_2_a_list_only_passes_on_what_somebody_wrote() {
        let read = |header: &str| Mail::parse(format!("{header}\r\n\r\n").as_bytes());
        for header in [
            "List-Id: <l.example.org>",
            "Precedence: list",
            "Mailing-List: list l@example.org; contact o@example.org",
            "List-Post: <mailto:l@example.org>",
        ] {
            let mail = read(header);
            assert_eq!((mail.automatic, mail.list.as_deref()), (None, Some(header)));
            let post = "List-Unsubscribe-Post: List-Unsubscribe=One-Click";
            let mass = read(&format!("{header}\r\n{post}"));
            assert_eq!((mass.automatic, mass.mass.as_deref()), (None, Some(post)));
        }
        let bulk = read("Precedence: Bulk");
        assert_eq!((bulk.automatic, bulk.list), (None, None));
        assert_eq!(bulk.mass.as_deref(), Some("Precedence: Bulk"));
        let both = read("Precedence: list\r\nAuto-Submitted: auto-replied");
        assert!(both.automatic.is_some());
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
            assert_eq!(read.originals, ["7.x@example.org"], "{original}");
            let said: Vec<String> = read.recipients.iter().map(ToString::to_string).collect();
            assert_eq!(said, ["bob@example.org failed 5.1.1"]);
            assert!(!read.complaint);
        }
        let other = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n";
        assert_eq!(Mail::parse(other).report, None);
    }

    #[test]
    fn rfc5965_complaints_name_the_recipient_and_the_mail() {
        let read = Mail::parse(
            b"From: fbl@mx\r\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n\
              --b\r\n\r\nSpam.\r\n--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\n\
              User-Agent: x/1\r\nVersion: 1\r\nOriginal-Rcpt-To: <bob@example.org>\r\n\
              --b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: <7.x@example.org>\r\n\r\n\r\n--b--\r\n",
        );
        let report = read.report.unwrap();
        assert!(report.complaint);
        assert_eq!(
            report.recipients[0].to_string(),
            "bob@example.org complained"
        );
        assert_eq!(report.originals, ["7.x@example.org"]);
    }

    #[test]
    fn however_often_a_mail_was_delivered_it_is_read_once() {
        let fields: String = (0..20_000)
            .map(|n| format!("Delivered-To: u{n}@example.org\r\n"))
            .collect();
        let passed = |more: &str| Mail::parse(format!("{fields}{more}\r\n").as_bytes()).passed_by;
        assert_eq!(passed(""), []);
        let again = "U7@example.org".to_owned();
        assert_eq!(
            passed("Delivered-To: U7@example.org\r\n"),
            [("Delivered-To", again)]
        );
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
