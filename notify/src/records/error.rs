use crate::record::RecordKey;
use crate::schema::{InvalidField, Schema};
use crate::store::StoreError;
use crate::suggest::nearest;
use crate::walk::PathError;
use std::fmt;

/// A record that cannot be read or written.
#[derive(Debug)]
#[non_exhaustive]
pub enum RecordError {
    /// There is no such table.
    UnknownTable {
        /// The name.
        table: String,
        /// The table that may have been meant.
        did_you_mean: Option<String>,
    },
    /// A value does not fit its field.
    Invalid(InvalidField),
    /// A reference leads to no record.
    NoReference {
        /// `TABLE.FIELD`.
        field: String,
        /// The record that it names.
        to: RecordKey,
    },
    /// The table is not numbered, so that a new record must be given an id.
    NeedsId(String),
    /// An id that is empty, too long, or holds white space or a comma.
    BadId(String),
    /// A path leads nowhere.
    Path(PathError),
    /// A line of an import is at fault; nothing was imported.
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        error: Box<RecordError>,
    },
    /// A line that is no exported record: what is wrong with it.
    NotARecord(String),
    /// The export could not be written, or the import not be read.
    Io(std::io::Error),
    /// The store could not do it.
    Store(StoreError),
}

impl RecordError {
    pub(super) fn unknown_table(schema: &Schema, table: &str) -> Self {
        let names = schema.tables.keys().map(String::as_str);
        Self::UnknownTable {
            table: table.to_owned(),
            did_you_mean: nearest(table, names).map(str::to_owned),
        }
    }
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownTable {
                table,
                did_you_mean: Some(name),
            } => write!(f, "there is no table `{table}`; did you mean `{name}`?"),
            Self::UnknownTable { table, .. } => write!(f, "there is no table `{table}`"),
            Self::Invalid(error) => error.fmt(f),
            Self::NoReference { field, to } => {
                write!(f, "{field}: there is no record {to}")
            }
            Self::NeedsId(table) => write!(
                f,
                "a new record of `{table}` needs an id, because the table is not numbered"
            ),
            Self::BadId(id) => write!(
                f,
                "{id:?} cannot be an id: at most 200 letters, no white space, no comma"
            ),
            Self::Path(error) => error.fmt(f),
            Self::Line { line, error } => write!(f, "line {line}: {error}"),
            Self::NotARecord(what) => write!(f, "this is no exported record: {what}"),
            Self::Io(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RecordError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Store(error) => error.source(),
            Self::Line { error, .. } => Some(error.as_ref()),
            Self::Io(error) => error.source(),
            _ => None,
        }
    }
}

impl From<InvalidField> for RecordError {
    fn from(error: InvalidField) -> Self {
        Self::Invalid(error)
    }
}

impl From<PathError> for RecordError {
    fn from(error: PathError) -> Self {
        Self::Path(error)
    }
}

impl From<std::io::Error> for RecordError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<StoreError> for RecordError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
