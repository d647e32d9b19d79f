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

    /// Ends a message of this text, and tells where it is after the commit.
    fn finish(store: &mut dyn Store, text: &[u8]) -> String {
        let content = Digest::of(&[text]);
        let arrived = Arrived {
            key: MessageKey::new("ada", None, content),
            uid: None,
            octets: text.len() as u64,
            content,
            at: 0,
        };
        store.finish(&arrived).unwrap()
    }

    #[test]
    fn a_commit_leaves_the_message_that_is_open_as_it_is() {
        let name = format!("postrider-open-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&folder);
        let path = |name: &str| folder.join(name);
        let stores: [(&str, Box<dyn Store>); 3] = [
            ("Mail", Box::new(Maildir::open(path("Mail")).unwrap())),
            ("files", Box::new(Files::open(path("files")).unwrap())),
            ("mbox", Box::new(Mboxrd::open(path("mbox")).unwrap())),
        ];
        for (name, mut store) in stores {
            store.begin().unwrap();
            store.write(b"one\n").unwrap();
            let one = finish(&mut *store, b"one\n");
            store.begin().unwrap();
            store.write(b"tw").unwrap();
            store.commit().unwrap();
            // The mbox has all messages in one file.
            let text = |place: &str| match name {
                "mbox" => fs::read_to_string(path(name)).unwrap(),
                _ => fs::read_to_string(path(name).join(place)).unwrap(),
            };
            assert!(text(&one).trim_end().ends_with("one"), "{name}");
            store.write(b"o\n").unwrap();
            let two = finish(&mut *store, b"two\n");
            store.commit().unwrap();
            assert!(text(&two).trim_end().ends_with("two"), "{name}");
            assert!(text(&one).contains("one\n"), "{name}");
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
