use super::choices::Choices;
use super::naive;
use postrider_mime::{DateTime, Mailbox, Message, MessageBuilder, MessageId};

/// The input is what a mail shall have, one thing a line: `f`rom, `t`o, `c`c, `b`cc, `s`ubject, `d`ate, `m`essage-id,
/// `r`eferences, `l` a header field of its own, `x` a line of text, `h` a line of HTML, `a`ttachment (name, a bar, content), `u`
/// for UTF-8 in headers.
///
/// * What cannot be written is refused; what is written, the parser reads back equal, without a defect.
/// * Lines end with CRLF and have at most 998 octets; no CR or LF stands alone.
/// * No header field is there that was not asked for, and Bcc never.
/// * The same input makes the same octets, as many as were foretold.
pub fn mime_roundtrip(input: &[u8]) {
    let wanted = Wanted::read(input);
    let builder = wanted.builder();
    let Ok(mail) = builder.build() else {
        return;
    };
    assert_eq!(
        builder.build().ok().as_ref(),
        Some(&mail),
        "built twice, unlike"
    );
    assert_eq!(
        builder.size().ok(),
        Some(mail.len()),
        "the size was foretold wrong"
    );
    has_proper_lines(&mail);
    let message = Message::parse(&mail);
    assert_eq!(message.defects(), [], "{}", mail.escape_ascii());
    wanted.is_read_back(&message);
}

#[derive(Default)]
struct Wanted {
    from: Vec<String>,
    to: Vec<String>,
    cc: Vec<String>,
    bcc: Vec<String>,
    subject: Option<String>,
    date: i64,
    message_id: Option<String>,
    references: Vec<String>,
    extra: Vec<String>,
    text: String,
    html: String,
    files: Vec<(String, Vec<u8>)>,
    utf8: bool,
}

impl Wanted {
    fn read(input: &[u8]) -> Self {
        let (mut wanted, mut choices) = (Self::default(), Choices::new(input));
        while !choices.is_empty() {
            let line = choices.line();
            let (&kind, value) = line.split_first().unwrap_or((&b' ', &[]));
            let text = String::from_utf8_lossy(value).into_owned();
            match kind {
                b'f' => wanted.from.push(text),
                b't' => wanted.to.push(text),
                b'c' => wanted.cc.push(text),
                b'b' => wanted.bcc.push(text),
                b's' => wanted.subject = Some(text),
                b'd' => wanted.date = text.parse().unwrap_or(0),
                b'm' => wanted.message_id = Some(text),
                b'r' => wanted.references.push(text),
                b'l' => wanted.extra.push(text),
                b'x' => wanted.text += &(text + "\n"),
                b'h' => wanted.html += &(text + "\n"),
                b'a' => {
                    let mut parts = value.splitn(2, |octet| *octet == b'|');
                    let name = String::from_utf8_lossy(parts.next().unwrap_or_default());
                    let content = parts.next().unwrap_or_default().to_vec();
                    wanted.files.push((name.into_owned(), content));
                }
                b'u' => wanted.utf8 = true,
                _ => {}
            }
        }
        wanted
    }

    fn date(&self) -> DateTime {
        let date = DateTime::from_unix(self.date, 90);
        date.or_else(|| DateTime::from_unix(0, 0)).expect("1970")
    }

