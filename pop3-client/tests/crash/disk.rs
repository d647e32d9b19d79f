//! Disks that cannot be written. None of this asks for permissions, which do not bind root.

use crate::life::{Begin, Kind};
use crate::maildrop::Maildrop;
use crate::points::sync;
use crate::{Folder, copies, message};
use postrider_pop3::sync::{JournalFile, Maildir, Mboxrd, SyncError};
use std::fs;
use std::sync::mpsc;

/// A maildrop whose client does not die.
fn maildrop(folder: &Folder, messages: usize, octets: usize) -> Maildrop {
    let messages = (1..=messages).map(|n| message(n, octets)).collect();
    Maildrop::start(messages, folder.0.clone(), None, mpsc::channel().0)
}

#[test]
fn on_a_full_disk_nothing_is_deleted_and_with_room_every_mail_is_stored_once() {
    let cases = [
        // A message has no room.
        (Kind::Maildir, 3, 8_000),
        (Kind::Mbox, 3, 8_000),
        // Each has, and the mbox has none for all.
        (Kind::Mbox, 30, 200),
        // All have, and the journal has none.
        (Kind::Maildir, 30, 200),
    ];
    for (kind, messages, octets) in cases {
        let what = format!("{kind:?}, {messages} messages of {octets} octets");
        let folder = Folder::new();
        let maildrop = maildrop(&folder, messages, octets);
        let begin = Begin {
            folder: &folder.0,
            port: maildrop.port,
            kind,
            dies_at: None,
        };
        let said = begin.on_a_full_disk().last_words();
        let refused = "the messages could not be stored, and nothing was deleted: ";
        assert!(said.starts_with(refused), "{what}: {said}");
        assert_eq!(maildrop.there().len(), messages, "{what}");

        assert_eq!(begin.life().last_words(), "done", "{what}");
        assert!(maildrop.there().is_empty(), "{what}");
        assert!(maildrop.too_early().is_empty(), "{what}");
        let stored: Vec<_> = (1..=messages).map(|n| copies(&folder.0, n)).collect();
        assert_eq!(stored, vec![1; messages], "{what}");
    }
}

#[tokio::test]
async fn a_folder_that_can_no_longer_be_written_costs_no_mail() {
    let folder = Folder::new();
    let maildrop = maildrop(&folder, 2, 200);
    let store = Maildir::open(folder.0.join("Mail")).unwrap();
    // Something stands where the messages are to get their names.
    let new = folder.0.join("Mail/new");
    fs::remove_dir(&new).unwrap();
    fs::write(&new, "").unwrap();
    let result = sync(&folder.0, maildrop.port, store, None).await;
    assert!(matches!(result, Err(SyncError::Storage(_))), "{result:?}");
    assert_eq!(maildrop.there(), [1, 2]);

    fs::remove_file(&new).unwrap();
    let store = Maildir::open(folder.0.join("Mail")).unwrap();
    sync(&folder.0, maildrop.port, store, None).await.unwrap();
    assert!(maildrop.there().is_empty());
    assert_eq!([1, 2].map(|n| copies(&folder.0, n)), [1, 1]);
}

#[tokio::test]
async fn an_mbox_that_cannot_be_written_costs_no_mail() {
    let folder = Folder::new();
    let maildrop = maildrop(&folder, 2, 200);
    let mbox = folder.0.join("mbox");
    fs::create_dir(&mbox).unwrap();
    let store = Mboxrd::open(&mbox).unwrap();
    let result = sync(&folder.0, maildrop.port, store, None).await;
    assert!(matches!(result, Err(SyncError::Storage(_))), "{result:?}");
    assert_eq!(maildrop.there(), [1, 2]);

    fs::remove_dir(&mbox).unwrap();
    let store = Mboxrd::open(&mbox).unwrap();
    sync(&folder.0, maildrop.port, store, None).await.unwrap();
    assert!(maildrop.there().is_empty());
    assert_eq!([1, 2].map(|n| copies(&folder.0, n)), [1, 1]);
}

#[test]
fn where_nothing_can_be_made_no_store_and_no_journal_is_opened() {
    let folder = Folder::new();
    let file = folder.0.join("file");
    fs::write(&file, "").unwrap();
    Maildir::open(file.join("Mail")).unwrap_err();
    Mboxrd::open(file.join("mbox")).unwrap_err();
    JournalFile::open(file.join("journal")).unwrap_err();
    // A folder in the place of a file.
    let inner = folder.0.join("inner");
    fs::create_dir(&inner).unwrap();
    JournalFile::open(inner).unwrap_err();
    assert_eq!(fs::read(&file).unwrap(), b"", "it is as it was");
}
