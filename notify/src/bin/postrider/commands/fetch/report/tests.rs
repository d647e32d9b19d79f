use super::*;
use bytes::Bytes;
use postrider_pop3::sync::{Digest, MessageKey};
use postrider_pop3::{MessageNumber, Reply};

#[test]
fn sizes_are_short() {
    assert_eq!(size(1023), "1023 octets");
    assert_eq!(size(1024), "1.0 KiB");
    assert_eq!(size(1536 << 10), "1.5 MiB");
    assert!(size(u64::MAX).ends_with(" TiB"));
}

#[test]
fn the_bar_grows_with_what_is_done() {
    let mut bar = Bar::new();
    assert!(bar.line().starts_with("[   "));
    let line = |bar: &Bar, full: usize, said: &str| {
        let (full, empty) = ("#".repeat(full), " ".repeat(WIDTH - full));
        assert_eq!(bar.line(), format!("[{full}{empty}] {said}"));
    };
    bar.note(&SyncEvent::Fetching {
        count: 4,
        octets: 4096,
    });
    bar.note(&SyncEvent::Receiving { octets: 1024 });
    line(&bar, 7, "0 of 4 messages, 1.0 KiB of 4.0 KiB");
    (bar.done, bar.stored) = (3, 3072);
    // Another session: what is left of it.
    bar.note(&SyncEvent::Fetching {
        count: 1,
        octets: 1024,
    });
    line(&bar, 22, "3 of 4 messages, 3.0 KiB of 4.0 KiB");
    bar.note(&SyncEvent::Receiving { octets: 2048 });
    line(&bar, WIDTH, "3 of 4 messages, 5.0 KiB of 4.0 KiB");
}

fn number(n: u32) -> MessageNumber {
    MessageNumber::new(n).unwrap()
}

fn uid() -> UniqueId {
    "what".parse().unwrap()
}

fn key() -> MessageKey {
    MessageKey::new("ada@example.org", None, Digest::of(&[b"x"]))
}

fn reply() -> Reply {
    Reply::parse(&Bytes::from_static(b"-ERR not now")).unwrap()
}

fn left_alone(why: LeftAlone) -> SyncEvent {
    SyncEvent::LeftAlone {
        number: number(3),
        uid: Some(uid()),
        octets: 2048,
        why,
    }
}

fn stored(octets: u64) -> SyncEvent {
    SyncEvent::Stored {
        key: key(),
        uid: None,
        octets,
        place: "new/1".to_owned(),
    }
}

#[test]
fn what_is_out_of_the_ordinary_is_one_sentence() {
    let refused = SyncEvent::Refused {
        number: number(3),
        uid: Some(uid()),
        reply: reply(),
    };
    let not_deleted = SyncEvent::NotDeleted {
        number: number(3),
        reply: reply(),
    };
    let reused = SyncEvent::UidReused { uid: uid() };
    let reset = SyncEvent::UidlReset { vanished: 9 };
    let error = "the connection is lost".to_owned();
    let path = "mbox.postrider-cut".into();
    for (event, sentence) in [
        (
            SyncEvent::SetAside { path },
            "an earlier fetch was cut off, or something is damaged: what was taken out is in mbox.postrider-cut, what others appended included",
        ),
        (refused, "message 3 was refused: -ERR not now"),
        (not_deleted, "message 3 was not deleted: -ERR not now"),
        (
            left_alone(LeftAlone::TooLarge),
            "message 3 (2.0 KiB) is left on the server: it is larger than --max-message",
        ),
        (
            left_alone(LeftAlone::Quarantined),
            "message 3 (2.0 KiB) is left on the server: it failed too often, and is tried again in a day",
        ),
        (
            reused,
            "the server uses the unique-id what for another message now; it is fetched",
        ),
        (
            reset,
            "9 known messages are gone at once: the server has probably renamed them",
        ),
        (
            SyncEvent::Reconnecting { error },
            "the connection is lost; connecting again",
        ),
    ] {
        assert_eq!(remark(&event).as_deref(), Some(sentence));
    }
    for ordinary in [stored(5), SyncEvent::Deleted { count: 2 }] {
        assert_eq!(remark(&ordinary), None, "{ordinary:?}");
    }
}

