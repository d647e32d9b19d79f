//! Signatures, against the vectors of the RFCs and a verifier that does what their words say.

#![cfg(feature = "dkim")]
#![allow(clippy::unwrap_used)] // Keys and messages are made outside the tests themselves.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use postrider_mime::dkim::Canonicalization::{Relaxed, Simple};
use postrider_mime::dkim::{DkimError, HEADER_LIMIT, Key, Signer};
use postrider_mime::{DateTime, Message, MessageBuilder};
use proptest::prelude::*;
use ring::digest::{SHA256, digest};
use ring::signature::{
    ED25519, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey,
};

const ED25519_PEM: &str = include_str!("dkim/ed25519.pem");
const RSA_PKCS8: &str = include_str!("dkim/rsa-pkcs8.pem");
const RSA_PKCS1: &str = include_str!("dkim/rsa-pkcs1.pem");

/// RFC 8463 A.3.
const RFC8463: &str = "From: Joe SixPack <joe@football.example.com>\r\n\
    To: Suzie Q <suzie@shopping.example.net>\r\n\
    Subject: Is dinner ready?\r\n\
    Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n\
    Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n\
    \r\n\
    Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";

fn signer(pem: &str) -> Signer {
    Signer::new("example.org", "s1", Key::from_pem(pem).unwrap()).unwrap()
}

fn der(pem: &str) -> Vec<u8> {
    let lines = pem.lines().filter(|line| !line.starts_with('-'));
    STANDARD.decode(lines.collect::<String>()).unwrap()
}

/// The key that a record publishes.
fn published(record: &str) -> Vec<u8> {
    STANDARD.decode(record.split_once("p=").unwrap().1).unwrap()
}

/// The value of a tag, without white space.
fn tag(field: &str, name: &str) -> Option<String> {
    let tags = field.split_once(':').unwrap().1.split(';');
    let mut tags = tags.filter_map(|tag| tag.split_once('='));
    let value = tags.find(|(n, _)| n.trim() == name)?.1;
    Some(value.split_ascii_whitespace().collect())
}

/// RFC 6376 §3.4.1 to §3.4.4, in as many passes as there are sentences.
fn canonical(relaxed: bool, line: &str) -> String {
    if !relaxed {
        return line.to_owned();
    }
    let words = line.split([' ', '\t']).filter(|word| !word.is_empty());
    let indent = if line.starts_with([' ', '\t']) {
        " "
    } else {
        ""
    };
    let line = format!("{indent}{}", words.collect::<Vec<_>>().join(" "));
    line.trim_end().to_owned()
}

fn canonical_field(relaxed: bool, field: &str) -> String {
    if !relaxed {
        return field.to_owned();
    }
    let (name, value) = field.split_once(':').unwrap();
    let value = canonical(true, &value.replace("\r\n", ""));
    format!("{}:{}", name.trim_end().to_lowercase(), value.trim_start())
}

fn canonical_body(relaxed: bool, body: &str) -> String {
    let mut lines: Vec<String> = body.split("\r\n").map(|l| canonical(relaxed, l)).collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    if lines.is_empty() && relaxed {
        return String::new();
    }
    lines.join("\r\n") + "\r\n"
}

/// The fields of a header, without their last line ends.
fn fields(header: &str) -> Vec<String> {
    let mut fields: Vec<String> = Vec::new();
    for line in header.split_terminator("\r\n") {
        match fields.last_mut().filter(|_| line.starts_with([' ', '\t'])) {
            Some(field) => *field = format!("{field}\r\n{line}"),
            None => fields.push(line.to_owned()),
        }
    }
    fields
}

