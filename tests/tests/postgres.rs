//! The store in PostgreSQL: several processes work on it at once, and it outlives its sessions.
#![cfg(all(feature = "drivers", feature = "notify"))]

use jiff::Timestamp;
use postrider_notify::event::{EventKind, NewEvent};
use postrider_notify::inbound::NewInbound;
use postrider_notify::outgoing::{
    Claimed, Completion, DeliveryState, Evidence, Match, MatchVerdict, OutgoingMail, Settlement,
};
use postrider_notify::record::{Change, Fields, NewId};
use postrider_notify::store::{LogFilter, PostgresStore, Store, StoreError, Work};
use postrider_tests::servers::{Postgres, or_left_out};
use postrider_wire::Tls;
use serde_json::json;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const LEASE: Duration = Duration::from_secs(60);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn open(server: &Postgres) -> PostgresStore {
    PostgresStore::open(&server.url(), None, None).unwrap()
}

/// Queues mails as one event would; the account is `main`.
fn queue(store: &dyn Store, mails: usize) {
    let event = NewEvent {
        name: "told".to_owned(),
        kind: EventKind::Fired,
        record: None,
        parm1: String::new(),
        parm2: String::new(),
        actor: String::new(),
        current: Fields::new(),
        previous: Fields::new(),
        idempotency_key: None,
        due: None,
    };
    let work = Work {
        events: vec![event],
        ..Work::default()
    };
    let event = store.commit(&work).unwrap().events[0];
    let mail = |n| OutgoingMail {
        message_id: format!("{event}.{n}@example.org"),
        sender: "bounces@example.org".to_owned(),
        recipient: format!("{n}@example.org"),
        subject: "x".to_owned(),
        raw: b"Subject: x\r\n\r\n".to_vec(),
        account: "main".to_owned(),
        record: None,
        expires: at(100_000_000),
        not_before: None,
        rank: None,
    };
    let settlement = Settlement {
        event,
        matches: vec![Match {
            notification: "told".to_owned(),
            verdict: MatchVerdict::Matched,
            detail: String::new(),
            recipients: Vec::new(),
            mails: (0..mails).map(mail).collect(),
            digests: Vec::new(),
        }],
        error: None,
    };
    store.settle(&[settlement]).unwrap();
}

fn claim(store: &dyn Store, owner: &str, seconds: i64, limit: usize) -> Vec<Claimed> {
    store
        .claim(&["main"], owner, at(seconds), LEASE, limit)
        .unwrap()
}

fn delivered(claimed: &Claimed) -> Completion {
    Completion {
        delivery: claimed.delivery,
        lease_epoch: claimed.lease_epoch,
        attempt: claimed.attempt,
        state: DeliveryState::Delivered,
        next_at: None,
        evidence: Evidence::default(),
    }
}

/// Ends every session of ours, as a restart of the server would.
const END_ALL: &str =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'postrider'";

