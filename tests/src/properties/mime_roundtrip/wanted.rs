use super::super::choices::Choices;
use super::header::Header;
use super::tree::Tree;
use postrider_mime::{DateTime, Mailbox, Message, MessageBuilder, MessageId};

/// What a mail shall have.
#[derive(Default)]
pub(super) struct Wanted {
    from: Vec<String>,
    sender: Option<String>,
    reply_to: Vec<String>,
    to: Vec<String>,
    cc: Vec<String>,
    bcc: Vec<String>,
    subject: Option<String>,
    date: i64,
    message_id: Option<String>,
    in_reply_to: Vec<String>,
    references: Vec<String>,
    extra: Vec<String>,
    /// Whole fields.
    raw: Vec<String>,
    text: String,
    html: String,
    calendars: Vec<(String, String)>,
    shown: Vec<(String, Vec<u8>)>,
    files: Vec<(String, Vec<u8>)>,
    body: Option<Tree>,
    utf8: bool,
}

impl Wanted {
    pub(super) fn read(input: &[u8]) -> Self {
        let (mut wanted, mut choices) = (Self::default(), Choices::new(input));
        while !choices.is_empty() {
            let line = choices.line();
            let (&kind, value) = line.split_first().unwrap_or((&b' ', &[]));
            wanted.takes(kind, value);
        }
        wanted
    }

    fn takes(&mut self, kind: u8, value: &[u8]) {
        let text = String::from_utf8_lossy(value).into_owned();
        let (front, behind) = halves(value);
        match kind {
            b'f' => self.from.push(text),
            b'n' => self.sender = Some(text),
            b'p' => self.reply_to.push(text),
            b't' => self.to.push(text),
            b'c' => self.cc.push(text),
            b'b' => self.bcc.push(text),
            b's' => self.subject = Some(text),
            b'd' => self.date = text.parse().unwrap_or(0),
            b'm' => self.message_id = Some(text),
            b'i' => self.in_reply_to.push(text),
            b'r' => self.references.push(text),
            b'l' => self.extra.push(text),
            b'w' => self.raw.push(folded(&text)),
            b'x' => self.text += &(text + "\n"),
            b'h' => self.html += &(text + "\n"),
            b'k' => {
                let object = String::from_utf8_lossy(behind).into_owned();
                self.calendars.push((front, object));
            }
            b'g' => self.shown.push((front, behind.to_vec())),
            b'a' => self.files.push((front, behind.to_vec())),
            b'y' => self.body = Some(tree(value)),
            b'u' => self.utf8 = true,
            _ => {}
        }
    }

    fn date(&self) -> DateTime {
        let date = DateTime::from_unix(self.date, 90);
        date.or_else(|| DateTime::from_unix(0, 0)).expect("1970")
    }

