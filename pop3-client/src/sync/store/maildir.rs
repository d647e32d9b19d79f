use super::spool::{Spool, Unsynced};
use super::{Arrived, Store};
use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A Maildir: `tmp/` while it arrives, then `new/`, as other mail programs expect.
///
/// The name is `SECONDS.KEY.postrider`. Line endings as the server sent them. A message that a crash left without a journal
/// entry is recognised by its key in `new/` and `cur/`, and not stored twice.
#[derive(Debug)]
pub struct Maildir {
    folder: PathBuf,
    spool: Spool,
    unsynced: Unsynced,
    held: HashMap<String, String>,
}

impl Maildir {
    /// Stores into this Maildir, which is made if need be.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn open(folder: impl Into<PathBuf>) -> io::Result<Self> {
        let folder = folder.into();
        for part in ["new", "cur"] {
            fs::create_dir_all(folder.join(part))?;
        }
        let (held, spool) = (held(&folder)?, Spool::new(folder.join("tmp"))?);
        Ok(Self {
            folder,
            spool,
            unsynced: Unsynced::default(),
            held,
        })
    }
}

impl Store for Maildir {
    fn begin(&mut self) -> io::Result<()> {
        self.spool.begin()
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.spool.write(bytes)
    }

    fn finish(&mut self, message: &Arrived<'_>) -> io::Result<String> {
        let name = format!("{}.{}.postrider", message.at, message.key);
        let (file, from) = self.spool.take()?;
        let place = match self.held.get(&message.key.to_string()) {
            Some(read) if read.starts_with("cur/") => {
                fs::remove_file(&from)?;
                return Ok(read.clone());
            }
            // Nobody has read it: it is written again, because a crash may have left it short.
            Some(new) => new.clone(),
            None => format!("new/{name}"),
        };
        self.unsynced
            .rename(file, &from, &self.folder.join(&place))?;
        Ok(place)
    }

    fn abort(&mut self) -> io::Result<()> {
        self.spool.abort()
    }

    fn commit(&mut self) -> io::Result<()> {
        self.unsynced.commit(&self.folder.join("new"))
    }
}

/// The messages of ours that are there: place by key. Read once; a folder may be large.
fn held(folder: &Path) -> io::Result<HashMap<String, String>> {
    let mut held = HashMap::new();
    for part in ["new", "cur"] {
        for entry in fs::read_dir(folder.join(part))? {
            let name = entry?.file_name();
            let Some(name) = name.to_str() else { continue };
            let mut words = name.split('.');
            if let (_, Some(key), Some(ours)) = (words.next(), words.next(), words.next()) {
                if ours.starts_with("postrider") {
                    held.insert(key.to_owned(), format!("{part}/{name}"));
                }
            }
        }
    }
    Ok(held)
}
