//! What most commands begin with: the configuration, the store, and the records that the configuration brings.

use crate::exit::{Code, Failure, Result};
use jiff::Timestamp;
use postrider_notify::address::is_address;
use postrider_notify::config::{Config, PostgresAddress};
use postrider_notify::daemon::signer;
use postrider_notify::process::Processor;
use postrider_notify::record::RecordKey;
use postrider_notify::records::Records;
use postrider_notify::store::{Backlog, DaemonLock, SqliteStore, Store};
use postrider_notify::suggest::nearest;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file that is looked for.
const FILE: &str = "postrider.toml";

/// The configuration with its store.
pub(crate) struct Setup {
    pub(crate) config: Arc<Config>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) records: Records,
    /// The store as a file, if it is one.
    sqlite: Option<Arc<SqliteStore>>,
}

/// Loads the configuration that `--config` names, or the one in this folder.
pub(crate) fn config(given: Option<&Path>) -> Result<Config> {
    let path = find(given)?;
    Config::load(&path).map_err(|errors| Failure::new(Code::Config, errors))
}

fn find(given: Option<&Path>) -> Result<PathBuf> {
    let tried = match given {
        Some(path) if path.is_dir() => vec![path.join(FILE)],
        Some(path) => vec![path.to_owned()],
        None => vec![std::env::current_dir().unwrap_or_default().join(FILE)],
    };
    if let Some(found) = tried.iter().find(|path| path.is_file()) {
        return Ok(found.clone());
    }
    let tried: Vec<String> = tried.iter().map(|p| p.display().to_string()).collect();
    Err(Failure::new(
        Code::Config,
        format!(
            "there is no configuration at {} (name one with --config PATH, or write an example with `postrider init DIR`)",
            tried.join(" or ")
        ),
    ))
}

/// Loads the configuration and opens its store.
pub(crate) fn open(given: Option<&Path>) -> Result<Setup> {
    Setup::new(config(given)?)
}

/// Loads the configuration and opens its store for a rehearsal: everything can be done, and nothing stays.
pub(crate) fn rehearse(given: Option<&Path>) -> Result<Setup> {
    Setup::rehearse(config(given)?)
}

/// Whether what is done stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It does.
    Real,
    /// It does not: `--dry-run`.
    DryRun,
}

impl Mode {
    pub(crate) fn of(dry_run: bool) -> Self {
        if dry_run { Self::DryRun } else { Self::Real }
    }

    /// Opens the configuration's store accordingly.
    pub(crate) fn open(self, given: Option<&Path>) -> Result<Setup> {
        match self {
            Self::Real => open(given),
            Self::DryRun => rehearse(given),
        }
    }
}

impl Setup {
    /// Opens the store of a configuration, and adds the records that the configuration brings and the store does not have yet.
    pub(crate) fn new(config: Config) -> Result<Self> {
        let (store, sqlite) = stored(&config)?;
        Self::over(config, store, sqlite)
    }

    /// The same, and nothing of it stays.
    pub(crate) fn rehearse(config: Config) -> Result<Self> {
        let store = match &config.postgres {
            Some(address) => postgres(address, Mode::DryRun)?,
            None => Arc::new(SqliteStore::rehearse(&config.database)?),
        };
        Self::over(config, store, None)
    }

    fn over(
        config: Config,
        store: Arc<dyn Store>,
        sqlite: Option<Arc<SqliteStore>>,
    ) -> Result<Self> {
        let records = Records::new(Arc::clone(&store), Arc::clone(&config.schema));
        let setup = Self {
            config: Arc::new(config),
            store,
            records,
            sqlite,
        };
        setup.seed()?;
        Ok(setup)
    }

    /// Makes this the only daemon on a file. A database of PostgreSQL is for several.
    pub(crate) fn lock_daemon(&self) -> Result<Option<DaemonLock>> {
        let lock = self.sqlite.as_ref().map(|sqlite| sqlite.lock_daemon());
        Ok(lock.transpose()?)
    }

