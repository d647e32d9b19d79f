mod header;
mod tree;
mod wanted;

use super::naive;
use header::Header;
use postrider_mime::{Message, TransferEncoding};
use tree::Tree;
use wanted::Wanted;

/// The input is what a mail shall have, one thing a line: `f`rom, se`n`der, re`p`ly-to, `t`o, `c`c, `b`cc, `s`ubject, `d`ate,
/// `m`essage-id, `i`n-reply-to, `r`eferences, `l` a header field of its own, ra`w` one (a bar folds it), `x` a line of text, `h` a line
/// of HTML, `k` a calendar object (method, bar, object), `g` what the HTML shows (identifier, bar, content), `a`ttachment (name, bar,
/// content), `y` a tree of parts by choice (decisions, bar, content, in which a bar is a LF), `u` for UTF-8 in headers.
///
/// * What cannot be written is refused; what is written, the parser reads back equal, without a defect: the values, and the tree of
///   parts with types, encodings, names and content.
/// * Lines end with CRLF and have at most 998 octets; no CR or LF stands alone. A message within the message is as it was given.
/// * The header of each part has the fields that were asked for, each as often as it was, and Bcc never.
/// * The same input makes the same octets, as many as were foretold.
/// * What is read of that mail, and of the input as a mail, is written again and read back equal.
pub fn mime_roundtrip(input: &[u8]) {
    is_written_again(input);
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
    has_proper_lines(&mail, &wanted.tree());
    wanted.is_read_back(&Message::parse(&mail));
    is_written_again(&mail);
}

/// A mail that is no longer has far fewer parts than the limits of a parser allow.
const SMALL: usize = 16 << 10;

/// What was read of a mail and can be written, is: and is read back equal.
fn is_written_again(mail: &[u8]) {
    if mail.len() > SMALL {
        return;
    }
    let message = Message::parse(mail);
    let (header, tree) = (Header::of(&message).completed(), Tree::of(message.root()));
    let built = header.builder().body(tree.body_part()).build();
    let built = built.expect("what was read and can be written");
    has_proper_lines(&built, &tree);
    let again = Message::parse(&built);
    assert_eq!(Header::of(&again), header, "{}", built.escape_ascii());
    tree.is_read_back(again.root(), header.names());
}

/// Lines as RFC 5322 §2.1 has them, if no message within the message has others: it must not be encoded.
fn has_proper_lines(mail: &[u8], tree: &Tree) {
    if tree.domain() == TransferEncoding::Binary {
        return;
    }
    let mut rest = mail;
    while let Some(line) = naive::line(&mut rest) {
        let text = line.strip_suffix(b"\r\n");
        assert!(text.is_some_and(is_proper), "{}", line.escape_ascii());
    }
    let last = rest.escape_ascii();
    assert!(rest.is_empty() || tree.may_end_within_a_line(), "{last}");
    assert!(is_proper(rest), "{last}");
}

fn is_proper(line: &[u8]) -> bool {
    line.len() <= 998 && !line.contains(&b'\r')
}