/// What a signature signs: the header in canonical form. Fails the test if the body is another one (RFC 6376 §6.1.3).
fn signed_header(field: &str, message: &str) -> String {
    let field = field.trim_end();
    let (relaxed, body_relaxed) = match tag(field, "c").as_deref() {
        Some("relaxed/relaxed") => (true, true),
        Some("relaxed/simple") => (true, false),
        Some("simple/relaxed") => (false, true),
        other => (other.unwrap() != "simple/simple", false),
    };
    let (header, body) = message.split_once("\r\n\r\n").unwrap_or((message, ""));
    let hash = digest(&SHA256, canonical_body(body_relaxed, body).as_bytes());
    assert_eq!(tag(field, "bh").unwrap(), STANDARD.encode(hash));
    let mut left = fields(header);
    let mut signed = String::new();
    for name in tag(field, "h").unwrap().split(':') {
        let same = |f: &String| {
            f.split(':')
                .next()
                .unwrap()
                .trim_end()
                .eq_ignore_ascii_case(name)
        };
        if let Some(at) = left.iter().rposition(same) {
            signed += &canonical_field(relaxed, &left.remove(at));
            signed += "\r\n";
        }
    }
    let (before, _) = field.rsplit_once(" b=").unwrap();
    signed + &canonical_field(relaxed, &format!("{before} b="))
}

/// Whether a signature is one of the key that a record publishes.
fn verifies(record: &str, field: &str, message: &str) -> bool {
    let signature = STANDARD.decode(tag(field, "b").unwrap()).unwrap();
    let (key, header) = (published(record), signed_header(field, message));
    match tag(field, "a").as_deref() {
        Some("ed25519-sha256") => {
            let hash = digest(&SHA256, header.as_bytes());
            UnparsedPublicKey::new(&ED25519, key).verify(hash.as_ref(), &signature)
        }
        // What stands before the key of 2048 bits in SubjectPublicKeyInfo has 24 bytes.
        _ => UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &key[24..])
            .verify(header.as_bytes(), &signature),
    }
    .is_ok()
}

fn rfc8463_signer() -> Signer {
    // RFC 8463 A.2: the secret key, behind what PKCS#8 puts before one.
    let mut key = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
    let secret = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
    key.extend(STANDARD.decode(secret).unwrap());
    let key = Key::from_pkcs8(&key).unwrap();
    let signer = Signer::new("football.example.com", "brisbane", key).unwrap();
    let signer = signer.identity("@football.example.com").unwrap();
    let signed = ["From", "To", "Subject", "Date", "Message-ID"];
    signer.fields(signed, ["From", "Subject", "Date"]).unwrap()
}

#[test]
fn rfc8463_a_the_very_signature_of_the_example() {
    let signer = rfc8463_signer();
    assert_eq!(
        signer.key().record(),
        "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
    );
    assert_eq!(
        signer.record_name(),
        "brisbane._domainkey.football.example.com"
    );
    let field = signer.sign_at(RFC8463.as_bytes(), 1_528_637_909).unwrap();
    // The RFC folds elsewhere, which relaxed canonicalisation does not see.
    let (before, _) = field.rsplit_once(" b=").unwrap();
    assert_eq!(
        canonical_field(true, before),
        "dkim-signature:v=1; a=ed25519-sha256; c=relaxed/relaxed; d=football.example.com; \
         i=@football.example.com; q=dns/txt; s=brisbane; t=1528637909; \
         h=from : to : subject : date : message-id : from : subject : date; \
         bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;"
    );
    assert_eq!(
        tag(&field, "b").unwrap(),
        "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw=="
    );
    assert!(field.lines().all(|line| line.len() <= 78));
}

/// The RSA key of the RFC has 1024 bits, with which nothing is signed here. Its signature shows that our tests verify.
#[test]
fn rfc8463_a_the_verifier_of_these_tests_accepts_the_rsa_signature_of_the_example() {
    let field = "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n \
        d=football.example.com; i=@football.example.com;\r\n \
        q=dns/txt; s=test; t=1528637909; h=from : to : subject :\r\n \
        date : message-id : from : subject : date;\r\n \
        bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n \
        b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\r\n \
        DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz\r\n \
        dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=";
    // RFC 8463 A.2: what stands before the modulus in this SubjectPublicKeyInfo has 29 bytes, what stands behind it 5.
    let key = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQi\
        Y/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLz\
        BfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB";
    let n = STANDARD.decode(key).unwrap()[29..157].to_vec();
    let key = RsaPublicKeyComponents {
        n,
        e: vec![1, 0, 1],
    };
    let signature = STANDARD.decode(tag(field, "b").unwrap()).unwrap();
    key.verify(
        &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        signed_header(field, RFC8463).as_bytes(),
        &signature,
    )
    .unwrap();
}

