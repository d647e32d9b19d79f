//! What a reader does: the same questions, each crate asked in its own way.

use std::hint::black_box;

/// postrider-mime.
pub mod ours {
    use super::black_box;
    use postrider_mime::{Buffers, Limits, Message, Part, PushEvent, PushParser};

    /// Header fields and parts found.
    pub fn structure(mail: &[u8]) -> usize {
        Message::parse(mail).parts().count()
    }

    /// The same of a mail that arrives in pieces of 64 KiB, with all that is told on the way.
    pub fn arriving(mail: &[u8]) -> usize {
        let (mut parser, mut parts) = (PushParser::new(Limits::default()), 0);
        let mut take = |parser: &mut PushParser| {
            while let Some(event) = parser.next_event() {
                parts += usize::from(matches!(black_box(event), PushEvent::PartBegins { .. }));
            }
        };
        for piece in mail.chunks(64 << 10) {
            parser.feed(piece);
            take(&mut parser);
        }
        parser.finish();
        take(&mut parser);
        parts
    }

    /// And Subject, the first From, Date and Message-ID read.
    pub fn header(mail: &[u8]) {
        ask(&Message::parse(mail));
    }

    /// The same for many mails, in the memory of the first.
    pub fn headers<'m>(mails: impl IntoIterator<Item = &'m [u8]>) {
        let (limits, mut buffers) = (Limits::default(), Buffers::default());
        for mail in mails {
            let message = Message::parse_with(mail, &limits, buffers);
            ask(&message);
            buffers = message.into_buffers();
        }
    }

    fn ask(message: &Message<'_>) {
        black_box(message.subject());
        let from = message.from();
        black_box(from.first().map(|m| (m.name.as_deref(), m.address.as_deref())));
        black_box(message.date().map(|d| d.to_unix()));
        black_box(message.message_id());
    }

    /// And every leaf decoded, text into UTF-8. Gives the bytes it came to.
    pub fn everything(mail: &[u8]) -> usize {
        let message = Message::parse(mail);
        message.parts().filter(|p| p.first_child().is_none() && !p.is_multipart()).map(leaf).sum()
    }

    fn leaf(part: Part<'_>) -> usize {
        if part.content_type().main() == "text" {
            black_box(part.text()).text.len()
        } else {
            black_box(part.content()).bytes.len()
        }
    }

    /// The mail parsed and its references counted.
    pub fn references(mail: &[u8]) -> usize {
        Message::parse(mail).references().map(black_box).count()
    }

    /// The mail parsed and the mailboxes of Cc read.
    pub fn mailboxes(mail: &[u8]) -> usize {
        Message::parse(mail).cc().mailboxes().filter(|m| black_box(m.address.as_deref()).is_some()).count()
    }

    /// The mail parsed and its subject decoded.
    pub fn subject(mail: &[u8]) -> usize {
        Message::parse(mail).subject().map_or(0, |s| black_box(s).len())
    }

    /// The mail parsed and its text made of what it has.
    pub fn body_text(mail: &[u8]) -> usize {
        Message::parse(mail).body_text().map_or(0, |s| black_box(s).len())
    }

    /// The mail parsed and the name of its file read.
    pub fn file_name(mail: &[u8]) -> usize {
        Message::parse(mail).root().file_name().map_or(0, |s| black_box(s).len())
    }
}

/// mail-parser.
pub mod mail_parser {
    use super::black_box;
    use ::mail_parser::{HeaderForm, Message, MessageBuffers, MessageParser, PartKind};

    /// As it comes. Well-known fields are read while parsing.
    pub fn parser() -> MessageParser {
        MessageParser::new()
    }

    /// With no field read while parsing: what is left is finding fields and parts.
    pub fn lazy_parser() -> MessageParser {
        let mut parser = MessageParser::new();
        for name in [
            "From",
            "To",
            "Cc",
            "Bcc",
            "Reply-To",
            "Sender",
            "Date",
            "Subject",
            "Message-ID",
            "References",
            "In-Reply-To",
            "Return-Path",
            "Received",
            "Comments",
            "Keywords",
            "List-Id",
            "List-Archive",
            "List-Help",
            "List-Owner",
            "List-Post",
            "List-Subscribe",
            "List-Unsubscribe",
            "Resent-From",
            "Resent-To",
            "Resent-Date",
            "MIME-Version",
        ] {
            parser = parser.header(name, HeaderForm::Raw);
        }
        parser
    }

