//! What a writer does: the same mail, each crate asked in its own way.

use lettre::message::header::ContentType;
use lettre::message::{Attachment, MultiPart, SinglePart};
use postrider_mime::DateTime;
use std::time::{Duration, UNIX_EPOCH};

/// 2026-03-03, so that nobody has to ask the clock.
const DATE: i64 = 1_772_528_400;
const SUBJECT: &str = "Incident INC0010042 was assigned to you";
const TEXT: &str = "Hello Ada,\r\n\r\nincident INC0010042 (priority 2) was assigned to you by Grace.\r\n\
    Printer on the third floor prints only blank pages since this morning.\r\n\r\nRegards\r\nThe service desk\r\n";
const HTML: &str = "<html><body><p>Hello Ada,</p>\r\n<p>incident <a href=\"https://example.org/INC0010042\">INC0010042\
    </a> (priority 2) was assigned to you by Grace.</p>\r\n<p>Printer on the third floor prints only blank pages.</p>\r\n\
    <p>Regards<br>The service desk</p></body></html>\r\n";

/// Bytes that no encoding but base64 fits.
pub fn file(size: usize) -> Vec<u8> {
    (0..size).map(|i| (i.wrapping_mul(2_654_435_761) >> 11) as u8).collect()
}

/// Text and HTML with postrider-mime, in a new buffer.
pub fn ours_small() -> Vec<u8> {
    ours().text(TEXT).html(HTML).build().unwrap_or_default()
}

/// A text and a file with postrider-mime.
pub fn ours_large(file: &[u8]) -> Vec<u8> {
    ours().text(TEXT).attach("file.bin", "application/octet-stream", file).build().unwrap_or_default()
}

fn ours<'a>() -> postrider_mime::MessageBuilder<'a> {
    let builder = postrider_mime::MessageBuilder::new()
        .from(("Service Desk", "desk@example.org"))
        .to(("Ada Lovelace", "ada@example.org"))
        .subject(SUBJECT)
        .message_id("1.2.3@example.org");
    match DateTime::from_unix(DATE, 0) {
        Some(date) => builder.date(date),
        None => builder,
    }
}

/// Text and HTML with mail-builder.
pub fn mail_builder_small() -> Vec<u8> {
    mail_builder().text_body(TEXT).html_body(HTML).write_to_vec().unwrap_or_default()
}

/// A text and a file with mail-builder.
pub fn mail_builder_large(file: &[u8]) -> Vec<u8> {
    mail_builder()
        .text_body(TEXT)
        .attachment("application/octet-stream", "file.bin", file)
        .write_to_vec()
        .unwrap_or_default()
}

fn mail_builder<'a>() -> mail_builder::MessageBuilder<'a> {
    mail_builder::MessageBuilder::new()
        .from(("Service Desk", "desk@example.org"))
        .to(("Ada Lovelace", "ada@example.org"))
        .subject(SUBJECT)
        .message_id("1.2.3@example.org")
        .date(DATE)
}

/// Text and HTML with lettre.
pub fn lettre_small() -> Vec<u8> {
    let body = MultiPart::alternative_plain_html(TEXT.to_owned(), HTML.to_owned());
    lettre().and_then(|b| b.multipart(body).ok()).map(|m| m.formatted()).unwrap_or_default()
}

/// A text and a file with lettre. It wants the file for itself.
pub fn lettre_large(file: &[u8]) -> Vec<u8> {
    let Ok(kind) = ContentType::parse("application/octet-stream") else {
        return Vec::new();
    };
    let file = Attachment::new("file.bin".into()).body(file.to_vec(), kind);
    let body = MultiPart::mixed().singlepart(SinglePart::plain(TEXT.to_owned())).singlepart(file);
    lettre().and_then(|b| b.multipart(body).ok()).map(|m| m.formatted()).unwrap_or_default()
}

fn lettre() -> Option<lettre::message::MessageBuilder> {
    let builder = lettre::Message::builder()
        .from("Service Desk <desk@example.org>".parse().ok()?)
        .to("Ada Lovelace <ada@example.org>".parse().ok()?)
        .subject(SUBJECT)
        .message_id(Some("<1.2.3@example.org>".into()))
        .date(UNIX_EPOCH + Duration::from_secs(DATE as u64));
    Some(builder)
}
