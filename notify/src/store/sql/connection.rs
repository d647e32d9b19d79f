//! A connection as the statements of the store see it.
//!
//! Parameters and columns are those of rusqlite ([`ToSql`], [`FromSql`]); what is read from a row, and what can go wrong,
//! passes through here, so that a statement does not depend on who runs it.

#[cfg(feature = "postgres")]
use super::postgres;
use rusqlite::ToSql;
#[cfg(feature = "postgres")]
use rusqlite::types::FromSqlError;
use rusqlite::types::{FromSql, Value};
use std::error::Error;

/// What went wrong in a statement.
#[derive(Debug)]
pub(super) enum SqlError {
    /// A row was expected, and there is none.
    NoRow,
    /// A column does not hold what it should; SQLite says that itself.
    #[cfg(feature = "postgres")]
    Value(FromSqlError),
    /// SQLite said no.
    Sqlite(rusqlite::Error),
    /// PostgreSQL said no, or could not be reached.
    #[cfg(feature = "postgres")]
    Postgres(tokio_postgres::Error),
    /// Nobody is left to do the work.
    #[cfg(feature = "postgres")]
    Gone,
}

impl SqlError {
    /// As those who did not run the statement see it.
    pub(super) fn into_source(self) -> Box<dyn Error + Send + Sync> {
        match self {
            Self::NoRow => "a row is missing".into(),
            #[cfg(feature = "postgres")]
            Self::Value(error) => error.into(),
            Self::Sqlite(error) => error.into(),
            #[cfg(feature = "postgres")]
            Self::Postgres(error) => postgres::in_its_words(error),
            #[cfg(feature = "postgres")]
            Self::Gone => "the connection to the database is gone".into(),
        }
    }
}

pub(super) type SqlResult<T> = Result<T, SqlError>;

impl From<rusqlite::Error> for SqlError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

#[cfg(feature = "postgres")]
impl From<tokio_postgres::Error> for SqlError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

/// A missing row as `None`.
pub(super) trait OptionalExtension<T> {
    fn optional(self) -> SqlResult<Option<T>>;
}

impl<T> OptionalExtension<T> for SqlResult<T> {
    fn optional(self) -> SqlResult<Option<T>> {
        match self {
            Ok(row) => Ok(Some(row)),
            Err(SqlError::NoRow) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A transaction, or a snapshot to read from.
pub(super) trait Connection {
    /// A statement, prepared once for each connection.
    fn prepare_cached(&self, sql: &str) -> SqlResult<Statement<'_>>;

    /// Begins, keeps or undoes a savepoint.
    fn savepoint(&self, command: Savepoint) -> SqlResult<()>;
}

/// A part of a transaction that can be undone alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Savepoint {
    Begin,
    Keep,
    Undo,
}

impl Savepoint {
    pub(super) fn sql(self) -> &'static str {
        match self {
            Self::Begin => "SAVEPOINT piece",
            Self::Keep => "RELEASE SAVEPOINT piece",
            Self::Undo => "ROLLBACK TO SAVEPOINT piece; RELEASE SAVEPOINT piece",
        }
    }
}

impl Connection for rusqlite::Connection {
    fn prepare_cached(&self, sql: &str) -> SqlResult<Statement<'_>> {
        Ok(Statement::Sqlite(self.prepare_cached(sql)?))
    }

    fn savepoint(&self, command: Savepoint) -> SqlResult<()> {
        match command {
            // Two statements, and seldom needed.
            Savepoint::Undo => self.execute_batch(command.sql())?,
            Savepoint::Begin | Savepoint::Keep => {
                self.prepare_cached(command.sql())?.execute([])?;
            }
        }
        Ok(())
    }
}

/// The values for the `?1`, `?2`, … of a statement.
pub(super) trait Parameters {
    fn with<R>(&self, run: impl FnOnce(&[&dyn ToSql]) -> R) -> R;
}

impl Parameters for &[&dyn ToSql] {
    fn with<R>(&self, run: impl FnOnce(&[&dyn ToSql]) -> R) -> R {
        run(self)
    }
}

