use std::fmt;

/// The store could not do it. Nothing was written, or nothing that was acknowledged is lost.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// The database said no: what was being done, and its words. A full or read-only disk shows up here.
    Database {
        /// What was being done: `open the database FILE`, `store a mail`.
        doing: String,
        /// Its own words.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The connection to the database was lost while a transaction ended: what was to be written may have been, or not. Its words.
    Uncertain(String),
    /// A record that is to be changed does not exist.
    NoRecord(crate::record::RecordKey),
    /// A record that is to be inserted exists already.
    RecordExists(crate::record::RecordKey),
    /// An inbound mail was processed already, by somebody else: its effects are there, and are not made again.
    AlreadyProcessed(crate::inbound::InboundId),
    /// Something in the database cannot be read; it was written by another version, or by another program.
    Corrupt(String),
    /// Another daemon is running on this database.
    Locked(String),
    /// The file that keeps a second daemon away cannot be used.
    Lock {
        /// Its path.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
}

impl StoreError {
    /// True if another process was writing for as long as was waited: it may work later.
    pub fn is_busy(&self) -> bool {
        self.said().contains(" is locked")
    }

    /// What helps, where that is known.
    pub fn remedy(&self) -> Option<&'static str> {
        let words = self.said();
        match self {
            Self::Locked(_) => Some("stop it first, or use another database"),
            _ if words.contains("full") || words.contains("disk I/O error") => {
                Some("make room on the disk; nothing that was acknowledged is lost")
            }
            _ if self.is_busy() => {
                Some("another process keeps it locked: try again once that is done")
            }
            _ => None,
        }
    }

    /// The database's own words; empty if it is not the database that failed.
    fn said(&self) -> String {
        match self {
            Self::Database { source, .. } => source.to_string(),
            _ => String::new(),
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database { doing, source } => write!(f, "cannot {doing}: {source}"),
            Self::Uncertain(why) => {
                write!(
                    f,
                    "the database was lost while it wrote, and may have written all of it: {why}"
                )
            }
            Self::NoRecord(key) => write!(f, "there is no record {key}"),
            Self::RecordExists(key) => write!(f, "the record {key} exists already"),
            Self::AlreadyProcessed(id) => write!(f, "the inbound mail {id} is processed already"),
            Self::Corrupt(what) => write!(f, "the database is not as expected: {what}"),
            Self::Locked(path) => write!(f, "another postrider is running on {path}"),
            Self::Lock { path, source } => write!(f, "cannot lock {path}: {source}"),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Database { source, .. } => Some(source.as_ref()),
            Self::Lock { source, .. } => Some(source),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_helps_is_told_by_the_words_of_the_database() {
        let said = |words: &str| StoreError::Database {
            doing: "store a mail in full.db".to_owned(),
            source: words.into(),
        };
        let busy = said("database is locked");
        assert!(busy.is_busy());
        assert!(busy.remedy().unwrap().contains("try again"));
        let full = said("database or disk is full");
        assert!(!full.is_busy());
        assert!(full.remedy().unwrap().starts_with("make room"));
        let other = said("file is not a database");
        assert!(!other.is_busy() && other.remedy().is_none());
    }
}