#[test]
fn rfc6376_3_3_1_rsa_of_both_encodings_signs_what_its_published_key_verifies() {
    let message = "From: jo@example.org\r\nSubject: Hi\r\n\r\nHello!\r\n";
    let (pkcs8, pkcs1) = (signer(RSA_PKCS8), signer(RSA_PKCS1));
    let field = pkcs8.sign_at(message.as_bytes(), 1).unwrap();
    assert_eq!(pkcs1.sign_at(message.as_bytes(), 1).unwrap(), field);
    assert_eq!(tag(&field, "a").as_deref(), Some("rsa-sha256"));
    assert!(verifies(&pkcs8.key().record(), &field, message));
    assert!(!verifies(
        &pkcs8.key().record(),
        &field,
        &message.replace("Hi", "Ho")
    ));
    assert!(field.lines().all(|line| line.len() <= 78));
    let der_key = Key::from_pkcs8(&der(RSA_PKCS8)).unwrap();
    assert_eq!(
        der_key.record(),
        Key::from_pkcs1(&der(RSA_PKCS1)).unwrap().record()
    );
}

#[test]
fn rfc6376_5_4_fields_are_signed_from_the_last_one_and_none_may_be_added() {
    let signer = signer(ED25519_PEM)
        .fields(["from", "x"], ["from", "cc"])
        .unwrap();
    let message = "X: 1\r\nFrom: a@example.org\r\nx : 2\r\n\r\n";
    let field = signer.sign_at(message.as_bytes(), 1).unwrap();
    assert_eq!(tag(&field, "h").as_deref(), Some("from:x:x:from:cc"));
    let verifies = |message: &str| verifies(&signer.key().record(), &field, message);
    assert!(verifies(message));
    assert!(verifies(&format!("Y: 3\r\n{message}")));
    // A third X is not covered, because X is not oversigned; it stands above what was signed.
    assert!(verifies(&format!("X: 0\r\n{message}")));
    assert!(!verifies(&format!("From: b@example.org\r\n{message}")));
    assert!(!verifies(&format!("Cc: b@example.org\r\n{message}")));
    assert!(!verifies(&message.replace("x : 2\r\n", "")));
    assert!(!verifies("x: 2\r\nFrom: a@example.org\r\nX: 1\r\n\r\n"));
}

#[test]
fn rfc6376_3_5_times_and_their_limits() {
    let signer = signer(ED25519_PEM)
        .lifetime(Duration::from_secs(60))
        .unwrap();
    let message = b"From: a@example.org\r\n\r\n";
    let field = signer.sign_at(message, 1000).unwrap();
    assert_eq!(
        (tag(&field, "t"), tag(&field, "x")),
        (Some("1000".into()), Some("1060".into()))
    );
    assert!(signer.sign_at(message, 999_999_999_939).is_ok());
    for late in [999_999_999_940, u64::MAX] {
        assert_eq!(signer.sign_at(message, late), Err(DkimError::Time));
    }
    assert_eq!(
        signer.lifetime(Duration::from_millis(999)).unwrap_err(),
        DkimError::Lifetime
    );
}

