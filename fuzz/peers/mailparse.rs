#![no_main]
//! The input is a mail (RFC 5322, RFC 2045): where mailparse and we do not read the same in a well-formed one is noted.

mod read;

use libfuzzer_sys::fuzz_target;
use mailparse::{MailAddr, MailHeaderMap, ParsedMail};
use postrider_mime::{Message, Part};
use read::{Read, is_well_formed, shown, spaced};

fuzz_target!(|mail: &[u8]| {
    let message = Message::parse(mail);
    if is_well_formed(mail, &message) {
        let ours = read::ours(
            &message,
            |part| part.is_multipart(),
            |part| part.content().bytes.into_owned(),
        );
        let theirs = theirs(mail).map(Read::tolerant);
        read::compare("mailparse", mail, &ours.tolerant(), theirs.as_ref());
    }
});

fn theirs(mail: &[u8]) -> Option<Read> {
    let mail = mailparse::parse_mail(mail).ok()?;
    let mut read = Read {
        subject: spaced(&mail.headers.get_first_value("Subject").unwrap_or_default()),
        ..Read::default()
    };
    for name in ["From", "To", "Cc"] {
        if let Some(field) = mail.headers.get_first_header(name) {
            for entry in mailparse::addrparse_header(field).ok()?.iter() {
                let infos = match entry {
                    MailAddr::Single(info) => std::slice::from_ref(info),
                    MailAddr::Group(group) => &group.addrs,
                };
                let mailbox = infos.iter().map(|info| {
                    let name = info.display_name.as_deref().unwrap_or_default();
                    (spaced(name), info.addr.clone())
                });
                read.mailboxes.extend(mailbox);
            }
        }
    }
    contents(&mail, &mut read.contents)?;
    Some(read)
}

fn contents(part: &ParsedMail<'_>, found: &mut Vec<String>) -> Option<()> {
    if part.subparts.is_empty() {
        found.push(shown(&part.get_body_raw().ok()?));
    }
    part.subparts
        .iter()
        .try_for_each(|part| contents(part, found))
}
