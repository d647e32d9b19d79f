use super::digest::Digest;
use crate::UniqueId;
use std::fmt;
use std::io;
use std::path::PathBuf;

mod files;
mod maildir;
mod mboxrd;
pub(super) mod private;
mod spool;

pub use files::Files;
pub use maildir::Maildir;
pub use mboxrd::Mboxrd;

/// Where messages go. The methods block; [`Mailbox::sync`](super::Mailbox::sync) calls them on a thread that may.
///
/// One message is open at a time: [`begin`](Self::begin), [`write`](Self::write) as it arrives, then
/// [`finish`](Self::finish) or [`abort`](Self::abort). [`commit`](Self::commit) makes everything finished durable, and leaves
/// a message that is open as it is.
/// What was finished and not committed when the process ended may be there or not: it is fetched again, and
/// `finish` is then called with the **same key**, which must not make a second copy. After a commit that failed comes
/// [`recover`](Self::recover), and no second attempt.
pub trait Store: Send {
    /// Begins a message.
    ///
    /// # Errors
    /// Any error ends the sync without QUIT; nothing is deleted on the server.
    fn begin(&mut self) -> io::Result<()>;

    /// The next octets of the message, line endings as the server sent them.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// The message is whole: its name is made from its key and nothing else. Returns where it is after the commit.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    fn finish(&mut self, message: &Arrived<'_>) -> io::Result<String>;

    /// The message is not whole, or is known already: as if it had never begun. Also called when none is open.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    fn abort(&mut self) -> io::Result<()>;

    /// Everything finished is durable when this returns. A message may be open: where it takes long to arrive, those before it
    /// do not wait.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    fn commit(&mut self) -> io::Result<()>;

    /// An error of the store or the journal, or an interruption, lies behind. What was finished and not committed is not in
    /// the journal, and is fetched again: undo it, where `finish` would otherwise make a second copy.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    fn recover(&mut self) -> io::Result<()> {
        self.abort()
    }

    /// The file into which a repair has put what it took out, if one has since this was last asked. A sync asks at its
    /// beginning, and tells of it by [`SyncEvent::SetAside`](super::SyncEvent::SetAside).
    fn salvaged(&mut self) -> Option<PathBuf> {
        None
    }
}

/// A message that has arrived whole.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Arrived<'a> {
    /// What its name is made of.
    pub key: MessageKey,
    /// The server's name for it, if it has one. **Not a file name.**
    pub uid: Option<&'a UniqueId>,
    /// Octets.
    pub octets: u64,
    /// SHA-256 of its octets.
    pub content: Digest,
    /// When it was first seen, in seconds since 1970.
    pub at: u64,
}

/// The lasting name of a message here: the SHA-256 of account, unique-id and content, as 64 hexadecimal digits. The fields in which
/// servers note how far a message was read (Status, X-UID and the like) are not counted as its content.
///
/// A unique-id may hold any visible character, so it never becomes a file name; this may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageKey(Digest);

impl MessageKey {
    /// The key of a message.
    pub fn new(account: &str, uid: Option<&UniqueId>, content: Digest) -> Self {
        let uid = uid.map(UniqueId::as_str).unwrap_or_default();
        let content = content.to_string();
        // Neither an account nor a unique-id holds a NUL.
        Self(Digest::of(&[
            account.as_bytes(),
            b"\0",
            uid.as_bytes(),
            b"\0",
            content.as_bytes(),
        ]))
    }
}