    /// Mail that nobody sends, in a sentence for each account that it waits for.
    pub(crate) fn stranded(&self) -> Result<Vec<String>> {
        let backlog = self.store.backlog(Timestamp::now())?;
        Ok(stranded(&self.config, &backlog))
    }

    /// What settles events by this configuration.
    pub(crate) fn processor(&self) -> Result<Processor> {
        let signer = signer(&*self.store)?;
        let (config, store) = (Arc::clone(&self.config), Arc::clone(&self.store));
        Ok(Processor::new(config, store, signer))
    }

    /// Refuses a name for who does something that is neither a user's id nor an address: it would be left out of no mail.
    pub(crate) fn knows(&self, actor: &str) -> Result {
        if actor.is_empty() || is_address(actor) {
            return Ok(());
        }
        if self.store.record(&RecordKey::new("user", actor))?.is_some() {
            return Ok(());
        }
        let users = self.store.records("user")?;
        let near = nearest(actor, users.iter().map(|user| user.key.id.as_str()));
        let hint = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        let sentence = format!("there is no user `{actor}`, and it is no address{hint}");
        Err(Failure::new(Code::Data, sentence))
    }

    fn seed(&self) -> Result {
        for seed in &self.config.records {
            let key = RecordKey::new(&seed.table, &seed.id);
            if self.store.record(&key)?.is_none() {
                let inserted =
                    self.records
                        .insert(&seed.table, Some(seed.id.clone()), &seed.fields, "");
                inserted.map_err(|error| {
                    Failure::new(
                        Code::Config,
                        format!("the record {key} of the configuration: {error}"),
                    )
                })?;
            }
        }
        Ok(())
    }
}

/// Mail that nobody sends, in a sentence for each account that it waits for.
pub(crate) fn stranded(config: &Config, backlog: &Backlog) -> Vec<String> {
    let missing = config.missing_accounts(&backlog.accounts).into_iter();
    let sentence = missing.map(|account| {
        format!(
            "mail waits for the SMTP account {account}, which the configuration does not have: \
             [smtp.{account}] with `active = false` and `fall_back` would let another account send it"
        )
    });
    sentence.collect()
}

/// A store, and the same as a file, if it is one.
pub(crate) type Stored = (Arc<dyn Store>, Option<Arc<SqliteStore>>);

/// The store of a configuration, as it is.
pub(crate) fn stored(config: &Config) -> Result<Stored> {
    if let Some(address) = &config.postgres {
        return Ok((postgres(address, Mode::Real)?, None));
    }
    let sqlite = Arc::new(SqliteStore::open(&config.database)?);
    let store: Arc<dyn Store> = Arc::clone(&sqlite) as Arc<dyn Store>;
    Ok((store, Some(sqlite)))
}

/// Connects to the database of PostgreSQL.
#[cfg(feature = "postgres")]
fn postgres(address: &PostgresAddress, mode: Mode) -> Result<Arc<dyn Store>> {
    use postrider_notify::store::PostgresStore;
    use postrider_wire::Tls;
    let bad = |error: &dyn std::fmt::Display| Failure::new(Code::Config, error.to_string());
    let password = address.password.as_ref().map(|source| source.read());
    let password = password.transpose().map_err(|error| bad(&error))?;
    let tls = match &address.ca {
        None => None,
        Some(pem) => {
            let builder = Tls::builder().add_root_pem(pem.as_bytes());
            let tls = builder.and_then(|builder| builder.build());
            Some(tls.map_err(|error| bad(&error))?)
        }
    };
    let open = match mode {
        Mode::Real => PostgresStore::open,
        Mode::DryRun => PostgresStore::rehearse,
    };
    Ok(Arc::new(open(&address.url, password.as_ref(), tls)?))
}

/// The configuration is refused before this is called.
#[cfg(not(feature = "postgres"))]
fn postgres(address: &PostgresAddress, _mode: Mode) -> Result<Arc<dyn Store>> {
    let text = format!("this program was built without PostgreSQL: {}", address.url);
    Err(Failure::new(Code::Config, text))
}
