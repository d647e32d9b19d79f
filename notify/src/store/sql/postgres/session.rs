//! One connection to PostgreSQL, used by one thread at a time, which it holds up as SQLite would.

use super::super::connection::{Connection, Parameters, Savepoint, SqlError, SqlResult, Statement};
use super::dialect;
use super::value::Parameter;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use tokio::runtime::Handle;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

/// A connection.
pub(in super::super) struct Session {
    client: Arc<Client>,
    runtime: Handle,
    /// By the text of the store.
    prepared: RefCell<HashMap<String, tokio_postgres::Statement>>,
    wrote: Cell<bool>,
    /// The roles that this session has.
    roles: RefCell<HashSet<String>>,
}

impl Session {
    pub(super) fn new(client: Client, runtime: Handle) -> Self {
        Self {
            client: Arc::new(client),
            runtime,
            prepared: RefCell::default(),
            wrote: Cell::new(false),
            roles: RefCell::default(),
        }
    }

    /// True if the server or the network ended it.
    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// True if something was written since it was last asked.
    pub(super) fn wrote(&self) -> bool {
        self.wrote.take()
    }

    /// Runs statements that take no parameters and give no rows.
    pub(super) fn run(&self, sql: &str) -> SqlResult<()> {
        let (client, sql) = (Arc::clone(&self.client), sql.to_owned());
        wait(
            &self.runtime,
            async move { client.batch_execute(&sql).await },
        )
    }

    /// Takes a role if nobody has it. The session keeps it until it ends.
    pub(super) fn lead(&self, space: i64, role: &str) -> SqlResult<bool> {
        if self.roles.borrow().contains(role) {
            return Ok(true);
        }
        let sql = format!("SELECT pg_try_advisory_lock({space}, hashtext(?1))");
        let leads = self
            .prepare_cached(&sql)?
            .query_row([role], |row| row.get(0))?;
        if leads {
            self.roles.borrow_mut().insert(role.to_owned());
        }
        Ok(leads)
    }

    pub(in super::super) fn execute(
        &self,
        sql: &str,
        parameters: &impl Parameters,
    ) -> SqlResult<usize> {
        let statement = self.prepare(sql)?;
        let (client, values) = (Arc::clone(&self.client), owned(parameters)?);
        let written = wait(&self.runtime, async move {
            client.execute(&statement, &borrowed(&values)).await
        })?;
        self.wrote.set(self.wrote.get() || written > 0);
        Ok(usize::try_from(written).unwrap_or(usize::MAX))
    }

    pub(in super::super) fn query(
        &self,
        sql: &str,
        parameters: &impl Parameters,
    ) -> SqlResult<Vec<Row>> {
        let statement = self.prepare(sql)?;
        let (client, values) = (Arc::clone(&self.client), owned(parameters)?);
        wait(&self.runtime, async move {
            client.query(&statement, &borrowed(&values)).await
        })
    }

    pub(in super::super) fn insert(
        &self,
        sql: &str,
        parameters: &impl Parameters,
    ) -> SqlResult<Option<i64>> {
        let rows = self.query(&format!("{sql} RETURNING id"), parameters)?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        self.wrote.set(true);
        Ok(Some(row.try_get(0)?))
    }

    fn prepare(&self, sql: &str) -> SqlResult<tokio_postgres::Statement> {
        if let Some(statement) = self.prepared.borrow().get(sql) {
            return Ok(statement.clone());
        }
        let (client, text) = (Arc::clone(&self.client), dialect::statement(sql));
        let statement = wait(&self.runtime, async move { client.prepare(&text).await })?;
        self.prepared
            .borrow_mut()
            .insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

impl Connection for Session {
    fn prepare_cached(&self, sql: &str) -> SqlResult<Statement<'_>> {
        Ok(Statement::Postgres(self, sql.to_owned()))
    }

    fn savepoint(&self, command: Savepoint) -> SqlResult<()> {
        self.run(command.sql())
    }
}

/// Waits for an answer of the server. The work is done by the runtime of the store, so that it does not matter whether the
/// caller's thread belongs to a runtime of its own.
pub(super) fn wait<T: Send + 'static>(
    runtime: &Handle,
    work: impl Future<Output = Result<T, tokio_postgres::Error>> + Send + 'static,
) -> SqlResult<T> {
    let (sender, receiver) = sync_channel(1);
    runtime.spawn(async move {
        // Nobody hears it if the store is gone meanwhile.
        let _ = sender.send(work.await);
    });
    Ok(receiver.recv().map_err(|_| SqlError::Gone)??)
}

fn owned(parameters: &impl Parameters) -> SqlResult<Vec<Parameter>> {
    parameters.with(|values| values.iter().map(|value| Parameter::new(*value)).collect())
}

fn borrowed(values: &[Parameter]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| value as _).collect()
}
