//! Digests: whose they are, and how far they are read.

use super::*;
use crate::email_digest::{DigestOutcome, DueDigest, NewPart};

/// Keeps a part for somebody, of an event of its own; their digest is due a minute after the first.
pub(super) fn keep(store: &SqliteStore, user: Option<&str>, address: &str, text: &str) {
    let part = NewPart {
        user: user.map(str::to_owned),
        address: address.to_owned(),
        via: "parm1".to_owned(),
        about: None,
        interval: Duration::from_secs(60),
        record: None,
        subject: "Told".to_owned(),
        html: None,
        text: text.to_owned(),
    };
    let mut settled = settlement(fire(store, "tell"), Vec::new());
    settled.matches[0].digests.push(part);
    store.settle(&[settled]).unwrap();
}

/// Whose it is, how many parts it has, and how many of them were read.
fn read(digest: &DueDigest) -> (&str, usize, usize) {
    (&digest.address, digest.count, digest.parts.len())
}

#[test]
fn people_who_share_an_address_have_digests_of_their_own() {
    let store = memory();
    for user in [Some("ada"), Some("bob"), None, Some("ada"), None] {
        keep(&store, user, "team@b", "x");
    }
    keep(&store, Some("ada"), "Team@B", "x");
    let due = store.due_digests(at(60), 9).unwrap();
    let whose = due.iter().map(|one| (one.user.as_deref(), one.count));
    let whose: Vec<_> = whose.collect();
    assert_eq!(whose, [(Some("ada"), 3), (Some("bob"), 1), (None, 2)]);
}

#[test]
fn a_digest_of_any_size_is_read_no_further_than_one_mail_needs() {
    const MEBIBYTE: usize = 1 << 20;
    let store = memory();
    for (address, parts, mebibytes) in [
        ("ada@b", 9, 1),
        ("bob@b", 3, 5),
        ("cyn@b", 1, 1),
        ("dan@b", 3, 1),
        ("eve@b", 1, 1),
    ] {
        let text = "x".repeat(mebibytes * MEBIBYTE);
        for _ in 0..parts {
            keep(&store, None, address, &text);
        }
    }
    let open = store.open_digests().unwrap();
    let counts: Vec<usize> = open.iter().map(|digest| digest.count).collect();
    assert_eq!(counts, [9, 3, 1, 3, 1]);
    assert!(open.iter().all(|digest| digest.parts.is_empty()));

    let ended = |digest: &DueDigest| DigestOutcome {
        digest: digest.id,
        parts: digest.count,
        ended: digest.parts.len(),
        verdict: "opted_out",
        detail: String::new(),
        mail: None,
    };
    // Four mebibytes of each, two parts at least, and sixteen of all.
    for round in [
        &[
            ("ada@b", 9, 4),
            ("bob@b", 3, 2),
            ("cyn@b", 1, 1),
            ("dan@b", 3, 3),
        ][..],
        &[("ada@b", 5, 4), ("bob@b", 1, 1), ("eve@b", 1, 1)],
        &[("ada@b", 1, 1)],
        &[],
    ] {
        let due = store.due_digests(at(60), 9).unwrap();
        assert_eq!(due.iter().map(read).collect::<Vec<_>>(), round);
        let outcomes: Vec<DigestOutcome> = due.iter().map(ended).collect();
        assert_eq!(store.end_digests(&outcomes).unwrap(), due.len());
    }
    assert!(store.open_digests().unwrap().is_empty());
}