impl<T: ToSql, const N: usize> Parameters for [T; N] {
    fn with<R>(&self, run: impl FnOnce(&[&dyn ToSql]) -> R) -> R {
        run(&self.each_ref().map(|value| value as &dyn ToSql))
    }
}

impl Parameters for Vec<Value> {
    fn with<R>(&self, run: impl FnOnce(&[&dyn ToSql]) -> R) -> R {
        let values: Vec<&dyn ToSql> = self.iter().map(|value| value as &dyn ToSql).collect();
        run(&values)
    }
}

/// A statement that is ready to run.
pub(super) enum Statement<'c> {
    Sqlite(rusqlite::CachedStatement<'c>),
    /// Prepared by its session when it is run for the first time.
    #[cfg(feature = "postgres")]
    Postgres(&'c postgres::Session, String),
}

impl Statement<'_> {
    /// Runs it; gives how many rows were written.
    pub(super) fn execute(&mut self, parameters: impl Parameters) -> SqlResult<usize> {
        match self {
            Self::Sqlite(statement) => Ok(parameters.with(|values| statement.execute(values))?),
            #[cfg(feature = "postgres")]
            Self::Postgres(session, sql) => session.execute(sql, &parameters),
        }
    }

    /// Runs an INSERT into a table with a numbered `id`; gives the number, or nothing if ON CONFLICT left it out.
    pub(super) fn insert(&mut self, parameters: impl Parameters) -> SqlResult<Option<i64>> {
        match self {
            Self::Sqlite(statement) => match parameters.with(|values| statement.insert(values)) {
                Ok(id) => Ok(Some(id)),
                Err(rusqlite::Error::StatementChangedRows(0)) => Ok(None),
                Err(error) => Err(error.into()),
            },
            #[cfg(feature = "postgres")]
            Self::Postgres(session, sql) => session.insert(sql, &parameters),
        }
    }

    /// The first row.
    pub(super) fn query_row<T>(
        &mut self,
        parameters: impl Parameters,
        read: impl FnOnce(&Row<'_>) -> SqlResult<T>,
    ) -> SqlResult<T> {
        match self {
            Self::Sqlite(statement) => parameters.with(|values| {
                let mut rows = statement.query(values)?;
                let row = rows.next()?.ok_or(SqlError::NoRow)?;
                read(&Row::Sqlite(row))
            }),
            #[cfg(feature = "postgres")]
            Self::Postgres(session, sql) => {
                let rows = session.query(sql, &parameters)?;
                read(&Row::Postgres(rows.first().ok_or(SqlError::NoRow)?))
            }
        }
    }

    /// All rows, read one after another.
    pub(super) fn query_map<T>(
        &mut self,
        parameters: impl Parameters,
        mut read: impl FnMut(&Row<'_>) -> SqlResult<T>,
    ) -> SqlResult<std::vec::IntoIter<SqlResult<T>>> {
        let mut all = Vec::new();
        match self {
            Self::Sqlite(statement) => parameters.with(|values| {
                let mut rows = statement.query(values)?;
                while let Some(row) = rows.next()? {
                    all.push(read(&Row::Sqlite(row)));
                }
                SqlResult::Ok(())
            })?,
            #[cfg(feature = "postgres")]
            Self::Postgres(session, sql) => {
                let rows = session.query(sql, &parameters)?;
                all.extend(rows.iter().map(|row| read(&Row::Postgres(row))));
            }
        }
        Ok(all.into_iter())
    }

    /// True if there is a row.
    pub(super) fn exists(&mut self, parameters: impl Parameters) -> SqlResult<bool> {
        Ok(self.query_row(parameters, |_| Ok(())).optional()?.is_some())
    }
}

/// A row of an answer.
pub(super) enum Row<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    #[cfg(feature = "postgres")]
    Postgres(&'r tokio_postgres::Row),
}

impl Row<'_> {
    /// The value of a column, counted from 0.
    pub(super) fn get<T: FromSql>(&self, column: usize) -> SqlResult<T> {
        match self {
            Self::Sqlite(row) => Ok(row.get(column)?),
            #[cfg(feature = "postgres")]
            Self::Postgres(row) => postgres::get(row, column),
        }
    }
}