/// What somebody else does in the database.
async fn run_sql(server: &Postgres, sql: &str) {
    let (client, connection) = tokio_postgres::connect(&server.url(), tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client.batch_execute(sql).await.unwrap();
}

#[test]
fn workers_share_the_outbox_and_never_a_delivery() {
    let Some(server) = or_left_out("PostgreSQL, two workers", Postgres::start()) else {
        return;
    };
    let stores = [open(&server), open(&server), open(&server)];
    queue(&stores[0], 90);
    let mut all: Vec<i64> = std::thread::scope(|scope| {
        let workers: Vec<_> = stores
            .iter()
            .enumerate()
            .map(|(n, store)| {
                scope.spawn(move || {
                    let mut mine = Vec::new();
                    loop {
                        let claimed = claim(store, &format!("worker {n}"), 0, 7);
                        if claimed.is_empty() {
                            return mine;
                        }
                        let done: Vec<Completion> = claimed.iter().map(delivered).collect();
                        assert!(store.complete(at(1), &done).unwrap().is_empty());
                        mine.extend(claimed.iter().map(|one| one.delivery));
                    }
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    });
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 90);
    let attempts = stores[1]
        .log(&LogFilter {
            limit: 100,
            ..LogFilter::default()
        })
        .unwrap();
    assert!(
        attempts
            .iter()
            .all(|row| (row.attempts, row.state) == (1, DeliveryState::Delivered))
    );
}

#[test]
fn a_worker_that_slept_past_its_lease_changes_nothing() {
    let Some(server) = or_left_out("PostgreSQL, a late worker", Postgres::start()) else {
        return;
    };
    let (slow, quick) = (open(&server), open(&server));
    queue(&slow, 1);
    let late = claim(&slow, "slow", 0, 1).remove(0);
    assert!(claim(&quick, "quick", 30, 1).is_empty());
    let taken = claim(&quick, "quick", 61, 1).remove(0);
    assert_eq!(taken.lease_epoch, late.lease_epoch + 1);
    assert_eq!(
        slow.complete(at(62), &[delivered(&late)]).unwrap(),
        [late.delivery]
    );
    assert!(
        quick
            .complete(at(63), &[delivered(&taken)])
            .unwrap()
            .is_empty()
    );
    assert_eq!(quick.attempts(taken.delivery).unwrap().len(), 2);
}

#[test]
fn what_a_worker_began_and_a_role_that_it_has_are_its_own_until_it_ends() {
    let Some(server) = or_left_out("PostgreSQL, roles", Postgres::start()) else {
        return;
    };
    let (first, second) = (open(&server), open(&server));
    assert!(first.lead("pop3 support").unwrap() && first.lead("pop3 support").unwrap());
    assert!(!second.lead("pop3 support").unwrap());
    assert!(second.lead("pop3 sales").unwrap());
    let mail = NewInbound {
        apart: false,
        account: "support".to_owned(),
        uidl: None,
        raw: b"Subject: x\r\n\r\n".to_vec(),
        sha256: "s".to_owned(),
        message_id: None,
    };
    first.store_fetched(at(0), "support", &[mail], &[]).unwrap();
    assert_eq!(first.due_inbound(at(1), 9).unwrap().len(), 1);
    assert!(
        second.due_inbound(at(1), 9).unwrap().is_empty(),
        "it is being worked on"
    );
    drop(first);
    // The server notices the end of a session in its own time.
    let mut found = Vec::new();
    while found.is_empty() {
        found = second.due_inbound(at(2), 9).unwrap();
    }
    assert_eq!(found[0].attempts, 1);
    while !second.lead("pop3 support").unwrap() {}
}

#[tokio::test]
async fn a_session_that_the_server_ends_is_replaced_and_nothing_is_half_done() {
    let Some(server) = or_left_out("PostgreSQL, a lost session", Postgres::start()) else {
        return;
    };
    let store = open(&server);
    queue(&store, 1);
    run_sql(&server, END_ALL).await;
    // One call may find out; the next one has a new session.
    let user = Change::Insert {
        table: "user".to_owned(),
        id: NewId::Given("ada".to_owned()),
        fields: Fields::from_iter([("name".to_owned(), json!("Ada"))]),
        journal: Vec::new(),
        actor: String::new(),
    };
    let work = Work {
        changes: vec![user],
        ..Work::default()
    };
    if let Err(error) = store.commit(&work) {
        assert!(matches!(error, StoreError::Database { .. }), "{error}");
        assert!(store.records("user").is_err() || store.records("user").unwrap().is_empty());
        store.commit(&work).unwrap();
    }
    assert_eq!(store.records("user").unwrap().len(), 1);
    assert_eq!(claim(&store, "worker", 0, 9).len(), 1);
}

#[test]
fn the_certificate_of_the_server_is_verified() {
    let Some(server) = or_left_out("PostgreSQL, TLS", Postgres::start()) else {
        return;
    };
    let trusted = Tls::builder()
        .add_root_pem(&server.authority())
        .unwrap()
        .build()
        .unwrap();
    let store = PostgresStore::open(&server.url_of_localhost(), None, Some(trusted)).unwrap();
    assert!(store.records("user").unwrap().is_empty());
    let public = Tls::webpki_roots().unwrap();
    let refused = PostgresStore::open(&server.url_of_localhost(), None, Some(public)).unwrap_err();
    assert!(refused.to_string().contains("UnknownIssuer"), "{refused}");
    let plain =
        PostgresStore::open("postgres://ada:secret@localhost/desk", None, None).unwrap_err();
    assert!(
        plain
            .to_string()
            .contains("a password does not belong there"),
        "{plain}"
    );
    assert!(!plain.to_string().contains("secret"));
}

#[test]
fn what_is_done_in_a_rehearsal_is_seen_there_and_nowhere_else() {
    let Some(server) = or_left_out("PostgreSQL, a rehearsal", Postgres::start()) else {
        return;
    };
    let rehearse = || PostgresStore::rehearse(&server.url(), None, None).unwrap();
    let incidents = |store: &PostgresStore| store.records("incident").unwrap().len();
    let insert = |id: &str| Work {
        changes: vec![Change::Insert {
            table: "incident".to_owned(),
            id: NewId::Given(id.to_owned()),
            fields: Fields::new(),
            journal: Vec::new(),
            actor: String::new(),
        }],
        ..Work::default()
    };

    let first = rehearse();
    first.commit(&insert("INC1")).unwrap();
    assert_eq!(incidents(&first), 1);
    drop(first);
    let real = open(&server);
    assert_eq!(incidents(&real), 0, "it made no tables, nor a record");
    real.commit(&insert("INC1")).unwrap();

    let second = rehearse();
    second.commit(&insert("INC2")).unwrap();
    assert!(second.commit(&insert("INC1")).is_err(), "it is there");
    queue(&second, 2);
    assert_eq!(claim(&second, "worker", 0, 9).len(), 2);
    let works = [insert("INC3"), insert("INC1"), insert("INC4")];
    let done = second.commit_all(&works);
    assert_eq!(
        done.iter().map(Result::is_ok).collect::<Vec<_>>(),
        [true, false, true]
    );
    assert_eq!(incidents(&second), 4);
    assert_eq!(incidents(&real), 1, "nobody else sees it");
    drop(second);
    assert_eq!(incidents(&real), 1, "nothing stays");
    assert!(
        real.log(&LogFilter {
            limit: 9,
            ..LogFilter::default()
        })
        .unwrap()
        .is_empty()
    );
    real.commit(&insert("INC2")).unwrap();
}

#[tokio::test]
async fn a_rehearsal_that_lost_its_session_does_nothing_for_good() {
    let Some(server) = or_left_out("PostgreSQL, a rehearsal cut short", Postgres::start()) else {
        return;
    };
    let real = open(&server);
    let rehearsal = PostgresStore::rehearse(&server.url(), None, None).unwrap();
    queue(&rehearsal, 1);
    run_sql(&server, END_ALL).await;
    // The first of these may still hear of the loss.
    let lost = [(); 2].map(|()| rehearsal.records("user").unwrap_err());
    assert!(
        lost[1].to_string().contains("rehearsal ended"),
        "{}",
        lost[1]
    );
    assert!(claim(&real, "worker", 0, 9).is_empty());
}

#[tokio::test]
async fn what_another_program_keeps_there_is_left_alone() {
    let Some(server) = or_left_out("PostgreSQL, another program's tables", Postgres::start())
    else {
        return;
    };
    run_sql(&server, "CREATE TABLE event (x INT)").await;
    let refused = PostgresStore::open(&server.url(), None, None).unwrap_err();
    assert!(refused.to_string().contains("another program"), "{refused}");
}

/// A way to the server that can be cut on our side only: the server goes on waiting for us.
struct Way {
    port: u16,
    ours: Arc<Mutex<Vec<TcpStream>>>,
}

impl Way {
    fn to(server: &Postgres) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let ours: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
        let (theirs, kept) = (server.port(), Arc::clone(&ours));
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let far = TcpStream::connect(("127.0.0.1", theirs)).unwrap();
                kept.lock().unwrap().push(near.try_clone().unwrap());
                let (from, to) = (near.try_clone().unwrap(), far.try_clone().unwrap());
                thread::spawn(move || pass(from, to));
                thread::spawn(move || pass(far, near));
            }
        });
        Self { port, ours }
    }

    fn cut(&self) {
        for ours in self.ours.lock().unwrap().drain(..) {
            ours.shutdown(Shutdown::Both).unwrap();
        }
    }
}

