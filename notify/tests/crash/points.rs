//! A process that sends mail, killed at the points that `matrix/reaper.rs` numbers.
//!
//! A server in this process sees what the sender says, and the sender itself stops where nobody else can see it. Then it is
//! killed, and another process does the rest.

use super::life::{Life, begin, halt};
use super::server::{Accepted, Server, TAKEN};
use super::support::{after, log, now, queue, states};
use postrider_mime::Message;
use postrider_notify::account::SmtpAccount;
use postrider_notify::delivery::Sender;
use postrider_notify::outgoing::DeliveryState::Delivered;
use postrider_notify::store::{SqliteStore, Store};
use postrider_wire::{Endpoint, Line, Security, Speaker, Transcript};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::Duration;

/// Where the sender of three mails dies: between two of its steps, or over the second mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// O6: all are claimed, and the server has heard of none.
    Claimed,
    /// O7: MAIL is there, and not answered.
    Mail,
    /// O8: a line of the message is there.
    Data,
    /// O9: the final dot is there, and nothing is stored.
    Dot,
    /// O9: the mail is stored, and not answered.
    Stored,
    /// O10: the 250 is written.
    Answered,
    /// O10: the 250 was read.
    Read,
    /// O10: all are answered, and nothing is written down.
    Judged,
    /// O11: what came of them is written down.
    Written,
}

/// All points, and how many of the mails go out twice: those that the server has taken, and of which it is not written down.
const POINTS: [(Point, usize); 9] = [
    (Point::Claimed, 0),
    (Point::Mail, 1),
    (Point::Data, 1),
    (Point::Dot, 1),
    (Point::Stored, 2),
    (Point::Answered, 2),
    (Point::Read, 2),
    (Point::Judged, 3),
    (Point::Written, 0),
];

const RECIPIENTS: [&str; 3] = ["ada@example.org", "bob@example.org", "eve@example.org"];

const PATIENCE: Duration = Duration::from_secs(60);

/// What a life is told.
const DATABASE: &str = "POSTRIDER_LIFE_DATABASE";
const PORT: &str = "POSTRIDER_LIFE_PORT";
const DIES_AT: &str = "POSTRIDER_LIFE_DIES_AT";

#[test]
fn killed_at_any_point_every_mail_arrives_and_only_what_was_taken_and_not_written_down_goes_twice()
{
    for (point, twice) in POINTS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outbox.db");
        queue(&open(&path), None, &RECIPIENTS);

        let (reached, strikes) = mpsc::channel();
        let server = Server::start(point, reached.clone());
        let mut first = life(&path, server.port, Some(point));
        let mut said = first.said();
        std::thread::spawn(move || reached.send(said.any(|line| line == "reached")));
        let struck = strikes.recv_timeout(PATIENCE).unwrap();
        assert!(struck, "{point:?}: the process ended before");
        first.kill();

        server.next_life();
        let ended = life(&path, server.port, None).0.wait().unwrap();
        assert!(ended.success(), "{point:?}: {ended}");
        all_went_out(point, &path);
        assert_eq!(sent_again(point, server.accepted()), twice, "{point:?}");
    }
}

/// Each mail is delivered, and no attempt is forgotten.
fn all_went_out(point: Point, path: &Path) {
    let store = open(path);
    let expected = [Delivered, Delivered, Delivered];
    assert_eq!(states(&store), expected, "{point:?}");
    let lives: &[&str] = match point {
        Point::Written => &["delivered"],
        _ => &["crashed", "delivered"],
    };
    for row in log(&store) {
        let attempts = store.attempts(row.delivery).unwrap();
        let outcomes: Vec<_> = attempts.iter().map(|a| a.outcome.as_str()).collect();
        assert_eq!(outcomes, lives, "{point:?}");
    }
    assert_eq!(store.integrity().unwrap(), "ok", "{point:?}");
}

/// How many mails were taken twice; each arrived, once in a life at most, and under one Message-ID as one mail.
fn sent_again(point: Point, accepted: Vec<Accepted>) -> usize {
    let mut copies: BTreeMap<String, Vec<Accepted>> = BTreeMap::new();
    for mail in accepted {
        let id = message_id(&mail.content);
        copies.entry(id).or_default().push(mail);
    }
    assert_eq!(copies.len(), RECIPIENTS.len(), "{point:?}: {copies:?}");
    for copies in copies.values() {
        let another = |pair: &[Accepted]| pair[0].life < pair[1].life;
        let same = |pair: &[Accepted]| pair[0].content == pair[1].content;
        let good = copies.windows(2).all(|pair| another(pair) && same(pair));
        assert!(good, "{point:?}: {copies:?}");
    }
    copies.values().filter(|copies| copies.len() > 1).count()
}

fn message_id(content: &[u8]) -> String {
    let message = Message::parse(content);
    message.message_id().expect("a Message-ID").to_string()
}

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path).unwrap().with_clock(now)
}

fn life(path: &Path, port: u16, dies_at: Option<Point>) -> Life {
    let dies_at = dies_at.map(|point| format!("{point:?}"));
    let variables = [
        (DATABASE, path.to_str().unwrap().to_owned()),
        (PORT, port.to_string()),
        (DIES_AT, dies_at.unwrap_or_default()),
    ];
    begin("points::a_life_that_sends_what_is_queued", &variables)
}

#[test]
#[ignore = "a process that another test begins, and kills"]
fn a_life_that_sends_what_is_queued() {
    let Some(path) = std::env::var_os(DATABASE) else {
        return;
    };
    let variable = |name| std::env::var(name).unwrap();
    let port: u16 = variable(PORT).parse().unwrap();
    let name = variable(DIES_AT);
    let mut points = POINTS.iter().map(|(point, _)| *point);
    let dies_at = points.find(|point| format!("{point:?}") == name);
    let may_die = move |point: Point| {
        if dies_at == Some(point) {
            halt();
        }
    };

    // The lock of whoever was killed is gone, and what it had claimed is due.
    let store = open(Path::new(&path));
    let _lock = store.lock_daemon().unwrap();
    let store: Arc<dyn Store> = Arc::new(store);
    let verdicts = AtomicU32::new(0);
    let transcript = Transcript::to(move |line: Line| {
        let is_verdict = line.speaker == Speaker::Server && line.text.contains(TAKEN);
        if is_verdict && verdicts.fetch_add(1, Ordering::SeqCst) == 1 {
            may_die(Point::Read);
        }
    });
    let mut sender = Sender::new(account(port), store, transcript);
    // Asked when a batch is claimed, and again when all of it is answered.
    let asked = Cell::new(0);
    let more = || {
        asked.set(asked.get() + 1);
        match asked.get() {
            1 => may_die(Point::Claimed),
            2 => may_die(Point::Judged),
            _ => {}
        }
        true
    };
    let begins = match dies_at {
        Some(_) => now(),
        None => after(2),
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let told = |_| may_die(Point::Written);
        sender.pass(begins, more, told).await.unwrap();
        sender.close().await;
    });
}

fn account(port: u16) -> SmtpAccount {
    SmtpAccount {
        name: "main".into(),
        endpoint: Endpoint::new("127.0.0.1", port).unwrap(),
        security: Security::None,
        login: None,
        ca: None,
        accept_invalid_certs: false,
        allow_clear_text_credentials: false,
        from: "Support <support@example.org>".into(),
        reply_to: None,
        ehlo_name: None,
        timeout: Some(PATIENCE),
        transport: Default::default(),
        sending: Default::default(),
    }
}
