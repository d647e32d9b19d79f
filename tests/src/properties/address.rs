use postrider_mime::{Message, MessageBuilder};
use postrider_smtp::{ForwardPath, ReversePath};

/// The input is an address as somebody types it, and a header field of addresses.
///
/// * An address that exists can be written, and is read back equal: in a header (RFC 5322 §3.4) and in an envelope
///   (RFC 5321 §4.1.2).
/// * Whatever is read from a header as an address that can be written, can be.
/// * In an envelope there is no CR, LF, NUL, nor `<`, `>` or a blank outside quotes: nothing can be added to a command.
pub fn address(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let Ok(mailbox) = text.parse::<postrider_mime::Mailbox>() {
        is_read_back(&mailbox);
    }
    let mail = [b"To: ", input, b"\r\n\r\n"].concat();
    let message = Message::parse(&mail);
    for mailbox in message.to().mailboxes().filter_map(|loose| loose.mailbox()) {
        is_read_back(&mailbox);
    }
    if let Ok(path) = text.parse::<ForwardPath>() {
        is_safe(path.as_str());
        assert_eq!(path.as_str().parse::<ForwardPath>().as_ref(), Ok(&path));
    }
    if let Ok(path) = text.parse::<ReversePath>() {
        is_safe(path.as_str());
        assert_eq!(path.as_str().parse::<ReversePath>().as_ref(), Ok(&path));
    }
}

fn is_read_back(mailbox: &postrider_mime::Mailbox) {
    let address = mailbox.addr().to_string();
    assert_eq!(address.parse().as_ref(), Ok(mailbox.addr()), "{address}");
    let built = MessageBuilder::new()
        .from(mailbox)
        .to(mailbox)
        .with_utf8_headers()
        .build();
    let built = built.expect("an address that exists can be written");
    let message = Message::parse(&built);
    let to = message.to();
    let read: Vec<_> = to.mailboxes().map(|loose| loose.mailbox()).collect();
    assert_eq!(read, [Some(mailbox.clone())], "{}", built.escape_ascii());
}

/// The path as it stands between `<` and `>` of a command.
fn is_safe(path: &str) {
    let (mut quoted, mut escaped) = (false, false);
    for c in path.chars() {
        assert!(!c.is_control(), "{path:?}");
        assert!(quoted || !matches!(c, '<' | '>' | ' '), "{path:?}");
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
    }
    assert!(!quoted, "a quote without an end: {path:?}");
}
