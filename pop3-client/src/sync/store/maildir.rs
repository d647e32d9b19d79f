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
        let (file, from) = self.spool.take()?;
        let key = message.key.to_string();
        let place = match self.place_of(&key)? {
            Some(read) if read.starts_with("cur/") => {
                fs::remove_file(&from)?;
                return Ok(read);
            }
            // Nobody has read it: it is written again, because a crash may have left it short.
            Some(new) => new,
            None => format!("new/{}.{key}.postrider", message.at),
        };
        self.unsynced
            .rename(file, &from, &self.folder.join(&place))?;
        self.held.insert(key, place.clone());
        Ok(place)
    }

    fn abort(&mut self) -> io::Result<()> {
        self.spool.abort()
    }

    fn commit(&mut self) -> io::Result<()> {
        self.unsynced.commit(&self.folder.join("new"))
    }
}

impl Maildir {
    /// Where a message is. A mail program may have moved it since the folder was read.
    fn place_of(&mut self, key: &str) -> io::Result<Option<String>> {
        let place = self.held.get(key);
        if place.is_some_and(|place| !self.folder.join(place).exists()) {
            self.held = held(&self.folder)?;
        }
        Ok(self.held.get(key).cloned())
    }
}

/// The messages of ours that are there: place by key. A folder may be large: it is read only when need be.
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

#[cfg(test)]
mod tests {
    use super::super::MessageKey;
    use super::*;
    use crate::sync::Digest;

    /// Stores a message, first seen at this time.
    fn store(maildir: &mut Maildir, at: u64) -> String {
        let content = Digest::of(&[b"x"]);
        let arrived = Arrived {
            key: MessageKey::new("ada", None, content),
            uid: None,
            octets: 1,
            content,
            at,
        };
        maildir.begin().unwrap();
        maildir.write(b"x").unwrap();
        let place = maildir.finish(&arrived).unwrap();
        maildir.commit().unwrap();
        place
    }

    #[test]
    fn a_message_that_is_fetched_again_is_not_stored_twice_wherever_it_is_by_then() {
        let folder = std::env::temp_dir().join(format!("postrider-maildir-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let mut maildir = Maildir::open(&folder).unwrap();
        let count = |part: &str| fs::read_dir(folder.join(part)).unwrap().count();

        // The journal could not be written after this.
        let place = store(&mut maildir, 1);
        assert_eq!(store(&mut maildir, 2), place);
        assert_eq!((count("new"), count("cur")), (1, 0));

        // Somebody reads it.
        let read = format!("{}:2,S", place.replace("new/", "cur/"));
        fs::rename(folder.join(&place), folder.join(&read)).unwrap();
        assert_eq!(store(&mut maildir, 3), read);
        assert_eq!((count("new"), count("cur")), (0, 1));

        // Somebody takes it away.
        fs::remove_file(folder.join(&read)).unwrap();
        assert!(store(&mut maildir, 4).starts_with("new/4."));
        assert_eq!((count("new"), count("cur")), (1, 0));
        fs::remove_dir_all(&folder).unwrap();
    }
}
