//! One daemon on a database: a locked file beside it, which also says when the daemon last looked for work.

use super::engine::Engine;
use super::{SqliteStore, outbox};
use crate::store::StoreError;
use jiff::Timestamp;
use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

/// Held by the one daemon that works on a database; given up when it is dropped or the process ends.
#[derive(Debug)]
pub struct DaemonLock {
    file: Option<File>,
}

/// Whether a daemon works on a database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DaemonLife {
    /// One holds the lock.
    pub alive: bool,
    /// When it, or the one before, last looked for work; `None` if nobody knows.
    pub last_round: Option<Timestamp>,
    /// What keeps it from reading or writing the database, in the database's words.
    pub fault: Option<String>,
}

/// Octets of a note: a line with the moment, and one with the fault.
const NOTE: usize = 512;

impl DaemonLock {
    /// Notes in the file that the daemon has looked for work at this moment, or never yet, and what its store says if it does not
    /// work. Not kept by a power cut, and not needed then.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn note_round(&self, at: Option<Timestamp>, fault: Option<&str>) -> io::Result<()> {
        let Some(mut file) = self.file.as_ref() else {
            return Ok(());
        };
        let at = at.map(|at| at.as_second().to_string()).unwrap_or_default();
        let fault: Vec<&str> = fault.unwrap_or_default().split_whitespace().collect();
        let note = format!("{at:20}\n{}", fault.join(" "));
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&padded(&note))
    }

    /// Takes the room of a note, so that one can be written when the disk is full.
    fn make_room(&self) -> io::Result<()> {
        let Some(mut file) = self.file.as_ref() else {
            return Ok(());
        };
        let length = usize::try_from(file.seek(SeekFrom::End(0))?).unwrap_or(NOTE);
        file.write_all(padded("").get(length..).unwrap_or_default())
    }
}

/// As wide as every other, so that whoever reads meanwhile sees one note or the other.
fn padded(note: &str) -> Vec<u8> {
    let mut note = note.as_bytes().to_owned();
    note.resize(NOTE - 1, b' ');
    note.push(b'\n');
    note
}

impl SqliteStore {
    /// Makes this the only daemon on the database, or says that there is one already ([`StoreError::Locked`]).
    ///
    /// The lock is a file beside the database, `DATABASE.lock`. A store in memory needs none and always gets it.
    /// Leases that an earlier daemon left behind are due at once, because nobody works on them any more.
    pub fn lock_daemon(&self) -> Result<DaemonLock, StoreError> {
        let Some(path) = &self.path else {
            return Ok(DaemonLock { file: None });
        };
        let name = lock_of(path);
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&name)
            .map_err(|error| failed(&name, error))?;
        match patiently(|| file.try_lock()) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Locked(path.display().to_string()));
            }
            Err(TryLockError::Error(error)) => return Err(failed(&name, error)),
        }
        self.work("release old leases", |c| outbox::release_all(c))?;
        let lock = DaemonLock { file: Some(file) };
        // Where there is none, the daemon works all the same.
        let _ = lock.make_room();
        Ok(lock)
    }

    /// Whether a daemon works on this database at this moment.
    ///
    /// # Errors
    /// [`StoreError::Lock`] if the file beside the database cannot be read.
    pub fn daemon_life(path: &Path) -> Result<DaemonLife, StoreError> {
        let name = lock_of(path);
        let mut file = match File::open(&name) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(DaemonLife::default());
            }
            Err(error) => return Err(failed(&name, error)),
        };
        let alive = match file.try_lock_shared() {
            Ok(()) => false,
            Err(TryLockError::WouldBlock) => true,
            Err(TryLockError::Error(error)) => return Err(failed(&name, error)),
        };
        if !alive {
            // Held for a moment only: a daemon that begins right now tries again.
            file.unlock().map_err(|error| failed(&name, error))?;
        }
        let mut text = Vec::new();
        let read = (&mut file).take(NOTE as u64).read_to_end(&mut text);
        read.map_err(|error| failed(&name, error))?;
        let text = String::from_utf8_lossy(&text);
        let mut lines = text.lines().map(str::trim);
        let seconds = lines.next().and_then(|line| line.parse().ok());
        let fault = lines.next().filter(|line| alive && !line.is_empty());
        Ok(DaemonLife {
            alive,
            fault: fault.map(str::to_owned),
            last_round: seconds.and_then(|seconds| Timestamp::from_second(seconds).ok()),
        })
    }
}

/// Beside the file itself, whatever links lead to it: one database has one lock.
fn lock_of(path: &Path) -> OsString {
    let file = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut name = file.into_os_string();
    name.push(".lock");
    name
}

fn failed(name: &OsString, source: io::Error) -> StoreError {
    StoreError::Lock {
        path: name.to_string_lossy().into_owned(),
        source,
    }
}

/// Somebody may only be looking whether there is a daemon.
fn patiently(lock: impl Fn() -> Result<(), TryLockError>) -> Result<(), TryLockError> {
    for _ in 0..5 {
        match lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(10)),
            done => return done,
        }
    }
    lock()
}