    fn builder(&self) -> MessageBuilder<'_> {
        let mut builder = MessageBuilder::new()
            .date(self.date())
            .references(&self.references);
        builder = self.from.iter().fold(builder, |b, from| b.from(from));
        builder = self.to.iter().fold(builder, |b, to| b.to(to));
        builder = self.cc.iter().fold(builder, |b, cc| b.cc(cc));
        builder = self.bcc.iter().fold(builder, |b, bcc| b.bcc(bcc));
        builder = self
            .extra
            .iter()
            .fold(builder, |b, value| b.header("X-Extra", value));
        for (name, content) in &self.files {
            builder = builder.attach(name, "application/octet-stream", content);
        }
        if let Some(subject) = &self.subject {
            builder = builder.subject(subject);
        }
        if let Some(id) = &self.message_id {
            builder = builder.message_id(id);
        }
        if !self.text.is_empty() {
            builder = builder.text(&self.text);
        }
        if !self.html.is_empty() {
            builder = builder.html(&self.html);
        }
        match self.utf8 {
            true => builder.with_utf8_headers(),
            false => builder,
        }
    }

    fn is_read_back(&self, message: &Message<'_>) {
        assert_eq!(read(message.from().mailboxes()), mailboxes(&self.from));
        assert_eq!(read(message.to().mailboxes()), mailboxes(&self.to));
        assert_eq!(read(message.cc().mailboxes()), mailboxes(&self.cc));
        assert_eq!(message.subject().as_deref(), self.subject.as_deref());
        assert_eq!(message.date(), Some(self.date()));
        let ids = |id: &String| {
            MessageId::parse(id)
                .expect("it was built")
                .as_str()
                .to_owned()
        };
        if let Some(id) = &self.message_id {
            assert_eq!(message.message_id().as_deref(), Some(&*ids(id)));
        }
        let references: Vec<String> = message.references().map(String::from).collect();
        assert_eq!(
            references,
            self.references.iter().map(ids).collect::<Vec<_>>()
        );
        let fields = message.headers().filter(|field| field.is("X-Extra"));
        let extra: Vec<String> = fields.map(|field| field.text().into_owned()).collect();
        assert_eq!(extra, self.extra);
        for field in message.headers() {
            assert!(
                ASKED_FOR.contains(&field.name()),
                "{:?} was not asked for",
                field.name()
            );
        }
        self.has_content(message);
    }

    fn has_content(&self, message: &Message<'_>) {
        let texts = [("plain", &self.text), ("html", &self.html)];
        for (kind, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
            let part = message.parts().find(|part| {
                part.content_type().is("text", kind) && part.content_disposition().is_none()
            });
            let arrived = part.expect("a part with the text").text();
            assert_eq!(arrived.defect, None);
            // A byte order mark says how to read a text, and is no part of it.
            let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
            let sent = String::from_utf8(naive::normalised(text.as_bytes())).expect("UTF-8");
            assert_eq!(
                arrived.text.replace("\r\n", "\n"),
                sent.replace("\r\n", "\n")
            );
        }
        let attached = message.attachments().into_iter().map(|part| {
            let name = part.file_name().unwrap_or_default().into_owned();
            (name, part.content().bytes.into_owned())
        });
        assert_eq!(attached.collect::<Vec<_>>(), self.files);
    }
}

/// What a mail may have in its header; Bcc is not among it.
const ASKED_FOR: [&str; 13] = [
    "Date",
    "From",
    "To",
    "Cc",
    "Subject",
    "Message-ID",
    "References",
    "X-Extra",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Content-Disposition",
    "In-Reply-To",
];

fn mailboxes(texts: &[String]) -> Vec<Mailbox> {
    texts
        .iter()
        .map(|text| Mailbox::parse(text).expect("it was built"))
        .collect()
}

fn read<'m>(list: impl Iterator<Item = &'m postrider_mime::LooseMailbox<'m>>) -> Vec<Mailbox> {
    list.map(|one| one.mailbox().expect("an address that can be written"))
        .collect()
}

fn has_proper_lines(mail: &[u8]) {
    let mut rest = mail;
    while let Some(line) = naive::line(&mut rest) {
        assert!(
            line.ends_with(b"\r\n") && line.len() <= 1000,
            "{}",
            line.escape_ascii()
        );
        let text = &line[..line.len() - 2];
        assert!(
            !text.contains(&b'\r'),
            "a CR alone: {}",
            line.escape_ascii()
        );
    }
    assert!(rest.is_empty(), "the last line has no end");
}
