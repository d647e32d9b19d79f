//! The store on PostgreSQL, for several daemons on one database.
//!
//! The statements are those of SQLite, put into PostgreSQL's words ([`dialect`]), and so is what they may rely on: whoever writes
//! holds one lock of the database while the transaction lasts, so that nobody else writes meanwhile. Transactions are
//! short, because nothing is sent and nothing is rendered inside one; while one daemon writes, the others talk to their
//! mail servers. What is acknowledged waits for the disk (`synchronous_commit`), claims and completions do not.
//!
//! A daemon's mark is a lock of its session: it is gone when the daemon, its machine or the network is, and what that
//! daemon had begun is then taken up by another.
//!
//! Not supported: an application's own transaction ([`enqueue`](super::enqueue) is for SQLite); a connection pooler that
//! shares sessions between transactions, because a session's locks have to last.

mod dialect;
mod schema;
mod session;
mod tls;
mod value;

pub(super) use session::Session;
pub(super) use value::get;

use super::column;
use super::connection::{Connection, Savepoint, SqlError};
use super::engine::Engine;
use super::fault::Fault;
use super::group::Group;
use crate::store::StoreError;
use jiff::Timestamp;
use postrider_wire::{Secret, Tls};
use rusqlite::params;
use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Config, NoTls};

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the network may be silent while something of ours is on its way.
const SILENCE: Duration = Duration::from_secs(30);

/// What a session is told before anything else. A statement that hangs ends with an error, as on SQLite.
/// The server is to notice within a minute that we are gone without a word: until then our locks keep others from our work.
const SETTINGS: &str = "SET statement_timeout = '60s'; SET lock_timeout = '20s';
    SET idle_in_transaction_session_timeout = '60s'; SET client_min_messages = 'warning';
    SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3;
    SELECT set_config(name, '60000', false) FROM pg_settings WHERE name = 'tcp_user_timeout'";

/// The space of our advisory locks: "Post" and "Posu". The lock of those who write has the first alone.
const WRITING: i64 = 0x506f_7374;
const WORKERS: i64 = 0x506f_7374;
const ROLES: i64 = 0x506f_7375;

/// A number for a worker, never 0: half as long as SQLite's, because it is the name of a lock.
const DRAW: &str = "SELECT 1 + floor(random() * 1073741823)::bigint";

/// Ends a transaction that wrote something.
const COUNT: &str = "UPDATE postrider SET commits = commits + 1";

/// The store in a PostgreSQL database. Several processes, also on several machines, may work on it at once.
pub struct PostgresStore {
    address: Config,
    tls: Option<Tls>,
    runtime: Option<Runtime>,
    writing: Mutex<Option<Session>>,
    reading: Mutex<Option<Session>>,
    group: Group,
    /// The name of the lock that is this worker's mark; 0 before it has one, as in a rehearsal.
    worker: AtomicI64,
    /// All that is done stands in one transaction of one session, which is never committed.
    rehearsal: bool,
    clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

/// Which of the two connections.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Writing,
    Reading,
}

impl PostgresStore {
    /// Connects, and makes the tables if they are not there.
    ///
    /// `url` is `postgres://USER@HOST[:PORT]/DATABASE`, or several `key=value` as libpq reads them, without a password. Beyond this machine
    /// the server is spoken to by TLS only, and its certificate is verified against `tls`, or the roots of webpki.
    ///
    /// # Errors
    /// [`StoreError::Database`] if the server cannot be reached or refuses, [`StoreError::Corrupt`] if the address cannot be used, or the
    /// database holds something else.
    pub fn open(
        url: &str,
        password: Option<&Secret>,
        tls: Option<Tls>,
    ) -> Result<Self, StoreError> {
        let store = Self::new(url, password, tls)?;
        let doing = format!("open the database {}", store.name());
        store.write("on", &doing, |_| Ok(()))?;
        Ok(store)
    }

    /// A store on which everything can be done, and nothing stays, not even the tables if they were not there: it begins as the
    /// database is, and whatever is written stands in one transaction, which the server undoes when the store is dropped.
    ///
    /// Others can read meanwhile, and have to wait before they write; so it is not to be kept for long. Nobody else sees anything
    /// of it. The numbers that events and mails get in it are not given out again.
    ///
    /// # Errors
    /// As [`open`](Self::open). If the session is lost, so is what was done, and everything after it is refused.
    pub fn rehearse(
        url: &str,
        password: Option<&Secret>,
        tls: Option<Tls>,
    ) -> Result<Self, StoreError> {
        let mut store = Self::new(url, password, tls)?;
        let begin = || {
            let session = store.connect()?;
            begin_writing(&session)?;
            Ok(session)
        };
        let doing = format!("begin a rehearsal in the database {}", store.name());
        let session = begin().map_err(|fault: Fault| fault.while_doing(&doing))?;
        store.rehearsal = true;
        store.writing = Mutex::new(Some(session));
        Ok(store)
    }