#[test]
fn each_event_is_an_object_with_its_type_but_those_of_the_bar() {
    let (number, uid) = (number(3), Some(uid()));
    let error = "lost".to_owned();
    let path = "mbox.postrider-cut".into();
    for (event, object_of) in [
        (
            SyncEvent::SetAside { path },
            json!({ "type": "set-aside", "path": "mbox.postrider-cut" }),
        ),
        (
            stored(5),
            json!({ "type": "stored", "key": key().to_string(), "uid": null, "octets": 5, "place": "new/1" }),
        ),
        (
            SyncEvent::Duplicate {
                number,
                uid: uid.clone(),
            },
            json!({ "type": "duplicate", "number": 3, "uid": "what" }),
        ),
        (
            SyncEvent::Recognised {
                number,
                uid: uid.clone(),
            },
            json!({ "type": "recognised", "number": 3, "uid": "what" }),
        ),
        (
            SyncEvent::UidReused { uid: self::uid() },
            json!({ "type": "uid-reused", "uid": "what" }),
        ),
        (
            SyncEvent::UidlReset { vanished: 9 },
            json!({ "type": "uidl-reset", "vanished": 9 }),
        ),
        (
            SyncEvent::Refused {
                number,
                uid,
                reply: reply(),
            },
            json!({ "type": "refused", "number": 3, "uid": "what", "reply": "-ERR not now" }),
        ),
        (
            SyncEvent::NotDeleted {
                number,
                reply: reply(),
            },
            json!({ "type": "not-deleted", "number": 3, "reply": "-ERR not now" }),
        ),
        (
            left_alone(LeftAlone::TooLarge),
            json!({ "type": "left-alone", "number": 3, "uid": "what", "octets": 2048, "why": "it is larger than --max-message" }),
        ),
        (
            SyncEvent::Deleted { count: 2 },
            json!({ "type": "deleted", "count": 2 }),
        ),
        (
            SyncEvent::Reconnecting { error },
            json!({ "type": "reconnecting", "error": "lost" }),
        ),
    ] {
        assert_eq!(object(&event), Some(object_of));
    }
    for of_the_bar in [
        SyncEvent::Fetching {
            count: 1,
            octets: 5,
        },
        SyncEvent::Receiving { octets: 5 },
    ] {
        assert_eq!(object(&of_the_bar), None);
    }
}

#[test]
fn the_bar_moves_with_messages_that_are_done_and_with_nothing_else() {
    let mut bar = Bar::new();
    let (number, uid) = (number(1), None);
    let done = [
        stored(100),
        SyncEvent::Duplicate {
            number,
            uid: uid.clone(),
        },
        SyncEvent::Recognised { number, uid },
    ];
    assert!(done.iter().all(|event| bar.note(event)));
    assert_eq!((bar.done, bar.stored, bar.received), (3, 100, 100));
    assert!(!bar.note(&SyncEvent::Deleted { count: 3 }));
    assert!(!bar.note(&left_alone(LeftAlone::TooLarge)));
    assert_eq!((bar.done, bar.stored, bar.received), (3, 100, 100));
    // What has arrived already is not taken back by what is durable of it.
    bar.note(&SyncEvent::Receiving { octets: 500 });
    bar.note(&stored(100));
    assert_eq!((bar.stored, bar.received), (200, 500));
}

#[test]
fn a_bar_of_unknown_size_counts_messages() {
    let mut bar = Bar::new();
    bar.note(&SyncEvent::Fetching {
        count: 2,
        octets: 0,
    });
    bar.done = 1;
    let half = "#".repeat(WIDTH / 2) + &" ".repeat(WIDTH / 2);
    assert_eq!(
        bar.line(),
        format!("[{half}] 1 of 2 messages, 0 octets of 0 octets")
    );
}