    pub(super) fn builder(&self) -> MessageBuilder<'_> {
        let mut builder = self.with_header();
        for (method, object) in &self.calendars {
            builder = builder.calendar(method, object);
        }
        for (id, content) in &self.shown {
            builder = builder.inline(id, "image/png", content);
        }
        for (name, content) in &self.files {
            builder = builder.attach(name, "application/octet-stream", content);
        }
        if !self.text.is_empty() {
            builder = builder.text(&self.text);
        }
        if !self.html.is_empty() {
            builder = builder.html(&self.html);
        }
        if let Some(body) = &self.body {
            builder = builder.body(body.body_part());
        }
        builder
    }

    fn with_header(&self) -> MessageBuilder<'_> {
        let mut builder = MessageBuilder::new()
            .date(self.date())
            .references(&self.references);
        builder = self.from.iter().fold(builder, |b, from| b.from(from));
        builder = self.sender.iter().fold(builder, |b, one| b.sender(one));
        builder = self.reply_to.iter().fold(builder, |b, to| b.reply_to(to));
        builder = self.to.iter().fold(builder, |b, to| b.to(to));
        builder = self.cc.iter().fold(builder, |b, cc| b.cc(cc));
        builder = self.bcc.iter().fold(builder, |b, bcc| b.bcc(bcc));
        builder = self.subject.iter().fold(builder, |b, text| b.subject(text));
        builder = self
            .message_id
            .iter()
            .fold(builder, |b, id| b.message_id(id));
        let answered = self.in_reply_to.iter();
        builder = answered.fold(builder, |b, id| b.in_reply_to(id));
        let extra = self.extra.iter();
        builder = extra.fold(builder, |b, value| b.header("X-Extra", value));
        builder = self
            .raw
            .iter()
            .fold(builder, |b, field| b.raw_header(field));
        match self.utf8 {
            true => builder.with_utf8_headers(),
            false => builder,
        }
    }

    /// The parts of the mail: the ways to read it as alternatives, with the HTML what it shows, and files behind them.
    pub(super) fn tree(&self) -> Tree {
        let shown = self.shown.iter();
        let shown = shown.map(|(name, content)| Tree::shown(id(name).as_str(), content));
        let mut files: Vec<Tree> = Vec::new();
        let mut ways: Vec<Tree> = Vec::new();
        if !self.text.is_empty() {
            ways.push(Tree::text("plain", &self.text));
        }
        ways.extend(self.body.clone());
        if self.html.is_empty() {
            files.extend(shown);
        } else {
            let html = std::iter::once(Tree::text("html", &self.html));
            ways.push(Tree::gathered("related", html.chain(shown).collect()));
        }
        let calendars = self.calendars.iter();
        ways.extend(calendars.map(|(method, object)| Tree::calendar(method, object)));
        if ways.is_empty() {
            ways.push(Tree::text("plain", ""));
        }
        let attached = self.files.iter();
        files.extend(attached.map(|(name, content)| Tree::file(name, content)));
        files.insert(0, Tree::gathered("alternative", ways));
        Tree::gathered("mixed", files)
    }

    /// The fields that have a value of their own. An identifier is made up where none is given.
    fn header(&self, message_id: Option<MessageId>) -> Header {
        Header {
            from: mailboxes(&self.from),
            sender: mailboxes(self.sender.as_slice()),
            reply_to: mailboxes(&self.reply_to),
            to: mailboxes(&self.to),
            cc: mailboxes(&self.cc),
            bcc: Vec::new(),
            subject: self.subject.clone(),
            date: Some(self.date()),
            message_id: self.message_id.as_deref().map(id).or(message_id),
            in_reply_to: self.in_reply_to.iter().map(|text| id(text)).collect(),
            references: self.references.iter().map(|text| id(text)).collect(),
        }
    }

    pub(super) fn is_read_back(&self, message: &Message<'_>) {
        let read = Header::of(message);
        assert!(read.message_id.is_some(), "{:?}", message.message_id());
        let header = self.header(read.message_id.clone());
        assert_eq!(read, header);
        let further = self.raw.iter().map(|field| name_of(field));
        let further = further.chain(self.extra.iter().map(|_| "X-Extra"));
        let names = header.names().into_iter().chain(further).collect();
        self.tree().is_read_back(message.root(), names);
        self.has_further_fields(message);
        // Of the raw fields, this is the only one that may occur once (RFC 2045 §8): it is written as often as it was asked for.
        let is_single =
            |field: &&String| name_of(field).eq_ignore_ascii_case("Content-Description");
        if self.raw.iter().filter(is_single).count() < 2 {
            assert_eq!(message.defects(), []);
        }
        self.has_attachments(message);
    }

    /// Those with text, and behind them the raw ones, to the octet.
    fn has_further_fields(&self, message: &Message<'_>) {
        let fields: Vec<_> = message.headers().collect();
        let end = fields.iter().position(|f| f.name() == "MIME-Version");
        let (before, _) = fields.split_at(end.expect("MIME-Version"));
        let (before, raw) = before.split_at(before.len() - self.raw.len());
        let (_, extra) = before.split_at(before.len() - self.extra.len());
        let extra = extra.iter().map(|field| field.text().into_owned());
        assert_eq!(extra.collect::<Vec<_>>(), self.extra);
        let raw = raw.iter().map(|field| {
            let value = String::from_utf8_lossy(field.raw());
            format!("{}:{value}", field.name())
        });
        assert_eq!(raw.collect::<Vec<_>>(), self.raw);
    }

    /// Where nothing else can be one, the attachments are the files.
    fn has_attachments(&self, message: &Message<'_>) {
        if self.body.is_some() || !self.shown.is_empty() || !self.calendars.is_empty() {
            return;
        }
        let attached = message.attachments().into_iter().map(|part| {
            let name = part.file_name().unwrap_or_default().into_owned();
            (name, part.content().bytes.into_owned())
        });
        assert_eq!(attached.collect::<Vec<_>>(), self.files);
    }
}

/// What stands before the first bar, and what behind it.
fn halves(value: &[u8]) -> (String, &[u8]) {
    let mut parts = value.splitn(2, |octet| *octet == b'|');
    let front = String::from_utf8_lossy(parts.next().unwrap_or_default());
    (front.into_owned(), parts.next().unwrap_or_default())
}

/// A field that is folded where a bar stands.
fn folded(text: &str) -> String {
    let field = text.replace('|', "\r\n ");
    field.trim_end_matches(['\r', '\n']).to_owned()
}

/// A tree by choice: decisions, a bar, and content in which a bar is a LF.
fn tree(value: &[u8]) -> Tree {
    let mut parts = value.splitn(2, |octet| *octet == b'|');
    let mut decisions = Choices::new(parts.next().unwrap_or_default());
    let content = parts.next().unwrap_or_default();
    let lines: Vec<&[u8]> = content.split(|octet| *octet == b'|').collect();
    Tree::by_choice(&mut decisions, &lines.join(&b'\n'), 0)
}

fn name_of(field: &str) -> &str {
    field.split(':').next().unwrap_or_default()
}

fn mailboxes(texts: &[String]) -> Vec<Mailbox> {
    texts
        .iter()
        .map(|text| Mailbox::parse(text).expect("it was built"))
        .collect()
}

fn id(text: &str) -> MessageId {
    MessageId::parse(text).expect("it was built")
}