impl fmt::Display for MessageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    #[test]
    fn s11_a_key_is_hexadecimal_whatever_the_unique_id_is() {
        let content = Digest::of(&[b"x"]);
        let mut keys = std::collections::HashSet::new();
        for uid in ["../../../../etc/pwn", "a/b", "a-b", "CON", ".", ".."] {
            let key = MessageKey::new("ada@pop:995", UniqueId::new(uid).ok().as_ref(), content)
                .to_string();
            assert!(
                key.len() == 64 && key.bytes().all(|b| b.is_ascii_hexdigit()),
                "{key}"
            );
            assert!(keys.insert(key));
        }
        assert_ne!(
            MessageKey::new("ada", None, content),
            MessageKey::new("bob", None, content)
        );
    }

    fn arrived(text: &[u8]) -> Arrived<'static> {
        let content = Digest::of(&[text]);
        Arrived {
            key: MessageKey::new("ada", None, content),
            uid: None,
            octets: text.len() as u64,
            content,
            at: 0,
        }
    }

    fn begin(store: &mut dyn Store, text: &[u8]) {
        store.begin().unwrap();
        store.write(text).unwrap();
    }

    /// Ends a message of this text, and tells where it is after the commit.
    fn finish(store: &mut dyn Store, text: &[u8]) -> String {
        store.finish(&arrived(text)).unwrap()
    }

    /// A store, and where it is in its folder.
    type Named = (&'static str, Box<dyn Store>);

    /// A folder of its own, and a store of each kind in it.
    fn stores(name: &str) -> (PathBuf, [Named; 3]) {
        let name = format!("postrider-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&folder);
        let path = |name: &str| folder.join(name);
        let stores: [Named; 3] = [
            ("Mail", Box::new(Maildir::open(path("Mail")).unwrap())),
            ("files", Box::new(Files::open(path("files")).unwrap())),
            ("mbox", Box::new(Mboxrd::open(path("mbox")).unwrap())),
        ];
        (folder, stores)
    }

    /// The text of all files at this path or below it.
    fn all_text(path: &Path) -> String {
        let Ok(entries) = fs::read_dir(path) else {
            return fs::read_to_string(path).unwrap_or_default();
        };
        entries.map(|e| all_text(&e.unwrap().path())).collect()
    }

    /// How many messages have temporary names in this folder and below it.
    fn temporary(folder: &Path) -> usize {
        let paths = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
        let count = paths.map(|path| match path.is_dir() {
            true => temporary(&path),
            false => usize::from(path.to_string_lossy().ends_with(".postrider-part")),
        });
        count.sum()
    }

    #[test]
    fn a_commit_leaves_the_message_that_is_open_as_it_is() {
        let (folder, stores) = stores("open");
        for (name, mut store) in stores {
            begin(&mut *store, b"one\n");
            let one = finish(&mut *store, b"one\n");
            begin(&mut *store, b"tw");
            store.commit().unwrap();
            // The mbox has all messages in one file.
            let text = |place: &str| match name {
                "mbox" => {
                    let mbox = fs::read_to_string(folder.join(name)).unwrap();
                    mbox.split_at(place.parse().unwrap()).1.to_owned()
                }
                _ => fs::read_to_string(folder.join(name).join(place)).unwrap(),
            };
            assert!(text(&one).trim_end().ends_with("one"), "{name}");
            store.write(b"o\n").unwrap();
            let two = finish(&mut *store, b"two\n");
            store.commit().unwrap();
            assert!(text(&two).trim_end().ends_with("two"), "{name}");
            assert!(!text(&two).contains("one"), "{name}: the place of two");
            assert!(text(&one).contains("one\n"), "{name}");
        }
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_is_aborted_is_as_if_it_had_never_begun() {
        let (folder, stores) = stores("aborted");
        for (name, mut store) in stores {
            begin(&mut *store, b"one\n");
            assert_eq!(temporary(&folder), 1, "{name}");
            // Also when none is open.
            for _ in 0..2 {
                store.abort().unwrap();
                assert_eq!(temporary(&folder), 0, "{name}");
                store.write(b"x").unwrap_err();
                store.finish(&arrived(b"one\n")).unwrap_err();
            }
            begin(&mut *store, b"two\n");
            finish(&mut *store, b"two\n");
            store.commit().unwrap();
            let text = all_text(&folder.join(name));
            assert_eq!((text.contains("one"), text.contains("two")), (false, true));
        }
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_was_not_committed_is_undone_by_a_recovery_and_stored_once_when_it_is_fetched_again() {
        let (folder, stores) = stores("recovered");
        for (name, mut store) in stores {
            let path = folder.join(name);
            begin(&mut *store, b"one\n");
            finish(&mut *store, b"one\n");
            begin(&mut *store, b"tw");
            store.recover().unwrap();
            assert_eq!(all_text(&path), "", "{name}");
            assert_eq!(temporary(&folder), 0, "{name}");
            assert_eq!(store.salvaged(), None, "{name}");
            begin(&mut *store, b"one\n");
            finish(&mut *store, b"one\n");
            store.commit().unwrap();
            assert_eq!(all_text(&path).matches("one").count(), 1, "{name}");
        }
        fs::remove_dir_all(&folder).unwrap();
    }

    /// A store that has only what it must have.
    struct Plain {
        is_open: bool,
    }

    impl Store for Plain {
        fn begin(&mut self) -> io::Result<()> {
            self.is_open = true;
            Ok(())
        }

        fn write(&mut self, _: &[u8]) -> io::Result<()> {
            Ok(())
        }

        fn finish(&mut self, _: &Arrived<'_>) -> io::Result<String> {
            Ok(String::new())
        }

        fn abort(&mut self) -> io::Result<()> {
            self.is_open = false;
            Ok(())
        }

        fn commit(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_store_without_a_recovery_of_its_own_aborts_and_has_put_nothing_aside() {
        let mut store = Plain { is_open: false };
        store.begin().unwrap();
        store.recover().unwrap();
        assert!(!store.is_open);
        assert_eq!(store.salvaged(), None);
    }
}
