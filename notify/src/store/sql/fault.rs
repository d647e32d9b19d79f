use super::connection::SqlError;
use crate::store::StoreError;

/// What went wrong inside a transaction, before it is known what the caller was doing.
#[derive(Debug)]
pub(super) enum Fault {
    Sql(SqlError),
    Store(StoreError),
}

impl Fault {
    pub(super) fn corrupt(what: impl Into<String>) -> Self {
        Self::Store(StoreError::Corrupt(what.into()))
    }

    pub(super) fn while_doing(self, doing: &str) -> StoreError {
        match self {
            Self::Sql(error) => StoreError::Database {
                doing: doing.to_owned(),
                source: error.into_source(),
            },
            Self::Store(error) => error,
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error.into())
    }
}

impl From<SqlError> for Fault {
    fn from(error: SqlError) -> Self {
        Self::Sql(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
