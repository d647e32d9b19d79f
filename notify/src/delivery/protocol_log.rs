//! An account's dialogues in a file, secrets left out as in every transcript.

use crate::private::private;
use jiff::Timestamp;
use postrider_wire::Transcript;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A file that has grown so large makes room: it is renamed to `NAME.old`, which is replaced.
const LARGEST: u64 = 16 * 1024 * 1024;

/// Writes each line of a dialogue into the file, with the time. What cannot be written is not written: mail matters more.
pub fn protocol_log(path: &Path) -> Transcript {
    let log = Mutex::new(Log {
        path: path.to_owned(),
        file: None,
        written: 0,
    });
    Transcript::to(move |line| {
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ");
        log.write(&format!("{now} {line}\n"));
    })
}

struct Log {
    path: PathBuf,
    file: Option<File>,
    written: u64,
}

impl Log {
    fn write(&mut self, line: &str) {
        if self.written > LARGEST {
            let mut old = self.path.clone().into_os_string();
            old.push(".old");
            self.file = None;
            let _ = std::fs::rename(&self.path, old);
        }
        if self.file.is_none() {
            let opened = private(File::options().create(true).append(true)).open(&self.path);
            let length = |file: &File| file.metadata().map_or(0, |m| m.len());
            self.written = opened.as_ref().map_or(0, length);
            self.file = opened.ok();
        }
        if let Some(file) = &mut self.file
            && file.write_all(line.as_bytes()).is_ok()
        {
            self.written += line.len() as u64;
        }
    }
}
