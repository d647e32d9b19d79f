//! The TRANSACTION state (RFC 1939 §5).

use super::command::Command;
use super::message;
use super::server::write_line;
use crate::mail::Mail;
use crate::store::OpenMaildrop;
use bytes::BytesMut;
use std::collections::HashSet;

/// A locked maildrop, and which of its messages are marked as deleted.
pub(super) struct Transaction {
    maildrop: OpenMaildrop,
    deleted: HashSet<u32>,
}

impl Transaction {
    pub(super) fn new(maildrop: OpenMaildrop) -> Self {
        let deleted = HashSet::new();
        Self { maildrop, deleted }
    }

    pub(super) fn perform(
        &mut self,
        command: Command<'_>,
        out: &mut BytesMut,
    ) -> Result<(), &'static str> {
        match command {
            Command::Stat => {
                let (count, octets) = self.drop_listing();
                write_line(out, format_args!("+OK {count} {octets}"));
            }
            Command::List(None) => self.list(out),
            Command::List(Some(number)) => {
                let size = message::size(&self.message(number)?.content);
                write_line(out, format_args!("+OK {number} {size}"));
            }
            Command::Uidl(None) => self.uidl(out),
            Command::Uidl(Some(number)) => {
                let mail = self.message(number)?;
                write_line(out, format_args!("+OK {number} {}", mail.uidl));
            }
            Command::Retr(number) => {
                let content = &self.message(number)?.content;
                write_line(out, format_args!("+OK {} octets", message::size(content)));
                message::write(content, out);
            }
            Command::Top { number, lines } => {
                let content = &self.message(number)?.content;
                write_line(out, format_args!("+OK top of message follows"));
                message::write(message::top(content, lines), out);
            }
            Command::Dele(number) => {
                self.message(number)?;
                self.deleted.insert(number);
                write_line(out, format_args!("+OK message {number} deleted"));
            }
            Command::Rset => {
                self.deleted.clear();
                write_line(out, format_args!("+OK {}", self.summary()));
            }
            Command::Noop => write_line(out, format_args!("+OK")),
            Command::Capa
            | Command::Stls
            | Command::User(_)
            | Command::Pass(_)
            | Command::Auth { .. }
            | Command::Quit => return Err("not now"),
        }
        Ok(())
    }

    /// `maildrop has 2 messages (320 octets)`.
    pub(super) fn summary(&self) -> String {
        let (count, octets) = self.drop_listing();
        format!("maildrop has {count} messages ({octets} octets)")
    }

    /// The UPDATE state: removes what is marked; returns how many messages that were.
    pub(super) fn update(self) -> usize {
        let marked = |(number, mail): (u32, &'_ Mail)| {
            self.deleted.contains(&number).then_some(mail.uidl.clone())
        };
        let gone: Vec<String> = self.numbered().filter_map(marked).collect();
        self.maildrop
            .delete(&gone.iter().map(String::as_str).collect());
        gone.len()
    }

    fn list(&self, out: &mut BytesMut) {
        write_line(out, format_args!("+OK {}", self.summary()));
        for (number, mail) in self.kept() {
            let size = message::size(&mail.content);
            write_line(out, format_args!("{number} {size}"));
        }
        write_line(out, format_args!("."));
    }

    fn uidl(&self, out: &mut BytesMut) {
        write_line(out, format_args!("+OK unique-id listing follows"));
        for (number, mail) in self.kept() {
            write_line(out, format_args!("{number} {}", mail.uidl));
        }
        write_line(out, format_args!("."));
    }

    fn drop_listing(&self) -> (usize, usize) {
        self.kept().fold((0, 0), |(count, octets), (_, mail)| {
            (count + 1, octets + message::size(&mail.content))
        })
    }

    /// The message of that number, unless it is marked as deleted.
    fn message(&self, number: u32) -> Result<&Mail, &'static str> {
        if self.deleted.contains(&number) {
            return Err("this message is marked as deleted");
        }
        let index = number.checked_sub(1).and_then(|n| usize::try_from(n).ok());
        index
            .and_then(|index| self.maildrop.mails().get(index))
            .ok_or("no such message")
    }

    fn kept(&self) -> impl Iterator<Item = (u32, &Mail)> {
        self.numbered()
            .filter(|(number, _)| !self.deleted.contains(number))
    }

    fn numbered(&self) -> impl Iterator<Item = (u32, &Mail)> {
        (1..).zip(self.maildrop.mails())
    }
}
