//! Mails that have hurt somebody's parser, in any size.

use super::Input;
use postrider_mime::store::{Mbox, MboxDialect};
use postrider_mime::{Message, html_to_text};
use std::hint::black_box;

/// Reads everything that a mail has.
pub(crate) fn read(mail: &[u8]) -> usize {
    let message = Message::parse(mail);
    let addresses = [message.from(), message.to(), message.cc()];
    let addresses: usize = addresses.iter().map(|list| list.mailboxes().count()).sum();
    black_box((message.subject(), message.date(), message.message_id(), message.body_text()));
    let leaves = message.parts().map(|part| {
        black_box((part.content_type().main().len(), part.file_name(), part.safe_file_name()));
        if part.is_multipart() || part.first_child().is_some() { 0 } else { black_box(part.text()).text.len() }
    });
    addresses + message.references().count() + leaves.sum::<usize>()
}

fn html(text: &[u8]) -> usize {
    html_to_text(&String::from_utf8_lossy(text)).len()
}

/// What stands before, what is repeated, how often at first, and what stands behind.
type Row = (&'static str, &'static str, &'static str, usize, &'static str);

const HEADER: &str = "From: a@example.org\r\nSubject: ";
const MIXED: &str = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n";
const ROWS: &[Row] = &[
    ("text", "From: a@example.org\r\n\r\n", "The quick brown fox jumps over the lazy dog.\r\n", 1_500, ""),
    ("base64", "Content-Transfer-Encoding: base64\r\n\r\n", "VGhlIHF1aWNrIGJyb3duIGZveCBqdW1wcyBvdmVy\r\n", 1_500, ""),
    (
        "quoted-printable",
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n",
        "na=C3=AFve caf=C3=A9 =\r\n",
        3_000,
        "",
    ),
    ("soft line breaks", "Content-Transfer-Encoding: quoted-printable\r\n\r\n", "=\r\n", 10_000, "x"),
    ("blanks at the end of a line", "Content-Transfer-Encoding: quoted-printable\r\n\r\n", " ", 30_000, "\r\n"),
    (
        "koi8-r",
        "Content-Type: text/plain; charset=koi8-r\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n",
        "=D0=D2=C9=D7=C5=D4 ",
        3_000,
        "",
    ),
    ("iso-2022-jp", "Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n", "\x1b$BF|K\\\x1b(B ", 3_000, ""),
    ("utf-7", "Content-Type: text/plain; charset=utf-7\r\n\r\n", "+AOk- x", 5_000, ""),
    (
        "uuencode",
        "\r\nbegin 644 a\r\n",
        "M5&AE('%U:6-K(&)R;W=N(&9O>\"!J=6UP<R!O=F5R('1H92!L87IY(&1O9RX*\r\n",
        800,
        "`\r\nend\r\n",
    ),
    ("parts", MIXED, "\r\nx\r\n--b\r\n", 600, "\r\nx\r\n--b--\r\n"),
    ("header fields", "", "X-Field: value\r\n", 1_500, "\r\nx"),
    ("address fields", "", "To: a@b.example\r\n", 1_500, "\r\nx"),
    ("folds", HEADER, "\r\n a", 8_000, "\r\n\r\nx"),
    ("empty folds", HEADER, "\r\n ", 8_000, "\r\n\r\nx"),
    ("one long field", HEADER, "abcdefghij", 8_000, "\r\n\r\nx"),
    ("lines without a colon", "", "abc\r\n", 8_000, ""),
    ("mailboxes in To", "To: a@b", ", \"A, B\" <a@b.example>", 2_000, "\r\n\r\nx"),
    ("commas in To", "To: ", ",", 30_000, "\r\n\r\nx"),
    ("groups in To", "To: ", "g: a@b;,", 4_000, "\r\n\r\nx"),
    ("quoted strings", "To: ", "\"a\\\"b\" ", 4_000, "<a@b>\r\n\r\nx"),
    ("one quoted string", "To: \"", "a\\\" ", 10_000, "\" <a@b>\r\n\r\nx"),
    ("quotes that stay open", "To: ", "\"a <a@b>, ", 3_000, "\r\n\r\nx"),
    ("comments", "To: a@b ", "(c) ", 8_000, "\r\n\r\nx"),
    ("comments in comments", "To: a@b ", "(", 20_000, "\r\n\r\nx"),
    ("routes", "To: <", "@a.example,", 4_000, ":a@b>\r\n\r\nx"),
    ("angle brackets", "To: ", "<", 20_000, "\r\n\r\nx"),
    ("ids in References", "References: ", "<1234567890@example.org> ", 2_000, "\r\n\r\nx"),
    ("brackets in References", "References: ", "<", 20_000, "\r\n\r\nx"),
    ("encoded words", HEADER, "=?utf-8?Q?=C3=A4?= ", 3_000, "\r\n\r\nx"),
    ("encoded words in base64", HEADER, "=?utf-8?B?w6TDtg==?= ", 3_000, "\r\n\r\nx"),
    ("encoded words that stay open", HEADER, "=?utf-8?Q?", 5_000, "\r\n\r\nx"),
    ("beginnings of encoded words", HEADER, "=?", 20_000, "\r\n\r\nx"),
    ("parameters", "Content-Type: text/plain", "; a=b", 8_000, "\r\n\r\nx"),
    ("quoted parameters", "Content-Type: text/plain", "; a=\"b\\\"c\"", 5_000, "\r\n\r\nx"),
    ("semicolons", "Content-Type: text/plain", ";", 30_000, "\r\n\r\nx"),
    ("comments behind no parameter", "Content-Type: multipart/mixed;", "a(;", 10_000, "\r\n\r\nx"),
    ("comments in Received", "Received: from a ", "(b) ", 8_000, "; Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\nx"),
    ("comments in Date", "Date: Mon, 1 Jan 2024 00:00:00 +0000 ", "(b) ", 8_000, "\r\n\r\nx"),
    ("near-boundary lines", MIXED, "--bb\r\n", 8_000, "--b--\r\n"),
    ("dashes", MIXED, "-", 60_000, "\r\n--b--\r\n"),
];