#[test]
fn what_must_not_be_signed_is_refused() {
    let sign = |message: &[u8]| signer(ED25519_PEM).sign_at(message, 1).map(drop);
    assert_eq!(sign(b"To: a@example.org\r\n\r\n"), Err(DkimError::NoFrom));
    assert_eq!(sign(b"\r\nFrom: a@example.org\r\n"), Err(DkimError::NoFrom));
    assert_eq!(
        sign(b"From: a@b.c\r\nfrom : a@b.c\r\n\r\n"),
        Err(DkimError::RepeatedFrom)
    );
    assert_eq!(
        sign(b"From: a@b.c\n\nHi\n"),
        Err(DkimError::LineEnd { offset: 11 })
    );
    assert_eq!(
        sign(b"From: a@b.c\r\n\r\nHi\r"),
        Err(DkimError::LineEnd { offset: 17 })
    );
    assert_eq!(
        sign(b"From: a@b.c\r\n\r\nH\ri\r\n"),
        Err(DkimError::LineEnd { offset: 16 })
    );
    let header = |length: usize| {
        let mut header = b"From: a@b.c\r\nX: ".to_vec();
        header.resize(length - 2, b'x');
        header.extend(b"\r\n\r\nbody\r\n");
        header
    };
    assert_eq!(sign(&header(HEADER_LIMIT)), Ok(()));
    assert_eq!(
        sign(&header(HEADER_LIMIT + 1)),
        Err(DkimError::HeaderTooLong)
    );
    for name in ["", "a b", "a:b", "a;b", "DKIM-Signature", "é"] {
        let refused = signer(ED25519_PEM).fields(["from", name], []);
        assert_eq!(refused.unwrap_err(), DkimError::FieldName(name.into()));
    }
    let without_from = signer(ED25519_PEM).fields(["to"], ["cc"]);
    assert_eq!(without_from.unwrap_err(), DkimError::FromNotSigned);
}

#[test]
fn the_key_is_not_in_debug() {
    let signer = signer(ED25519_PEM);
    let said = format!("{signer:?} {:?}", signer.start_at(1).unwrap());
    assert!(said.contains("key: Key(ed25519-sha256)"), "{said}");
    // The secret is the end of the key, as text and as numbers.
    let secret = der(ED25519_PEM)[16..].to_vec();
    let number = format!("{}, {}, {}", secret[0], secret[1], secret[2]);
    assert!(!said.contains(&number) && !said.contains(&STANDARD.encode(&secret)[..8]));
}

#[test]
fn a_message_is_built_into_the_signature_and_read_back() {
    let signer = signer(ED25519_PEM);
    let builder = MessageBuilder::new()
        .from("jo@example.org")
        .subject(
            "Grüße, so long that the field is folded somewhere in the middle of all these words",
        )
        .date(DateTime::from_unix(1_700_000_000, 0).unwrap())
        .text("Hello  there \n\n\n")
        .attach("a.bin", "application/octet-stream", vec![7; 100_000]);
    let mut signing = signer.start_at(1).unwrap();
    builder.write_to(&mut signing).unwrap();
    let field = signing.finish().unwrap();
    let bytes = builder.build().unwrap();
    assert!(verifies(
        &signer.key().record(),
        &field,
        std::str::from_utf8(&bytes).unwrap()
    ));
    let signed = signer.signed(&bytes).unwrap();
    let message = Message::parse(&signed);
    assert!(message.defects().is_empty());
    assert_eq!(message.attachments().len(), 1);
    // The builder takes the field as well.
    let again = builder.raw_header(&field).build().unwrap();
    assert!(verifies(
        &signer.key().record(),
        &field,
        std::str::from_utf8(&again).unwrap()
    ));
}

proptest! {
    #[test]
    fn what_is_signed_verifies_however_it_is_cut(
        header in "((To|X|subject)[ \t]?:([ab]| |\t|\r\n )*\r\n){0,6}",
        body in "([ab]| |\t|\r\n){0,30}",
        step in 1..40_usize,
        forms in (any::<bool>(), any::<bool>()),
    ) {
        let message = format!("{header}From: a@example.org\r\n\r\n{body}");
        let form = |relaxed| if relaxed { Relaxed } else { Simple };
        let signer = signer(ED25519_PEM).canonicalization(form(forms.0), form(forms.1));
        let field = signer.sign_at(message.as_bytes(), 1).unwrap();
        prop_assert!(verifies(&signer.key().record(), &field, &message));
        let mut signing = signer.start_at(1).unwrap();
        message.as_bytes().chunks(step).for_each(|piece| signing.push(piece));
        prop_assert_eq!(signing.finish().unwrap(), field);
    }

    #[test]
    fn any_bytes_are_signed_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..60), step in 1..9_usize) {
        let signer = signer(ED25519_PEM);
        let mut signing = signer.start_at(1).unwrap();
        bytes.chunks(step).for_each(|piece| signing.push(piece));
        prop_assert_eq!(signing.finish(), signer.sign_at(&bytes, 1));
    }
}