    /// Not connected yet.
    fn new(url: &str, password: Option<&Secret>, tls: Option<Tls>) -> Result<Self, StoreError> {
        let unusable =
            |why: String| StoreError::Corrupt(format!("the address of the database: {why}"));
        let mut address = Config::from_str(url).map_err(|error| unusable(error.to_string()))?;
        if address.get_password().is_some() {
            return Err(unusable("a password does not belong there".to_owned()));
        }
        if let Some(password) = password {
            address.password(password.expose_secret());
        }
        let nearby = address.get_hosts().iter().all(is_nearby);
        let tls = match (nearby, tls) {
            (_, Some(tls)) => Some(tls),
            (true, None) => None,
            (false, None) => {
                Some(Tls::webpki_roots().map_err(|error| unusable(error.to_string()))?)
            }
        };
        address
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_user_timeout(SILENCE)
            .ssl_mode(if tls.is_some() {
                SslMode::Require
            } else {
                SslMode::Disable
            });
        if address.get_application_name().is_none() {
            address.application_name("postrider");
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("postrider-postgres")
            .enable_all()
            .build()
            .map_err(|error| unusable(error.to_string()))?;
        Ok(Self {
            address,
            tls,
            runtime: Some(runtime),
            writing: Mutex::default(),
            reading: Mutex::default(),
            group: Group::default(),
            worker: AtomicI64::new(0),
            rehearsal: false,
            clock: Box::new(Timestamp::now),
        })
    }

    /// Takes the time for `created` and the like from here instead of the system, for tests.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// Host and database.
    fn name(&self) -> String {
        let host = match self.address.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            _ => "the local socket".to_owned(),
        };
        format!(
            "{} at {host}",
            self.address.get_dbname().unwrap_or_default()
        )
    }

    fn connect(&self) -> Result<Session, Fault> {
        let runtime = self
            .runtime
            .as_ref()
            .ok_or_else(|| Fault::corrupt("the store is closed"))?;
        let (address, handle) = (self.address.clone(), runtime.handle().clone());
        let spawn = handle.clone();
        let client = match &self.tls {
            Some(tls) => {
                let tls = tls::MakeTls(Arc::clone(tls.config()));
                session::wait(&handle, async move {
                    let (client, connection) = address.connect(tls).await?;
                    spawn.spawn(connection);
                    Ok(client)
                })?
            }
            None => session::wait(&handle, async move {
                let (client, connection) = address.connect(NoTls).await?;
                spawn.spawn(connection);
                Ok(client)
            })?,
        };
        let session = Session::new(client, handle);
        session.run(SETTINGS)?;
        Ok(session)
    }

    /// Brings the tables up to date, and leaves this worker's mark. A session of ours that was lost on the way, and that the server
    /// still holds, is ended first: nobody hears its answers any more, and it would keep us from our own work.
    fn prepare(&self, session: &Session) -> Result<(), Fault> {
        let number = self.worker();
        if number != 0 {
            session.run(&format!(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid <> pg_backend_pid()
                   AND classid = {WORKERS} AND objid = {number} AND objsubid = 2
                   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            ))?;
        }
        begin_writing(session)?;
        session.run("COMMIT")?;
        match number {
            0 => self.mark(session)?,
            number => session.run(&format!("SELECT pg_advisory_lock({WORKERS}, {number})"))?,
        }
        Ok(())
    }

    /// Leaves a mark under a number that nobody else on the database has.
    fn mark(&self, session: &Session) -> Result<(), Fault> {
        loop {
            let number: i64 = session
                .prepare_cached(DRAW)?
                .query_row(params![], |row| row.get(0))?;
            let is_free: bool = session
                .prepare_cached(&format!("SELECT pg_try_advisory_lock({WORKERS}, ?1)"))?
                .query_row([number], |row| row.get(0))?;
            if is_free {
                self.worker.store(number, Ordering::Relaxed);
                return Ok(());
            }
        }
    }