const HTML: &[(&str, &str, &str, usize)] = &[
    ("html paragraphs", "", "<p>one <b>two</b></p>", 2_000),
    ("html entities", "", "&amp;", 8_000),
    ("html beginnings of entities", "", "&", 30_000),
    ("html open tags", "", "<a ", 10_000),
    ("html open quotes", "", "<a title=\"", 5_000),
    ("html open comments", "", "<!--", 8_000),
    ("html quotations", "", "<blockquote>x", 3_000),
    ("html links", "", "<a href=https://a.example/>x</a> ", 2_000),
    ("html raw text", "<script>", "</", 20_000),
    ("html templates that stay open", "", "<template></p>", 5_000),
];

const MBOXES: [(&str, &str); 4] = [
    ("mbox separators", "From a@b\n"),
    ("mbox mails", "From a@b\nContent-Length: 2\n\nx\n\n"),
    ("mbox quotes", ">From a@b\n"),
    ("mbox lengths into a line", "From a@b\nContent-Length: 2\n\nxx"),
];

/// Reads a file of mails in two dialects: with the lengths that they tell, and without.
fn mbox(file: &[u8]) -> usize {
    let read = |dialect| Mbox::in_dialect(file, dialect).map(|entry| entry.unquoted().len()).sum::<usize>();
    read(MboxDialect::Mboxrd) + read(MboxDialect::Mboxcl)
}

/// An input that begins and ends as it is said, with so many units between at first.
pub(crate) fn repeated(
    name: &str,
    read: fn(&[u8]) -> usize,
    before: impl Into<String>,
    unit: &'static str,
    count: usize,
    after: impl Into<String>,
) -> Input {
    let (before, after) = (before.into(), after.into());
    Input {
        name: name.to_owned(),
        read,
        make: Box::new(move |times| [before.as_str(), &unit.repeat(count * times), &after].concat().into_bytes()),
        whole: None,
    }
}

pub(crate) fn inputs() -> Vec<Input> {
    let mails = ROWS.iter().map(|&(name, before, unit, count, after)| {
        repeated(&format!("mail: {name}"), read, before, unit, count, after)
    });
    let pages = HTML.iter().map(|&(name, before, unit, count)| repeated(name, html, before, unit, count, ""));
    let files = MBOXES.map(|(name, unit)| repeated(name, mbox, "", unit, 4_000, ""));
    let made: [(&str, fn(usize) -> Vec<u8>); 5] = [
        ("mail: colons behind an at sign in To", colons),
        ("mail: sections of a file name", sections),
        ("mail: levels of one boundary", one_boundary),
        ("mail: levels of boundaries of their own", own_boundaries),
        ("mail: mails in mails", mails_in_mails),
    ];
    let made = made.map(|(name, make)| Input { name: name.to_owned(), read, make: Box::new(make), whole: None });
    mails.chain(pages).chain(files).chain(made).collect()
}

/// Many words, and many colons that could make a group of them if there were no `@`.
fn colons(times: usize) -> Vec<u8> {
    let count = 8_000 * times;
    format!("To: {}@{}\r\n\r\nx", "a ".repeat(count), ":".repeat(count)).into()
}

/// RFC 2231, the last section first.
fn sections(times: usize) -> Vec<u8> {
    let sections: String = (0..100 * times).rev().map(|n| format!(";\r\n filename*{n}*=a%C3%A4b")).collect();
    format!("Content-Disposition: attachment{sections}\r\n\r\nx").into()
}

fn one_boundary(times: usize) -> Vec<u8> {
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n".repeat(600 * times).into()
}

fn own_boundaries(times: usize) -> Vec<u8> {
    let level = |n| format!("Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n");
    (0..600 * times).map(level).collect::<String>().into()
}

fn mails_in_mails(times: usize) -> Vec<u8> {
    "Content-Type: message/rfc822\r\n\r\n".repeat(1_000 * times).into()
}
