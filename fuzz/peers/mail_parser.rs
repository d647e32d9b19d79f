#![no_main]
//! The input is a mail (RFC 5322, RFC 2045): where mail-parser and we do not read the same in a well-formed one is noted.

mod read;

use libfuzzer_sys::fuzz_target;
use mail_parser::{Address, MessageParser, PartType};
use postrider_mime::{Message, Part};
use read::{Read, is_well_formed, shown, spaced};

fuzz_target!(|mail: &[u8]| {
    let message = Message::parse(mail);
    if is_well_formed(mail, &message) && encloses_headers(&message) {
        let ours = read::ours(&message, |_| true, content).tolerant();
        let theirs = MessageParser::default().parse(mail);
        let theirs = theirs.map(|mail| theirs_of(&mail).tolerant());
        read::compare("mail-parser", mail, &ours, theirs.as_ref());
    }
});

/// Tolerated: mail-parser loses its place, and ends in a panic, where a message that is a part has no header.
fn encloses_headers(message: &Message<'_>) -> bool {
    let mut enclosed = message.parts().filter(|part| part.is_message());
    enclosed.all(|part| {
        part.children()
            .all(|inner| inner.headers().next().is_some())
    })
}

/// A text is compared as such, in Unicode.
fn content(part: Part<'_>) -> Vec<u8> {
    match part.content_type().main() {
        "text" => part.text().text.into_owned().into_bytes(),
        _ => part.content().bytes.into_owned(),
    }
}

fn theirs_of(mail: &mail_parser::Message<'_>) -> Read {
    let mut read = Read {
        subject: spaced(mail.subject().unwrap_or_default()),
        ..Read::default()
    };
    for list in [mail.from(), mail.to(), mail.cc()] {
        let mailboxes = list.into_iter().flat_map(Address::iter).map(|mailbox| {
            let name = spaced(mailbox.name.as_deref().unwrap_or_default());
            (
                name,
                mailbox.address.as_deref().unwrap_or_default().to_owned(),
            )
        });
        read.mailboxes.extend(mailboxes);
    }
    contents(mail, &mut read.contents);
    read
}

fn contents(mail: &mail_parser::Message<'_>, found: &mut Vec<String>) {
    for part in &mail.parts {
        match &part.body {
            PartType::Text(text) | PartType::Html(text) => found.push(text.to_string()),
            PartType::Binary(octets) | PartType::InlineBinary(octets) => found.push(shown(octets)),
            PartType::Message(message) => contents(message, found),
            PartType::Multipart(_) => {}
        }
    }
}
