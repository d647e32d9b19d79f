use super::spool::{ABANDONED, Spool, Unsynced};
use super::{Arrived, Store};
use std::io;
use std::path::PathBuf;

/// One file for each message, `KEY.eml`, in one folder. Line endings as the server sent them.
///
/// A message is written to `tmp/`, and renamed when it is durable: what is in the folder is whole, also after a crash. Several
/// mailboxes may be stored into one folder.
#[derive(Debug)]
pub struct Files {
    folder: PathBuf,
    spool: Spool,
    unsynced: Unsynced,
}

impl Files {
    /// Stores into this folder, which is made if need be.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn open(folder: impl Into<PathBuf>) -> io::Result<Self> {
        let folder = folder.into();
        let spool = Spool::new(folder.join("tmp"))?;
        spool.clean(ABANDONED);
        Ok(Self {
            spool,
            folder,
            unsynced: Unsynced::default(),
        })
    }
}

impl Store for Files {
    fn begin(&mut self) -> io::Result<()> {
        self.spool.begin()
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.spool.write(bytes)
    }

    fn finish(&mut self, message: &Arrived<'_>) -> io::Result<String> {
        let (file, from) = self.spool.take()?;
        let name = format!("{}.eml", message.key);
        // A file of that name, left by a crash, has the same content.
        self.unsynced.push(file, from, self.folder.join(&name));
        Ok(name)
    }

    fn abort(&mut self) -> io::Result<()> {
        self.spool.abort()
    }

    fn commit(&mut self) -> io::Result<()> {
        self.unsynced.commit()
    }

    fn recover(&mut self) -> io::Result<()> {
        self.unsynced.forget();
        self.abort()
    }
}