    /// Runs something between `begin` and its end. A session that does not come to the end is given up, and the server undoes it.
    fn transaction<T>(
        &self,
        role: Role,
        begin: &str,
        run: impl FnOnce(&Session) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let slot = match role {
            Role::Reading if !self.rehearsal => &self.reading,
            Role::Reading | Role::Writing => &self.writing,
        };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        let session = self.session(&mut slot, role)?;
        let (begin, keep, undo) = match self.rehearsal {
            true => (
                Savepoint::Begin.sql(),
                Savepoint::Keep.sql(),
                Savepoint::Undo.sql(),
            ),
            false => (begin, "COMMIT", "ROLLBACK"),
        };
        session.run(begin)?;
        let result = run(&session);
        match (&result, session.wrote()) {
            (Ok(_), true) => session
                .run(&format!("{COUNT}; {keep}"))
                .map_err(|error| uncertain(error, &session))?,
            (Ok(_), false) => session.run(keep)?,
            (Err(_), _) => session.run(undo)?,
        }
        *slot = Some(session);
        result
    }

    /// The session that is there, or a new one. Whoever takes it puts it back when it is fit for use.
    fn session(&self, slot: &mut Option<Session>, role: Role) -> Result<Session, Fault> {
        if let Some(session) = slot.take().filter(|session| !session.is_closed()) {
            return Ok(session);
        }
        if self.rehearsal {
            return Err(Fault::corrupt("the rehearsal ended with its session"));
        }
        let session = self.connect()?;
        if role == Role::Writing {
            self.prepare(&session)?;
        }
        Ok(session)
    }

    fn write<T>(
        &self,
        synchronous: &str,
        doing: &str,
        write: impl FnOnce(&dyn Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let begin = format!(
            "BEGIN; SET LOCAL synchronous_commit = {synchronous}; SELECT pg_advisory_xact_lock({WRITING})"
        );
        self.transaction(Role::Writing, &begin, |session| write(session))
            .map_err(|fault| fault.while_doing(doing))
    }
}

/// Where the session is lost while the server ends the transaction, nobody can tell whether it did.
fn uncertain(error: SqlError, session: &Session) -> Fault {
    match session.is_closed() {
        true => Fault::Store(StoreError::Uncertain(error.into_source().to_string())),
        false => Fault::Sql(error),
    }
}

/// Begins to write, as the only one, into tables that are up to date.
fn begin_writing(session: &Session) -> Result<(), Fault> {
    session.run(&format!("BEGIN; SELECT pg_advisory_xact_lock({WRITING})"))?;
    schema::migrate(session)
}

/// What the server said, or why it could not be asked.
pub(super) fn in_its_words(error: tokio_postgres::Error) -> Box<dyn Error + Send + Sync> {
    match (error.as_db_error(), error.source()) {
        (Some(said), _) => said.to_string().into(),
        (None, Some(source)) => format!("{error}: {source}").into(),
        (None, None) => error.into(),
    }
}

/// A socket of this machine, or an address of its loopback.
fn is_nearby(host: &Host) -> bool {
    match host {
        Host::Tcp(name) if name == "localhost" => true,
        Host::Tcp(name) => {
            std::net::IpAddr::from_str(name).is_ok_and(|address| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

impl Engine for PostgresStore {
    fn read<T>(
        &self,
        doing: &str,
        read: impl FnOnce(&dyn Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        self.transaction(Role::Reading, begin, |session| read(session))
            .map_err(|fault| fault.while_doing(doing))
    }

    fn acknowledge<T>(
        &self,
        doing: &str,
        write: impl FnOnce(&dyn Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.write("on", doing, write)
    }

    fn work<T>(
        &self,
        doing: &str,
        write: impl FnOnce(&dyn Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.write("off", doing, write)
    }

    fn group(&self) -> &Group {
        &self.group
    }

    fn now(&self) -> i64 {
        column::nanos((self.clock)())
    }

    fn worker(&self) -> i64 {
        self.worker.load(Ordering::Relaxed)
    }

    fn abandoned(&self) -> &'static str {
        const { assert!(WORKERS == 1_349_481_332) };
        "SELECT id FROM inbound WHERE state IN ('ready','error') AND next_at <= ?1 AND begun NOT IN (0, ?2)
           AND begun NOT IN (SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND classid = 1349481332)
         ORDER BY next_at, id LIMIT 1"
    }

    fn commits(&self) -> Result<u64, StoreError> {
        let commits: i64 = self.read("look for changes", |c| {
            let mut select = c.prepare_cached("SELECT commits FROM postrider")?;
            Ok(select.query_row(params![], |row| row.get(0))?)
        })?;
        Ok(u64::try_from(commits).unwrap_or_default())
    }

    fn lead(&self, role: &str) -> Result<bool, StoreError> {
        let mut slot = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let ask = |slot: &mut Option<Session>| {
            let session = self.session(slot, Role::Writing)?;
            let leads = session.lead(ROLES, role)?;
            *slot = Some(session);
            Ok(leads)
        };
        ask(&mut slot).map_err(|fault: Fault| fault.while_doing("ask for a role"))
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        // A store may be dropped where nothing may wait.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("database", &self.name())
            .finish_non_exhaustive()
    }
}