/// What comes is passed on; the end is not.
fn pass(mut from: TcpStream, mut to: TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    thread::sleep(Duration::from_secs(600));
}

#[test]
fn a_session_that_only_we_know_to_be_lost_keeps_nobody_from_working() {
    let Some(server) = or_left_out("PostgreSQL, a session lost on the way", Postgres::start())
    else {
        return;
    };
    let way = Way::to(&server);
    let store = PostgresStore::open(&server.url_by(way.port), None, None).unwrap();
    assert!(store.lead("events").unwrap());
    way.cut();
    let began = Instant::now();
    // One call may find out.
    let _ = store.claim(&["main"], "worker", at(0), LEASE, 9);
    assert!(store.lead("events").unwrap());
    queue(&store, 1);
    assert_eq!(claim(&store, "worker", 0, 9).len(), 1);
    // The server itself would hold the lost session for two hours.
    assert!(
        began.elapsed() < Duration::from_secs(15),
        "{:?}",
        began.elapsed()
    );
    assert!(
        !open(&server).lead("events").unwrap(),
        "the role is not anybody's"
    );
}

#[tokio::test]
async fn names_are_compared_as_everywhere_whatever_the_locale_of_the_database() {
    let Some(server) = or_left_out("PostgreSQL, another locale", Postgres::start()) else {
        return;
    };
    run_sql(
        &server,
        "CREATE DATABASE desk TEMPLATE template0 LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'",
    )
    .await;
    let store = PostgresStore::open(&server.url_of("desk"), None, None).unwrap();
    let member = |group: &str| Change::Insert {
        table: "group_member".to_owned(),
        id: NewId::Given(format!("{group}.ada")),
        fields: Fields::from_iter([
            ("group".to_owned(), json!(group)),
            ("user".to_owned(), json!("ada")),
        ]),
        journal: Vec::new(),
        actor: String::new(),
    };
    let work = Work {
        changes: vec![member("Ärzte"), member("Support")],
        ..Work::default()
    };
    store.commit(&work).unwrap();
    let members = |group: &str| {
        store
            .records_where("group_member", "group", group)
            .unwrap()
            .len()
    };
    assert_eq!(
        (members("Ärzte"), members("ÄRZTE"), members("support")),
        (1, 1, 1)
    );
    assert_eq!(
        members("ärzte"),
        0,
        "beyond ASCII, letters are as they are, as on SQLite"
    );
}

