use postrider_mime::{AddressList, DateTime, Mailbox, Message, MessageBuilder, MessageId};

/// The fields of a header that have a value of their own, as far as they can be written.
#[derive(Debug, PartialEq)]
pub(super) struct Header {
    pub(super) from: Vec<Mailbox>,
    pub(super) sender: Vec<Mailbox>,
    pub(super) reply_to: Vec<Mailbox>,
    pub(super) to: Vec<Mailbox>,
    pub(super) cc: Vec<Mailbox>,
    pub(super) bcc: Vec<Mailbox>,
    pub(super) subject: Option<String>,
    pub(super) date: Option<DateTime>,
    pub(super) message_id: Option<MessageId>,
    pub(super) in_reply_to: Vec<MessageId>,
    pub(super) references: Vec<MessageId>,
}

impl Header {
    pub(super) fn of(message: &Message<'_>) -> Self {
        let subject = message.subject().map(String::from);
        Self {
            from: mailboxes(&message.from()),
            sender: mailboxes(&message.sender()),
            reply_to: mailboxes(&message.reply_to()),
            to: mailboxes(&message.to()),
            cc: mailboxes(&message.cc()),
            bcc: mailboxes(&message.bcc()),
            subject: subject.filter(|text| !text.contains(char::is_control)),
            date: message.date(),
            message_id: message.message_id().and_then(|id| id.parse().ok()),
            in_reply_to: ids(message.in_reply_to()),
            references: ids(message.references()),
        }
    }

    /// The same with what every message has, and without what none has: a second sender, and Bcc.
    pub(super) fn completed(mut self) -> Self {
        if self.from.is_empty() {
            self.from.extend("nobody@x.test".parse::<Mailbox>());
        }
        self.sender.truncate(1);
        self.bcc.clear();
        self.date = self.date.or_else(|| DateTime::from_unix(0, 0));
        self.message_id = self.message_id.or_else(|| "none@x.test".parse().ok());
        self
    }

    /// The names of its fields, each as often as it is written.
    pub(super) fn names(&self) -> Vec<&'static str> {
        let fields = [
            ("Date", true),
            ("From", true),
            ("Sender", !self.sender.is_empty()),
            ("Reply-To", !self.reply_to.is_empty()),
            ("To", !self.to.is_empty()),
            ("Cc", !self.cc.is_empty()),
            ("Subject", self.subject.is_some()),
            ("Message-ID", true),
            ("In-Reply-To", !self.in_reply_to.is_empty()),
            ("References", !self.references.is_empty()),
            ("MIME-Version", true),
        ];
        let written = fields.into_iter().filter(|(_, is_written)| *is_written);
        written.map(|(name, _)| name).collect()
    }

    pub(super) fn builder(&self) -> MessageBuilder<'_> {
        let mut builder = MessageBuilder::new().references(&self.references);
        builder = self.from.iter().fold(builder, |b, from| b.from(from));
        builder = self.sender.iter().fold(builder, |b, one| b.sender(one));
        builder = self.reply_to.iter().fold(builder, |b, to| b.reply_to(to));
        builder = self.to.iter().fold(builder, |b, to| b.to(to));
        builder = self.cc.iter().fold(builder, |b, cc| b.cc(cc));
        builder = self.date.into_iter().fold(builder, |b, date| b.date(date));
        let answered = self.in_reply_to.iter();
        builder = answered.fold(builder, |b, id| b.in_reply_to(id));
        builder = self
            .message_id
            .iter()
            .fold(builder, |b, id| b.message_id(id));
        builder = self.subject.iter().fold(builder, |b, text| b.subject(text));
        match self.is_ascii() {
            true => builder,
            false => builder.with_utf8_headers(),
        }
    }

    /// Whether no address needs SMTPUTF8 (RFC 6531).
    fn is_ascii(&self) -> bool {
        let lists = [&self.from, &self.sender, &self.reply_to, &self.to, &self.cc];
        let mut all = lists.into_iter().flatten();
        all.all(|mailbox| mailbox.addr().is_ascii())
    }
}

fn mailboxes(list: &AddressList<'_>) -> Vec<Mailbox> {
    list.mailboxes().filter_map(|one| one.mailbox()).collect()
}

fn ids<T: AsRef<str>>(ids: impl Iterator<Item = T>) -> Vec<MessageId> {
    ids.filter_map(|id| id.as_ref().parse().ok()).collect()
}
