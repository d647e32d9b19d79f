//! The points at which a sync of three messages is killed.

use crate::life::{Begin, DIES_AT, FOLDER, Kind, PORT, STORE, halt, say};
use crate::maildrop::Maildrop;
use crate::{Folder, copies, message};
use postrider_pop3::sync::{
    Arrived, Deletion, Mailbox, Maildir, Mboxrd, Policy, Store, SyncError, SyncEvent,
};
use postrider_pop3::{Config, Credentials, Endpoint, Security};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

/// Where the sync dies: between two of its steps, or over message 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// A half of the message is written.
    InsideRetr,
    /// All of it is.
    Retrieved,
    /// It is spooled, and to be stored.
    Finishing,
    /// It is durable in the store, and not in the journal.
    Stored,
    /// All are in the journal, and none is deleted.
    Journaled,
    /// DELE is there, and not answered.
    Dele,
    /// DELE is answered.
    Marked,
    /// QUIT is there, and nothing is removed.
    Quit,
    /// All are removed, and QUIT is not answered.
    Removed,
    /// QUIT was answered, and that is in the journal.
    Done,
}

impl Point {
    /// The journal knows all messages.
    fn is_in_the_journal(self) -> bool {
        let before = [
            Self::InsideRetr,
            Self::Retrieved,
            Self::Finishing,
            Self::Stored,
        ];
        !before.contains(&self)
    }
}

const POINTS: [Point; 10] = [
    Point::InsideRetr,
    Point::Retrieved,
    Point::Finishing,
    Point::Stored,
    Point::Journaled,
    Point::Dele,
    Point::Marked,
    Point::Quit,
    Point::Removed,
    Point::Done,
];

const MESSAGES: usize = 3;

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn killed_at_any_point_a_maildir_has_every_mail_once_and_none_is_deleted_before() {
    for point in POINTS {
        let stored = killed_and_done(Kind::Maildir, point);
        assert_eq!(stored, [1; MESSAGES], "{point:?}");
    }
}

/// An mbox has no keys: what is in it and not in the journal is stored once more.
#[test]
fn killed_at_any_point_an_mbox_has_every_mail_and_twice_only_what_the_journal_does_not_know() {
    for point in POINTS {
        let stored = killed_and_done(Kind::Mbox, point);
        if point == Point::Stored {
            let good = stored.iter().all(|copies| (1..=2).contains(copies));
            assert!(good && stored.contains(&2), "{stored:?}");
        } else {
            assert_eq!(stored, [1; MESSAGES], "{point:?}");
        }
    }
}

/// Two lives, of which the first is killed at the point: how often each message is stored then.
fn killed_and_done(kind: Kind, point: Point) -> Vec<usize> {
    let folder = Folder::new();
    let messages = (1..=MESSAGES).map(|n| message(n, 400)).collect();
    let (reached, strikes) = mpsc::channel();
    let strikes_too = reached.clone();
    let maildrop = Maildrop::start(messages, folder.0.clone(), Some(point), strikes_too);
    let mut begin = Begin {
        folder: &folder.0,
        port: maildrop.port,
        kind,
        dies_at: Some(point),
    };
    let mut first = begin.life();
    let mut said = first.said();
    std::thread::spawn(move || reached.send(said.any(|line| line == "reached")));
    let struck = strikes.recv_timeout(PATIENCE).unwrap();
    assert!(struck, "{kind:?}, {point:?}: the process ended before");
    first.kill();
    nothing_is_lost(
        &folder.0,
        &maildrop,
        &format!("{kind:?}, {point:?}, killed"),
    );

    maildrop.next_life();
    begin.dies_at = None;
    let what = format!("{kind:?}, {point:?}");
    assert_eq!(begin.life().last_words(), "done", "{what}");
    nothing_is_lost(&folder.0, &maildrop, &what);
    assert!(
        maildrop.there().is_empty(),
        "{what}: {:?}",
        maildrop.there()
    );
    if point.is_in_the_journal() {
        let retrieved = maildrop.retrieved();
        assert_eq!(retrieved, 0, "{what}: it was known, and is fetched again");
    }
    (1..=MESSAGES).map(|n| copies(&folder.0, n)).collect()
}

/// Each message is in the maildrop or stored, and none was to be deleted that was not.
fn nothing_is_lost(folder: &Path, maildrop: &Maildrop, what: &str) {
    let there = maildrop.there();
    for n in (1..=MESSAGES).filter(|n| !there.contains(n)) {
        assert!(copies(folder, n) > 0, "{what}: message {n} is lost");
    }
    assert!(maildrop.too_early().is_empty(), "{what}");
}

#[tokio::test]
#[ignore = "a process that another test begins, and kills"]
async fn a_life_that_syncs() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else {
        return;
    };
    let variable = |name| std::env::var(name).unwrap();
    let port = variable(PORT).parse().unwrap();
    let name = variable(DIES_AT);
    let mut points = POINTS.iter().copied();
    let dies_at = points.find(|point| format!("{point:?}") == name);
    let result = match variable(STORE).as_str() {
        "Maildir" => {
            let store = Maildir::open(folder.join("Mail")).unwrap();
            sync(&folder, port, store, dies_at).await
        }
        _ => {
            let store = Mboxrd::open(folder.join("mbox")).unwrap();
            sync(&folder, port, store, dies_at).await
        }
    };
    match result {
        Ok(()) => say("done"),
        Err(error) => say(&error.to_string()),
    }
}

/// A sync that deletes what it has stored.
pub(crate) async fn sync(
    folder: &Path,
    port: u16,
    store: impl Store + 'static,
    dies_at: Option<Point>,
) -> Result<(), SyncError> {
    let config = Config::new(Endpoint::new("127.0.0.1", port).unwrap())
        .security(Security::None)
        .credentials(Credentials::password("ada", "tanstaaf").unwrap())
        .danger_allow_clear_text_credentials();
    let policy = Policy {
        deletion: Deletion::Now,
        connections: 1,
        ..Policy::default()
    };
    let store = Dying {
        store,
        dies_at,
        finished: 0,
    };
    let mut mailbox = Mailbox::open(config, folder.join("journal"), store)
        .unwrap()
        .policy(policy);
    let mut stored = 0;
    let told = move |event: SyncEvent| {
        match event {
            SyncEvent::Stored { .. } => stored += 1,
            SyncEvent::Deleted { .. } if dies_at == Some(Point::Done) => halt(),
            _ => {}
        }
        if stored == MESSAGES && dies_at == Some(Point::Journaled) {
            halt();
        }
    };
    mailbox.sync(told).await.map(drop)
}

/// A store that stops at a point.
struct Dying<S> {
    store: S,
    dies_at: Option<Point>,
    finished: usize,
}

impl<S: Store> Store for Dying<S> {
    fn begin(&mut self) -> io::Result<()> {
        self.store.begin()
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.store.write(bytes)
    }

    fn finish(&mut self, message: &Arrived<'_>) -> io::Result<String> {
        self.finished += 1;
        if self.finished == 2 && self.dies_at == Some(Point::Finishing) {
            halt();
        }
        self.store.finish(message)
    }

    fn abort(&mut self) -> io::Result<()> {
        self.store.abort()
    }

    fn commit(&mut self) -> io::Result<()> {
        self.store.commit()?;
        if self.finished >= 2 && self.dies_at == Some(Point::Stored) {
            halt();
        }
        Ok(())
    }

    fn recover(&mut self) -> io::Result<()> {
        self.store.recover()
    }

    fn salvaged(&mut self) -> Option<PathBuf> {
        self.store.salvaged()
    }
}
