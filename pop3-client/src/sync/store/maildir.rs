use super::super::digest::Digest;
use super::super::journal::sync_folder_of;
use super::private::private_folder;
use super::spool::{ABANDONED, Spool, Unsynced};
use super::{Arrived, Store};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// A Maildir: `tmp/` while it arrives, then `new/`, as other mail programs expect.
///
/// The name is `SECONDS.KEY.postrider`. Line endings as the server sent them. A message is in `new/` when it is durable, and
/// whole from the first moment on. One that a crash left without a journal entry is recognised by its key in `new/` and
/// `cur/`, and not stored twice. Several mailboxes may be stored into one Maildir.
#[derive(Debug)]
pub struct Maildir {
    folder: PathBuf,
    spool: Spool,
    unsynced: Unsynced,
    held: HashMap<String, String>,
    /// What will be held after the commit.
    finished: Vec<(String, String)>,
}

impl Maildir {
    /// Stores into this Maildir, which is made if need be.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn open(folder: impl Into<PathBuf>) -> io::Result<Self> {
        let folder = folder.into();
        for part in ["new", "cur"] {
            private_folder(&folder.join(part))?;
        }
        let (held, spool) = (held(&folder)?, Spool::new(folder.join("tmp"))?);
        spool.clean(ABANDONED);
        Ok(Self {
            folder,
            spool,
            unsynced: Unsynced::default(),
            held,
            finished: Vec::new(),
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
        let key = message.key.to_string();
        let place = match self.place_of(&key)? {
            Some(there) if is_durable(&self.folder.join(&there), message) => {
                self.spool.abort()?;
                return Ok(there);
            }
            // It is written again: whoever has written or moved it may have left it short.
            Some(there) => there,
            None => format!("new/{}.{key}.postrider", message.at),
        };
        let (file, from) = self.spool.take()?;
        self.unsynced.push(file, from, self.folder.join(&place));
        self.finished.push((key, place.clone()));
        Ok(place)
    }

    fn abort(&mut self) -> io::Result<()> {
        self.spool.abort()
    }

    fn commit(&mut self) -> io::Result<()> {
        self.unsynced.commit()?;
        self.held.extend(self.finished.drain(..));
        Ok(())
    }

    fn recover(&mut self) -> io::Result<()> {
        self.unsynced.forget();
        self.finished.clear();
        self.abort()?;
        // Some of what was not committed may be there all the same.
        self.held = held(&self.folder)?;
        Ok(())
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

/// Whether a file is this message, all of it, and durable under its name.
fn is_durable(path: &Path, message: &Arrived<'_>) -> bool {
    let is = || -> io::Result<bool> {
        let file = File::open(path)?;
        let whole = file.metadata()?.len() == message.octets;
        let same = whole && Digest::of_all(&file)? == message.content;
        if same {
            file.sync_all()?;
            sync_folder_of(path)?;
        }
        Ok(same)
    };
    // Of what cannot be read or synced, nobody knows.
    is().unwrap_or(false)
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
    use std::time::SystemTime;

    /// A message of this account, first seen at this time.
    fn arrived(account: &str, text: &[u8], at: u64) -> Arrived<'static> {
        let content = Digest::of(&[text]);
        Arrived {
            key: MessageKey::new(account, None, content),
            uid: None,
            octets: text.len() as u64,
            content,
            at,
        }
    }

    /// Stores a message, first seen at this time, without a commit.
    fn finish(maildir: &mut Maildir, at: u64) -> String {
        maildir.begin().unwrap();
        maildir.write(b"x").unwrap();
        maildir.finish(&arrived("ada", b"x", at)).unwrap()
    }

    fn store(maildir: &mut Maildir, at: u64) -> String {
        let place = finish(maildir, at);
        maildir.commit().unwrap();
        place
    }

    /// A Maildir in a folder of its own.
    fn opened(name: &str) -> (PathBuf, Maildir) {
        let name = format!("postrider-maildir-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&folder);
        let maildir = Maildir::open(&folder).unwrap();
        (folder, maildir)
    }

    fn count(folder: &Path, part: &str) -> usize {
        fs::read_dir(folder.join(part)).unwrap().count()
    }

    #[test]
    fn a_message_that_is_fetched_again_is_not_stored_twice_wherever_it_is_by_then() {
        let (folder, mut maildir) = opened("again");
        let count = |part: &str| count(&folder, part);

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
        assert_eq!((count("new"), count("cur"), count("tmp")), (1, 0, 0));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_message_that_is_there_whole_is_not_written_again_nor_after_another_start() {
        let (folder, mut maildir) = opened("whole");
        let place = store(&mut maildir, 1);
        let mut restarted = Maildir::open(&folder).unwrap();
        for maildir in [&mut maildir, &mut restarted] {
            assert_eq!(finish(maildir, 2), place);
            assert_eq!(count(&folder, "tmp"), 0, "it waits for a commit");
        }
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn two_mailboxes_into_one_maildir_never_write_into_each_others_mail() {
        let (folder, mut ada) = opened("two");
        let mut bob = Maildir::open(&folder).unwrap();
        let (hers, his) = (&b"a mail to Ada"[..], &b"another one, to Bob"[..]);
        ada.begin().unwrap();
        bob.begin().unwrap();
        ada.write(hers).unwrap();
        bob.write(his).unwrap();
        let hers_at = ada.finish(&arrived("ada", hers, 1)).unwrap();
        ada.commit().unwrap();
        let his_at = bob.finish(&arrived("bob", his, 1)).unwrap();
        bob.commit().unwrap();
        assert_eq!(fs::read(folder.join(hers_at)).unwrap(), hers);
        assert_eq!(fs::read(folder.join(his_at)).unwrap(), his);
        assert_eq!((count(&folder, "new"), count(&folder, "tmp")), (2, 0));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_message_that_a_crash_left_short_and_somebody_has_read_is_written_again() {
        let (folder, mut maildir) = opened("short");
        let place = store(&mut maildir, 1);
        let read = format!("{}:2,S", place.replace("new/", "cur/"));
        fs::rename(folder.join(&place), folder.join(&read)).unwrap();
        // As long as it was, or not.
        for left in ["", "\0"] {
            fs::write(folder.join(&read), left).unwrap();
            assert_eq!(store(&mut maildir, 2), read);
            assert_eq!(fs::read(folder.join(&read)).unwrap(), b"x");
            assert_eq!((count(&folder, "new"), count(&folder, "cur")), (0, 1));
        }
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_message_has_no_name_before_it_is_durable_and_what_is_never_committed_leaves_nothing() {
        let (folder, mut maildir) = opened("late");
        let there = || (count(&folder, "new"), count(&folder, "tmp"));
        let place = finish(&mut maildir, 1);
        assert_eq!(there(), (0, 1));
        maildir.recover().unwrap();
        assert_eq!(there(), (0, 0));
        // It is fetched again after what went wrong.
        assert!(store(&mut maildir, 2).starts_with("new/2."));
        assert!(!folder.join(place).exists());
        assert_eq!(there(), (1, 0));

        maildir.begin().unwrap();
        maildir.write(b"y").unwrap();
        maildir.finish(&arrived("ada", b"y", 3)).unwrap();
        maildir.begin().unwrap();
        assert_eq!(there(), (1, 2));
        drop(maildir);
        assert_eq!(there(), (1, 0));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_a_crash_left_in_tmp_is_removed_when_it_is_old_and_nothing_else_is() {
        let (folder, mut maildir) = opened("old");
        maildir.begin().unwrap();
        let old = SystemTime::now() - ABANDONED - ABANDONED;
        for (name, modified) in [
            ("0.1.postrider-part", Some(old)),
            ("postrider.part", Some(old)),
            ("0.2.postrider-part", None),
            ("1.theirs", Some(old)),
        ] {
            let file = File::create(folder.join("tmp").join(name)).unwrap();
            if let Some(modified) = modified {
                file.set_modified(modified).unwrap();
            }
        }
        Maildir::open(&folder).unwrap();
        assert!(!folder.join("tmp/0.1.postrider-part").exists());
        assert!(!folder.join("tmp/postrider.part").exists());
        assert_eq!(count(&folder, "tmp"), 3);
        fs::remove_dir_all(&folder).unwrap();
    }
}
