//! `Mailbox` after something went wrong: what a repair takes out is kept, and somebody is told where.

#![cfg(all(feature = "sync", feature = "tokio"))]
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::server::Server;
use postrider_pop3::sync::{Arrived, Files, Mailbox, Mboxrd, Store, Summary, SyncError, SyncEvent};
use postrider_pop3::{Config, Credentials, Endpoint, Security};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

fn folder(name: &str) -> PathBuf {
    let name = format!("postrider-repair-{name}-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn config(endpoint: Endpoint) -> Config {
    Config::new(endpoint)
        .security(Security::None)
        .credentials(Credentials::password("ada", "tanstaaf").unwrap())
        .danger_allow_clear_text_credentials()
}

/// What came of a sync, and the files that it told of.
async fn sync<S: Store + 'static>(
    mailbox: &mut Mailbox<S>,
) -> (Result<Summary, SyncError>, Vec<PathBuf>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&told);
    let on_event = move |event: SyncEvent| {
        if let SyncEvent::SetAside { path } = event {
            heard.lock().unwrap().push(path);
        }
    };
    let result = mailbox.sync(on_event).await;
    let told = told.lock().unwrap().clone();
    (result, told)
}

/// A mail that another program appends.
const THEIRS: &str = "From bob Thu Jan  1 00:00:00 1970\nc\n\n";

/// An mbox whose disk breaks at the first commit, when another program has just appended to it.
struct Breaking {
    mbox: Mboxrd,
    path: PathBuf,
    broken: bool,
}

impl Store for Breaking {
    fn begin(&mut self) -> io::Result<()> {
        self.mbox.begin()
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.mbox.write(bytes)
    }

    fn finish(&mut self, message: &Arrived<'_>) -> io::Result<String> {
        self.mbox.finish(message)
    }

    fn abort(&mut self) -> io::Result<()> {
        self.mbox.abort()
    }

    fn commit(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.broken, true) {
            return self.mbox.commit();
        }
        let mut mbox = OpenOptions::new().append(true).open(&self.path)?;
        mbox.write_all(THEIRS.as_bytes())?;
        Err(io::Error::other("the disk broke"))
    }

    fn recover(&mut self) -> io::Result<()> {
        self.mbox.recover()
    }

    fn salvaged(&mut self) -> Option<PathBuf> {
        self.mbox.salvaged()
    }
}

#[tokio::test]
async fn what_a_repair_in_a_running_process_cuts_off_is_told() {
    let folder = folder("running");
    let path = folder.join("mbox");
    let (endpoint, _) = Server::start_in_turn((0..3).map(|_| Server::new()).collect());
    let store = Breaking {
        mbox: Mboxrd::open(&path).unwrap(),
        path,
        broken: false,
    };
    let mut mailbox = Mailbox::open(config(endpoint), folder.join("journal"), store).unwrap();
    let (result, told) = sync(&mut mailbox).await;
    assert!(matches!(result, Err(SyncError::Storage(_))), "{result:?}");
    assert!(told.is_empty(), "{told:?}");

    let (result, told) = sync(&mut mailbox).await;
    assert_eq!(result.unwrap().stored, 1);
    let [cut] = &told[..] else {
        panic!("{told:?}");
    };
    assert!(cut.ends_with("mbox.postrider-cut"), "{told:?}");
    assert!(fs::read_to_string(cut).unwrap().ends_with(THEIRS));

    let (result, told) = sync(&mut mailbox).await;
    assert_eq!(result.unwrap().stored, 0);
    assert!(told.is_empty(), "it is told once: {told:?}");
    fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn what_is_damaged_in_a_journal_is_told_by_the_first_sync() {
    let folder = folder("damaged");
    let journal = folder.join("journal");
    let damaged = "From MAILER-DAEMON\n";
    fs::write(&journal, damaged).unwrap();
    let (endpoint, _) = Server::start_in_turn((0..2).map(|_| Server::new()).collect());
    let store = Files::open(folder.join("mail")).unwrap();
    let mut mailbox = Mailbox::open(config(endpoint), &journal, store).unwrap();
    let (result, told) = sync(&mut mailbox).await;
    assert_eq!(result.unwrap().stored, 1);
    let [aside] = &told[..] else {
        panic!("{told:?}");
    };
    assert!(aside.ends_with("journal.damaged"), "{told:?}");
    assert_eq!(fs::read_to_string(aside).unwrap(), damaged);

    let (_, told) = sync(&mut mailbox).await;
    assert!(told.is_empty(), "it is told once: {told:?}");
    fs::remove_dir_all(&folder).unwrap();
}