    /// Header fields and parts found.
    pub fn structure(parser: &MessageParser, mail: &[u8]) -> usize {
        parser.parse(mail).map_or(0, |m| m.parts().len())
    }

    /// And Subject, the first From, Date and Message-ID read.
    pub fn header(parser: &MessageParser, mail: &[u8]) {
        if let Some(message) = parser.parse(mail) {
            ask(&message);
        }
    }

    /// The same for many mails, in the memory of the first.
    pub fn headers<'m>(parser: &MessageParser, mails: impl IntoIterator<Item = &'m [u8]>) {
        let mut buffers = MessageBuffers::new();
        for mail in mails {
            if let Some(message) = parser.parse_with(mail, &mut buffers) {
                ask(&message);
                buffers = message.into_buffers();
            }
        }
    }

    fn ask(message: &Message<'_>) {
        black_box(message.subject());
        black_box(message.from().and_then(|f| f.first()).map(|m| (m.name(), m.address())));
        black_box(message.date().map(|d| d.to_timestamp()));
        black_box(message.message_id());
    }

    /// And every leaf decoded, text into UTF-8. Gives the bytes it came to.
    pub fn everything(parser: &MessageParser, mail: &[u8]) -> usize {
        let Some(message) = parser.parse(mail) else {
            return 0;
        };
        let leaf = |part: ::mail_parser::MessagePart<'_>| match part.kind() {
            PartKind::Multipart | PartKind::Message(_) => 0,
            PartKind::Text | PartKind::Html => part.text().map_or(0, |t| black_box(t).len()),
            _ => black_box(part.decoded()).len(),
        };
        message.parts().map(leaf).sum()
    }

    /// The mail parsed and its references counted.
    pub fn references(parser: &MessageParser, mail: &[u8]) -> usize {
        parser.parse(mail).and_then(|m| m.references().map(|r| r.iter().map(black_box).count())).unwrap_or(0)
    }

    /// The mail parsed and the mailboxes of Cc read.
    pub fn mailboxes(parser: &MessageParser, mail: &[u8]) -> usize {
        let message = parser.parse(mail);
        let cc = message.as_ref().and_then(|m| m.cc());
        cc.map_or(0, |cc| cc.mailboxes().filter(|m| black_box(m.address()).is_some()).count())
    }

    /// The mail parsed and its subject decoded.
    pub fn subject(parser: &MessageParser, mail: &[u8]) -> usize {
        parser.parse(mail).and_then(|m| m.subject().map(|s| black_box(s).len())).unwrap_or(0)
    }
}

/// mailparse.
pub mod mailparse {
    use super::black_box;
    use ::mailparse::{MailHeaderMap, ParsedMail, addrparse, dateparse, parse_mail};

    /// Header fields and parts found.
    pub fn structure(mail: &[u8]) -> usize {
        parse_mail(mail).map_or(0, |m| m.parts().count())
    }

    /// And Subject, From, Date and Message-ID read.
    pub fn header(mail: &[u8]) {
        let Ok(message) = parse_mail(mail) else {
            return;
        };
        black_box(message.headers.get_first_value("Subject"));
        black_box(message.headers.get_first_value("From").map(|f| addrparse(&f)).is_some());
        black_box(message.headers.get_first_value("Date").map(|d| dateparse(&d)).is_some());
        black_box(message.headers.get_first_value("Message-ID"));
    }

    /// And every leaf decoded, text into UTF-8. Gives the bytes it came to.
    pub fn everything(mail: &[u8]) -> usize {
        let Ok(message) = parse_mail(mail) else {
            return 0;
        };
        message.parts().filter(|p| p.subparts.is_empty()).map(leaf).sum()
    }

    fn leaf(part: &ParsedMail<'_>) -> usize {
        if part.ctype.mimetype.starts_with("text/") {
            part.get_body().map_or(0, |t| black_box(t).len())
        } else {
            part.get_body_raw().map_or(0, |b| black_box(b).len())
        }
    }
}