/// Letters that no compression makes fewer.
fn noise(letters: usize) -> String {
    let mut state = 0x5eed_u64;
    let mut letter = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'!' + (state % 90) as u8)
    };
    (0..letters).map(|_| letter()).collect()
}

#[test]
fn a_message_id_longer_than_a_line_keeps_no_mail_from_being_stored() {
    let Some(server) = or_left_out("PostgreSQL, a long Message-ID", Postgres::start()) else {
        return;
    };
    let store = open(&server);
    let mail = |uidl: &str, message_id: String| NewInbound {
        apart: false,
        account: "support".to_owned(),
        uidl: Some(uidl.to_owned()),
        raw: b"Subject: x\r\n\r\n".to_vec(),
        sha256: uidl.to_owned(),
        message_id: Some(message_id),
    };
    let mails = [
        mail("1", noise(3_000)),
        mail("2", noise(998)),
        mail("3\0", "a\0b@example.org".to_owned()),
    ];
    let stored = store.store_fetched(at(0), "support", &mails, &[]);
    assert_eq!(stored.unwrap().len(), 3);
    let rows = store.inbound_log(9).unwrap();
    let rows = rows.into_iter().rev();
    let ids: Vec<_> = rows.map(|row| row.mail.what.message_id).collect();
    let nul = "a\u{fffd}b@example.org".to_owned();
    assert_eq!(ids, [None, Some(noise(998)), Some(nul)]);
}

