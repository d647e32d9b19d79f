use super::naive;
use postrider_mime::dkim::Canonicalization::{Relaxed, Simple};
use postrider_mime::dkim::{Key, Signer};
use std::sync::LazyLock;

/// The first octet says how the rest, a message, is cut into pieces.
///
/// * The pieces never matter, and the same message makes the same field.
/// * The field is one field: its lines are at most 998 octets, and nothing of the message's stands in it.
/// * What relaxed canonicalisation forgives (RFC 6376 §3.4.2, §3.4.4) changes no signature: blanks at the ends of lines,
///   empty lines at the end, the case of names. A letter more in the body changes it.
pub fn dkim(input: &[u8]) {
    static SIGNERS: LazyLock<[Signer; 2]> = LazyLock::new(|| [Relaxed, Simple].map(signer));
    let (&cut, message) = input.split_first().unwrap_or((&0, &[]));
    let message = [
        b"From: ada@example.org\r\n",
        &naive::normalised(message)[..],
    ]
    .concat();
    for (signer, relaxed) in SIGNERS.iter().zip([true, false]) {
        let whole = signer.sign_at(&message, 1_000_000);
        let mut signing = signer.start_at(1_000_000).expect("a moment");
        message
            .chunks(usize::from(cut) + 1)
            .for_each(|piece| signing.push(piece));
        let pieces = signing.finish();
        assert_eq!(format!("{whole:?}"), format!("{pieces:?}"));
        let Ok(field) = whole else { continue };
        assert!(field.starts_with("DKIM-Signature: ") && field.ends_with("\r\n"));
        for (at, line) in field.split_terminator("\r\n").enumerate() {
            assert!(line.len() <= 998 && !line.contains(['\r', '\n']));
            assert!(at == 0 || line.starts_with([' ', '\t']), "{line:?}");
        }
        let Some(end) = message.windows(4).position(|w| w == b"\r\n\r\n") else {
            continue;
        };
        let more = [&message[..], b"x"].concat();
        let more = signer.sign_at(&more, 1_000_000).expect("a signature");
        assert_ne!(field, more, "a letter more is not seen");
        if relaxed {
            let forgiven = forgiven(&message, end + 4);
            assert_eq!(signer.sign_at(&forgiven, 1_000_000).ok(), Some(field));
        }
    }
}

fn signer(form: postrider_mime::dkim::Canonicalization) -> Signer {
    let key = include_str!("../../../mime/tests/dkim/ed25519.pem");
    let key = Key::from_pem(key).expect("a key");
    let signer = Signer::new("example.org", "s1", key).expect("a signer");
    signer.canonicalization(form, form)
}

/// Another message with the same relaxed form.
fn forgiven(message: &[u8], body: usize) -> Vec<u8> {
    let (header, body) = message.split_at(body);
    let mut out = Vec::new();
    out.extend_from_slice(b"fROM:  ada@example.org \r\n");
    out.extend_from_slice(&header[b"From: ada@example.org\r\n".len()..]);
    for line in body.split_inclusive(|octet| *octet == b'\n') {
        match line.strip_suffix(b"\r\n") {
            Some(text) => out.extend_from_slice(&[text, b" \t\r\n"].concat()),
            None => out.extend_from_slice(line),
        }
    }
    out.extend_from_slice(b"\r\n \r\n");
    out
}
