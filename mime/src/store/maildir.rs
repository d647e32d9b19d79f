//! Maildir: a folder with `new`, `cur` and `tmp`, one file a message.
//!
//! ```text
//! name = unique [":2," *flag]
//! flag = "P" / "R" / "S" / "T" / "D" / "F"
//! ```
//!
//! Not supported: writing, and folders within folders (Maildir++).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A Maildir on disk.
#[derive(Clone, Debug)]
pub struct Maildir {
    folder: PathBuf,
}

/// One message of a Maildir.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaildirEntry {
    /// The file.
    pub path: PathBuf,
    /// Its name without flags: the same for as long as the message exists.
    pub unique: String,
    /// Whether it was seen by no reader yet.
    pub is_new: bool,
    /// What readers noted about it, in the order of the file name.
    pub flags: Vec<Flag>,
}

/// What a reader noted about a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Flag {
    /// `P`: it was sent on.
    Passed,
    /// `R`: it was answered.
    Replied,
    /// `S`: it was seen.
    Seen,
    /// `T`: it is to be deleted.
    Trashed,
    /// `D`: it is not finished.
    Draft,
    /// `F`: it matters to the reader.
    Flagged,
}

impl Maildir {
    /// The Maildir of a folder. Nothing is read yet.
    pub fn new(folder: impl AsRef<Path>) -> Self {
        Self {
            folder: folder.as_ref().to_owned(),
        }
    }

    /// The messages of `new` and `cur`, in the order of their names, which begin with the time of arrival.
    pub fn entries(&self) -> io::Result<Vec<MaildirEntry>> {
        let mut entries = Vec::new();
        for (name, is_new) in [("new", true), ("cur", false)] {
            for file in fs::read_dir(self.folder.join(name))? {
                let file = file?;
                let name = file.file_name();
                // Names that begin with a dot are no messages.
                if let Some(name) = name.to_str().filter(|n| !n.starts_with('.')) {
                    entries.push(MaildirEntry::of(file.path(), name, is_new));
                }
            }
        }
        entries.sort_by(|a, b| a.unique.cmp(&b.unique));
        Ok(entries)
    }
}

impl MaildirEntry {
    fn of(path: PathBuf, name: &str, is_new: bool) -> Self {
        let (unique, info) = name.split_once(':').unwrap_or((name, ""));
        let flags = info
            .strip_prefix("2,")
            .unwrap_or_default()
            .chars()
            .filter_map(Flag::of)
            .collect();
        Self {
            path,
            unique: unique.to_owned(),
            is_new,
            flags,
        }
    }

    /// The bytes of the message.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        fs::read(&self.path)
    }
}

impl Flag {
    fn of(letter: char) -> Option<Self> {
        Some(match letter {
            'P' => Self::Passed,
            'R' => Self::Replied,
            'S' => Self::Seen,
            'T' => Self::Trashed,
            'D' => Self::Draft,
            'F' => Self::Flagged,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_in_the_order_of_arrival() {
        let folder = std::env::temp_dir().join(format!("postrider-maildir-{}", std::process::id()));
        for name in ["new", "cur", "tmp"] {
            fs::create_dir_all(folder.join(name)).unwrap();
        }
        fs::write(folder.join("cur/1.a.host:2,RSx"), "Subject: one\n\n").unwrap();
        fs::write(folder.join("new/2.b.host"), "Subject: two\n\n").unwrap();
        fs::write(folder.join("new/.hidden"), "").unwrap();
        fs::write(folder.join("tmp/3.c.host"), "").unwrap();
        let entries = Maildir::new(&folder).entries().unwrap();
        let found: Vec<_> = entries
            .iter()
            .map(|e| (&*e.unique, e.is_new, &*e.flags))
            .collect();
        assert_eq!(
            found,
            [
                ("1.a.host", false, &[Flag::Replied, Flag::Seen][..]),
                ("2.b.host", true, &[])
            ]
        );
        assert_eq!(entries[1].read().unwrap(), b"Subject: two\n\n");
        fs::remove_dir_all(&folder).unwrap();
        assert!(Maildir::new(&folder).entries().is_err());
    }

    #[test]
    fn flags_are_the_letters_behind_2() {
        let flags = |name: &str| MaildirEntry::of(PathBuf::new(), name, false).flags;
        assert_eq!(
            flags("1.a:2,DFPRSTx"),
            [
                Flag::Draft,
                Flag::Flagged,
                Flag::Passed,
                Flag::Replied,
                Flag::Seen,
                Flag::Trashed
            ]
        );
        for name in ["1.a", "1.a:1,S", "1.a:2,"] {
            assert_eq!(flags(name), [], "{name}");
        }
    }
}
