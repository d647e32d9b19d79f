use super::*;
use bytes::Bytes;
use std::time::SystemTime;

fn store(limit: usize) -> Store {
    let store = Store::new(limit);
    for name in ["ada", "bob"] {
        let login = Login {
            user: name.to_owned(),
            password: Secret::from("pw"),
        };
        assert!(store.add(format!("{name}@example.org"), login));
    }
    store
}

fn arrival(content: &'static [u8]) -> Arrival {
    Arrival {
        from: String::new(),
        recipients: Vec::new(),
        parameters: Vec::new(),
        content: Bytes::from_static(content),
        tls: false,
        user: None,
        client: String::new(),
        received_at: SystemTime::UNIX_EPOCH,
    }
}

fn put(store: &Store, to: &[&str], content: &'static [u8]) -> Result<Vec<Mail>, Full> {
    let to = to.iter().map(|a| store.route(a).unwrap()).collect();
    store.accept(arrival(content), &to)
}

#[test]
fn one_mail_for_two_mailboxes_is_two_copies_with_one_id_and_two_unique_ids() {
    let store = store(1 << 20);
    let copies = put(&store, &["ada@example.org", "BOB@Example.org"], b"x").unwrap();
    assert_eq!(copies.len(), 2);
    assert_eq!(copies[0].id, copies[1].id);
    assert_ne!(copies[0].uidl, copies[1].uidl);
    assert_eq!(store.mails_of("ada@example.org"), copies[..1]);
    assert_eq!(store.mails_after(0), copies);
}

#[test]
fn rfc5233_a_detail_after_a_plus_sign_does_not_change_the_mailbox() {
    let store = store(1 << 20);
    let bob = store.route("bob@example.org");
    assert_eq!(store.route("bob+incident.INC1.x@example.org"), bob);
    assert_eq!(store.route("eve+bob@example.org"), None);
}

#[test]
fn unknown_addresses_go_to_the_catch_all_if_there_is_one() {
    let store = store(1 << 20);
    assert_eq!(store.route("eve@example.org"), None);
    assert!(!store.set_catch_all("eve@example.org"));
    assert!(store.set_catch_all("bob@example.org"));
    assert_eq!(
        store.route("eve@example.org"),
        store.route("bob@example.org")
    );
}

#[test]
fn address_and_user_name_are_taken_once() {
    let store = store(1 << 20);
    let login = |user: &str| Login {
        user: user.to_owned(),
        password: Secret::from("pw"),
    };
    assert!(!store.add("ADA@example.org".to_owned(), login("new")));
    assert!(!store.add("new@example.org".to_owned(), login("ada")));
}

#[test]
fn rfc1939_4_a_maildrop_is_locked_for_one_session() {
    let store = store(1 << 20);
    let pw = Secret::from("pw");
    let first = store.open("ada", &pw).ok().unwrap();
    assert_eq!(store.open("ada", &pw).err(), Some(Refusal::InUse));
    assert!(store.open("bob", &pw).is_ok());
    drop(first);
    assert!(store.open("ada", &pw).is_ok());
    assert_eq!(
        store.open("ada", &Secret::from("no")).err(),
        Some(Refusal::Denied)
    );
}

#[test]
fn a_full_store_takes_nothing_until_something_is_removed() {
    let store = store(2 * (OVERHEAD + 10));
    let to = ["ada@example.org"];
    assert!(put(&store, &to, b"0123456789").is_ok());
    assert!(put(&store, &to, b"0123456789").is_ok());
    assert_eq!(put(&store, &to, b"").unwrap_err(), Full);
    assert_eq!(store.remove("ada@example.org", |mail| mail.id == 1), 1);
    assert!(put(&store, &to, b"0123456789").is_ok());
    store.clear();
    assert!(store.mails_after(0).is_empty());
    assert!(put(&store, &["ada@example.org", "bob@example.org"], b"").is_ok());
}

#[test]
fn a_maildrop_of_its_own_is_made_when_the_mail_is_there() {
    let store = store(1 << 20);
    let own = BTreeSet::from([Destination::Own("slow-1s@example.org".to_owned())]);
    assert_eq!(store.route("slow-1s@example.org"), None);
    store.accept(arrival(b"a"), &own).unwrap();
    store.accept(arrival(b"b"), &own).unwrap();
    assert_eq!(store.mails_of("slow-1s@example.org").len(), 2);
}
