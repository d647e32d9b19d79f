//! A mail as it was sent: all of its octets but the fields that servers add on its way.
//!
//! One mail to two mailboxes comes twice, and differs in these fields only.

use crate::digest::hex;
use crate::token::ReplyToken;
use memchr::memchr;
use sha2::{Digest, Sha256};
use std::collections::HashSet;

/// What servers add above a mail (RFC 5321 §4.4, RFC 8617 §4, and what is in use besides), and no rule reads.
const TRACE: [&str; 7] = [
    "Received",
    "X-Received",
    "X-Google-Smtp-Source",
    "ARC-Seal",
    "ARC-Message-Signature",
    "ARC-Authentication-Results",
    "Return-Path",
];

/// Where it was delivered (RFC 9228, and what is in use besides).
const ENVELOPE: [&str; 5] = [
    "Delivered-To",
    "X-Delivered-To",
    "X-Original-To",
    "Envelope-To",
    "X-Envelope-To",
];

/// Stands for fields that were left out, one after the other: nothing moves from one side of them to the other.
const LEFT_OUT: &[u8] = b"\0\n";

/// SHA-256 of a mail without what was added on its way, in lower-case hex.
///
/// What decides what becomes of the mail counts nevertheless: an empty Return-Path, a reply token in the envelope, and that it
/// was delivered to the same address twice.
pub(crate) fn sha256(raw: &[u8]) -> String {
    let mut hash = Sha256::new();
    let mut delivered = HashSet::new();
    let (mut rest, mut leaving) = (raw, false);
    while let Some((field, after)) = field(rest) {
        let left_out = is_left_out(field, &mut delivered);
        match left_out {
            true if !leaving => hash.update(LEFT_OUT),
            true => {}
            false => hash.update(field),
        }
        leaving = left_out;
        rest = after;
    }
    hash.update(rest);
    hex(&hash.finalize())
}

/// The first field with its line ends, and what follows it; `None` at the end of the header.
fn field(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    if rest.is_empty() || rest.starts_with(b"\n") || rest.starts_with(b"\r\n") {
        return None;
    }
    let mut end = 0;
    loop {
        let line = rest.get(end..)?;
        end += memchr(b'\n', line).map_or(line.len(), |at| at + 1);
        let next = rest.get(end);
        if !matches!(next, Some(b' ' | b'\t')) {
            return rest.split_at_checked(end);
        }
    }
}

fn is_left_out(field: &[u8], delivered: &mut HashSet<Vec<u8>>) -> bool {
    let Some((name, value)) = memchr(b':', field).and_then(|at| field.split_at_checked(at)) else {
        return false;
    };
    let is = |known: &&str| name.eq_ignore_ascii_case(known.as_bytes());
    let value = value.get(1..).unwrap_or_default().trim_ascii();
    if TRACE.iter().any(is) {
        return value != b"<>";
    }
    if !ENVELOPE.iter().any(is) {
        return false;
    }
    let address = String::from_utf8_lossy(value);
    let address = address.trim_matches(['<', '>']);
    let twice = !delivered.insert(field.to_ascii_lowercase());
    !twice && ReplyToken::from_address(address).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MAIL: &str = "From: a@b\r\nSubject: x\r\n\r\nReceived: by nobody\r\n";

    fn same(one: &str, two: &str) -> bool {
        sha256(one.as_bytes()) == sha256(two.as_bytes())
    }

    fn over(fields: &str) -> String {
        format!("{fields}{MAIL}")
    }

    #[test]
    fn copies_in_two_mailboxes_are_the_same_mail() {
        let one = over(
            "Return-Path: <a@b>\r\nDelivered-To: desk@example.org\r\nReceived: from x\r\n\tby y id 1\r\n",
        );
        let two = over(
            "return-path:<a+1@b>\r\nX-Original-To: sales@example.org\r\nDelivered-To: sales@example.org\r\n\
             Received: from x\r\n by y id 2\r\nReceived: z\r\n",
        );
        assert!(same(&one, &two));
        assert!(
            !same(&one, MAIL),
            "a mail without any trace came another way"
        );
    }

    #[test]
    fn whatever_else_differs_makes_two_mails() {
        let one = over("Received: a\r\n");
        for other in [
            one.replace("Subject: x", "Subject: y"),
            one.replace("Subject: x", "Subject: x "),
            one.replace("\r\n\r\nReceived", "\r\n\r\nX-Received"),
            one.replace("by nobody", "by somebody"),
            one.replace("From: a@b\r\n", ""),
            over("X-Spam-Flag: YES\r\nReceived: a\r\n"),
            over("Authentication-Results: mx; dmarc=fail\r\nReceived: a\r\n"),
            over("Received: a\r\nList-Id: <l>\r\n"),
            format!("{one}\r\n"),
        ] {
            assert!(!same(&one, &other), "{other}");
        }
    }

    #[test]
    fn what_decides_about_a_mail_is_no_trace() {
        let plain = over("Return-Path: <a@b>\r\nDelivered-To: desk@example.org\r\n");
        for other in [
            "Return-Path: <>\r\nDelivered-To: desk@example.org\r\n",
            "Return-Path: <a@b>\r\nDelivered-To: desk+incident.INC0010001.mzxw6ytbmzxw6ytb@example.org\r\n",
            "Return-Path: <a@b>\r\nDelivered-To: desk@example.org\r\nDelivered-To: DESK@example.org\r\n",
        ] {
            assert!(!same(&plain, &over(other)), "{other}");
        }
        // A server's word about spam counts above the first Received only.
        let above = over("X-Spam-Flag: YES\r\nReceived: a\r\n");
        assert!(!same(&above, &over("Received: a\r\nX-Spam-Flag: YES\r\n")));
    }

    proptest! {
        #[test]
        fn any_octets_have_a_hash_that_their_body_changes(raw in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut more = raw.clone();
            more.extend(b"\r\n\r\nx");
            prop_assert_ne!(sha256(&raw), sha256(&more));
        }
    }
}