#[test]
fn a_field_longer_than_an_index_holds_keeps_no_record_from_being_written() {
    let Some(server) = or_left_out("PostgreSQL, a long field", Postgres::start()) else {
        return;
    };
    let store = open(&server);
    let user = |id: &str, email: String| Change::Insert {
        table: "user".to_owned(),
        id: NewId::Given(id.to_owned()),
        fields: Fields::from_iter([("email".to_owned(), json!(email))]),
        journal: Vec::new(),
        actor: String::new(),
    };
    let work = Work {
        changes: vec![user("long", noise(3_000)), user("short", noise(600))],
        ..Work::default()
    };
    store.commit(&work).unwrap();
    for (letters, id) in [(3_000, "long"), (600, "short")] {
        let found = store.records_where("user", "email", &noise(letters));
        let ids: Vec<String> = found.unwrap().into_iter().map(|user| user.key.id).collect();
        assert_eq!(ids, [id]);
    }
}

#[test]
fn wishes_are_found_however_long_the_id_of_the_user_is() {
    let Some(server) = or_left_out("PostgreSQL, a long id of a user", Postgres::start()) else {
        return;
    };
    let store = open(&server);
    let wish = |id: &str, user: String| Change::Insert {
        table: "notification_preference".to_owned(),
        id: NewId::Given(id.to_owned()),
        fields: Fields::from_iter([("user".to_owned(), json!(user))]),
        journal: Vec::new(),
        actor: String::new(),
    };
    let work = Work {
        changes: vec![wish("long", noise(700)), wish("short", noise(600))],
        ..Work::default()
    };
    store.commit(&work).unwrap();
    for (letters, id) in [(700, "long"), (600, "short")] {
        let found = store.personal(&noise(letters)).unwrap();
        let ids: Vec<String> = found.into_iter().map(|wish| wish.key.id).collect();
        assert_eq!(ids, [id]);
    }
}

/// The dice of the database fall as they are told: twice the same number, and then another.
const LOADED_DICE: &str = "CREATE SEQUENCE throws;
    CREATE FUNCTION random() RETURNS double precision LANGUAGE sql AS
      $$ SELECT (CASE WHEN nextval('throws') <= 2 THEN 0.25 ELSE 0.75 END)::double precision $$;
    ALTER DATABASE postgres SET search_path = public, pg_catalog";

/// The numbers of the workers that live.
const MARKS: &str = "SELECT objid::bigint FROM pg_locks
    WHERE locktype = 'advisory' AND classid = 1349481332 AND objsubid = 2 ORDER BY objid";

#[tokio::test]
async fn a_second_store_ends_no_session_of_the_first_whatever_its_number() {
    let Some(server) = or_left_out("PostgreSQL, a number that is taken", Postgres::start()) else {
        return;
    };
    run_sql(&server, LOADED_DICE).await;
    let (first, second) = (open(&server), open(&server));
    let (client, connection) = tokio_postgres::connect(&server.url(), tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    let marks = client.query(MARKS, &[]).await.unwrap();
    let marks: Vec<i64> = marks.iter().map(|row| row.get(0)).collect();
    assert_eq!(marks, [268_435_456, 805_306_368]);
    assert!(first.lead("events").unwrap());
    assert!(!second.lead("events").unwrap());
}
