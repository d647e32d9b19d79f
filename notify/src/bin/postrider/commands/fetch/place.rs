//! Where the mail goes, and what lies beside it: the journal of each account, and the lock.

use crate::exit::{Code, Failure, Result};
use crate::url::ServerUrl;
use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

/// A Maildir or an mbox that this process alone stores into.
pub(super) struct Place {
    pub(super) path: PathBuf,
    /// Held until this is dropped, or the process ends in whatever way.
    _lock: File,
}

impl Place {
    /// Locks the store at `path`; an mbox need not be there yet.
    pub(super) fn new(path: &Path) -> Result<Self> {
        let path = absolute(path).map_err(|error| cannot(path, &error))?;
        if path.file_name().is_none() {
            return Err(cannot(&path, &"it has no name"));
        }
        // Not `.lock`: to other mail programs that file itself is the lock of an mbox, and this one stays.
        let file = beside(&path, ".postrider-lock");
        // Some systems lock only what may be read.
        let mut options = OpenOptions::new();
        let lock = options.read(true).append(true).create(true).open(&file);
        let lock = lock.map_err(|error| cannot(&file, &error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Failure::new(
                Code::Temporary,
                format!("another fetch stores into {} at the moment", path.display()),
            )),
            Err(TryLockError::Error(error)) => Err(cannot(&file, &error)),
        }
    }

    /// The journal of an account. Different accounts have different journals.
    pub(super) fn journal(&self, url: &ServerUrl) -> PathBuf {
        let user = url.user.as_deref().unwrap_or_default();
        let (host, port) = (url.endpoint.host(), url.endpoint.port());
        let (user, host) = (file_name(user), file_name(host));
        beside(&self.path, &format!(".{user}@{host}-{port}.journal"))
    }
}

/// The path as the system has it, so that one store has one journal whatever it is called by.
fn absolute(path: &Path) -> std::io::Result<PathBuf> {
    let mut path = path.to_owned();
    // As many links as Linux follows, the last of them perhaps to what is not there yet.
    for _ in 0..40 {
        if path.exists() {
            return path.canonicalize();
        }
        let Ok(target) = path.read_link() else { break };
        path = path.parent().unwrap_or(Path::new("")).join(target);
    }
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let name = path.file_name().unwrap_or_default();
    Ok(folder.canonicalize()?.join(name))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path.file_name().unwrap_or_default());
    name.push(suffix);
    path.with_file_name(name)
}

/// A text as part of a file name, different for different texts.
fn file_name(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'+' => {
                out.push(char::from(byte));
            }
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn cannot(path: &Path, why: &dyn std::fmt::Display) -> Failure {
    let sentence = format!("cannot use {}: {why}", path.display());
    Failure::new(Code::CannotCreate, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::url::Protocol;

    #[test]
    fn each_account_has_a_journal_of_its_own_beside_the_mail() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().canonicalize().unwrap();
        let place = Place::new(&folder.join("Mail")).unwrap();
        let journal = |url| place.journal(&ServerUrl::parse(url, Protocol::Pop3).unwrap());
        let name = "Mail.a%2Fb%40c.org@pop.example.org-995.journal";
        assert_eq!(
            journal("pop3s://a/b@c.org@pop.example.org"),
            folder.join(name)
        );
        assert_ne!(journal("pop3s://ada@h"), journal("pop3s://ada@h:994"));
    }

    #[cfg(unix)]
    #[test]
    fn a_store_has_the_same_journal_before_and_after_its_first_mail_though_a_link_leads_to_it() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("inbox");
        std::fs::create_dir(dir.path().join("Mail")).unwrap();
        std::os::unix::fs::symlink("Mail/mbox", &link).unwrap();
        let url = ServerUrl::parse("pop3s://ada@h", Protocol::Pop3).unwrap();
        let before = Place::new(&link).unwrap().journal(&url);
        std::fs::write(&link, "From a@b\n\nx\n").unwrap();
        assert_eq!(Place::new(&link).unwrap().journal(&url), before);
    }

    #[test]
    fn a_store_is_used_by_one_fetch_at_a_time_under_whatever_name() {
        let dir = tempfile::tempdir().unwrap();
        let mail = dir.path().join("Mail");
        std::fs::create_dir(&mail).unwrap();
        let first = Place::new(&mail).unwrap();
        let error = Place::new(&mail.join("..").join("Mail/")).err().unwrap();
        assert_eq!(error.code(), Code::Temporary);
        drop(first);
        assert!(Place::new(&mail).is_ok());
    }
}
