//! A sync in a process of its own, killed by SIGKILL at each of its steps, or on a disk that cannot be written: no mail is
//! lost, and none is deleted before it is stored.
//!
//! The maildrop is in this process. It sees what the sync says, and the sync itself stops where nobody else can see it. Then
//! it is killed, and another process does the rest.
#![cfg(all(unix, feature = "sync", feature = "tokio"))]
#![allow(clippy::unwrap_used, clippy::panic)]

mod disk;
mod life;
mod maildrop;
mod points;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A folder of its own, gone with the test. A sync has its journal, its Maildir and its mbox in it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("postrider-pop3-crash-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Message n of a maildrop, counted from 1, of so many octets at least.
fn message(n: usize, octets: usize) -> String {
    let lines = "x".repeat(70) + "\r\n";
    let filler = lines.repeat(octets / lines.len());
    format!(
        "Message-ID: <{n}@example.org>\r\n\r\n{}\r\n{filler}",
        words(n)
    )
}

fn words(n: usize) -> String {
    format!("These are the words of mail {n}.")
}

/// How many copies of message n are stored, in the Maildir or the mbox. What only spools is not.
fn copies(folder: &Path, n: usize) -> usize {
    let mut text = fs::read(folder.join("mbox")).unwrap_or_default();
    for entry in fs::read_dir(folder.join("Mail/new")).into_iter().flatten() {
        text.extend(fs::read(entry.unwrap().path()).unwrap());
    }
    String::from_utf8(text).unwrap().matches(&words(n)).count()
}
