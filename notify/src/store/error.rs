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
