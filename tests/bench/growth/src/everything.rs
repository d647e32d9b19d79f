//! Everything that can be asked of a mail, and of text that is none.

use postrider_mime::store::Mbox;
use postrider_mime::tnef::Tnef;
use postrider_mime::{AddrSpec, Mailbox, Message, Part, flowed, html_to_text, idna, thread};
use std::hint::black_box;

pub(crate) fn read(octets: &[u8]) {
    let message = Message::parse(octets);
    black_box((message.check(), message.mailing_list(), message.auto_submitted(), message.report()));
    black_box((message.received().count(), message.authentication_results().count()));
    black_box((message.arc_authentication_results().count(), message.returned_message(), message.calendars().count()));
    black_box((message.body_text(), message.body_html(), message.preview(100), message.attachments()));
    black_box((message.date(), message.message_id(), message.in_reply_to().count(), message.references().count()));
    for list in [message.from(), message.sender(), message.reply_to(), message.to(), message.cc()] {
        black_box(list.mailboxes().filter(|mailbox| mailbox.mailbox().is_some()).count());
    }
    for field in message.headers() {
        black_box((field.text(), field.date(), field.message_ids().count(), field.addresses().mailboxes().count()));
    }
    if let Some(subject) = message.subject() {
        black_box((thread::base_subject(&subject), thread::reply_subject(&subject).len()));
    }
    message.parts().for_each(part);
    text(octets);
}

fn part(part: Part<'_>) {
    let content_type = part.content_type();
    black_box((part.file_name(), part.safe_file_name(), part.content_id(), part.content_description()));
    black_box((content_type.defects(), content_type.parameters().names().count(), part.content_disposition()));
    black_box((part.fragment(), part.external_body(), part.tnef()));
    if part.first_child().is_none() {
        black_box(part.text());
    }
}

/// As if it were a page, a file of mails, an address.
fn text(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets);
    black_box((html_to_text(&text), flowed::unflow(&text, flowed::TrailingSpace::Kept), flowed::flow(&text)));
    Mbox::new(octets).for_each(|entry| drop(black_box(entry.unquoted())));
    black_box(Tnef::parse(octets));
    black_box((
        Mailbox::parse(&text).is_ok(),
        AddrSpec::parse(&text).is_ok(),
        idna::to_ascii(&text),
        idna::to_show(&text),
    ));
}
