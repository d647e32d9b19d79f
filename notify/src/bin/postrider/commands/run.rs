//! `postrider run`: the daemon.

use crate::exit::{Code, Failure, Result};
use crate::{output, setup};
use jiff::Timestamp;
use postrider_notify::config::Config;
use postrider_notify::daemon::{Daemon, Heartbeat, Level, LogEvent, Metrics, Observer, Summary};
use postrider_notify::store::{DaemonLock, Store};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

/// Run the daemon.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Read, act and send what is there, then end
    #[arg(long)]
    once: bool,
    /// How what happens is printed: text, or one JSON object a line
    #[arg(long, value_enum, default_value_t = Form::Text)]
    log: Form,
    /// Write counters for Prometheus into this file, every few seconds
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Form {
    /// Time, level, name, key=value.
    Text,
    /// The same as an object.
    Json,
}

pub(crate) async fn run(config: Option<&Path>, args: Args) -> Result {
    let setup = setup::open(config)?;
    let lock = setup.lock_daemon()?;
    let heartbeat = Heartbeat::default();
    let metrics = Arc::new(Metrics::default());
    let observer = observer(args.log, Arc::clone(&metrics));
    let store = Arc::clone(&setup.store);
    if args.once {
        let daemon = Daemon::new(setup.config, setup.store, observer)?;
        let judged = judge(daemon.run_once().await?);
        write_metrics(args.metrics.as_deref(), &metrics, &*store)?;
        return judged;
    }
    if let Some(lock) = lock {
        note_rounds(lock, heartbeat.clone());
    }
    if let Some(path) = args.metrics.clone() {
        write_metrics(Some(&path), &metrics, &*store)?;
        let (metrics, store) = (Arc::clone(&metrics), Arc::clone(&store));
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(METRICS).await;
                // A disk that is full now may have room later; the log says what matters.
                let _ =
                    tokio::task::block_in_place(|| write_metrics(Some(&path), &metrics, &*store));
            }
        });
    }
    let mut current = Arc::clone(&setup.config);
    let (reload_wanted, stop) = (Request::to_reload()?, Request::to_stop());
    loop {
        let daemon = Daemon::new(
            Arc::clone(&current),
            Arc::clone(&setup.store),
            observer.clone(),
        )?
        .heartbeat(heartbeat.clone());
        let next = Arc::new(Mutex::new(None));
        let (found, said) = (Arc::clone(&next), observer.clone());
        let (path, now) = (config.map(Path::to_owned), Arc::clone(&current));
        let (reload_wanted, stop) = (reload_wanted.clone(), stop.clone());
        let until = async move {
            let reloaded = async {
                loop {
                    reload_wanted.heard().await;
                    match reload(path.as_deref(), &now) {
                        Ok(config) => return config,
                        Err(why) => {
                            let event = LogEvent::new(Level::Error, "reload_failed");
                            said(
                                event
                                    .with("reason", why)
                                    .with("kept", "the configuration before"),
                            );
                        }
                    }
                }
            };
            tokio::pin!(reloaded);
            let stop = stop.heard();
            tokio::pin!(stop);
            let config = std::future::poll_fn(|context| {
                if stop.as_mut().poll(context).is_ready() {
                    return Poll::Ready(None);
                }
                reloaded.as_mut().poll(context).map(Some)
            });
            let config = config.await;
            *found.lock().unwrap_or_else(PoisonError::into_inner) = config;
        };
        daemon.run(until).await?;
        let reloaded = next.lock().unwrap_or_else(PoisonError::into_inner).take();
        match reloaded {
            Some(config) => {
                current = config;
                observer(LogEvent::new(Level::Info, "reloaded"));
            }
            None => break,
        }
    }
    write_metrics(args.metrics.as_deref(), &metrics, &*store)
}

/// Holds the lock as long as the program runs, and notes in it when the daemon last looked for work and what keeps it from its store, for `postrider health`.
fn note_rounds(lock: DaemonLock, heartbeat: Heartbeat) {
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(ROUNDS).await;
            let (last, fault) = (heartbeat.last(), heartbeat.fault());
            if last.is_some() || fault.is_some() {
                // A disk that is full now may have room later; the daemon works all the same.
                let _ = lock.note_round(last, fault.as_deref());
            }
        }
    });
}

/// How often the last round is noted.
const ROUNDS: Duration = Duration::from_secs(1);

/// How often the counters are written.
const METRICS: Duration = Duration::from_secs(5);

fn observer(form: Form, metrics: Arc<Metrics>) -> Observer {
    Arc::new(move |event: LogEvent| {
        metrics.count(&event);
        match form {
            Form::Text => output::line(event),
            Form::Json => output::line(event.json()),
        }
    })
}

/// Whole or not at all: whoever reads it never sees half of it.
fn write_metrics(path: Option<&Path>, metrics: &Metrics, store: &dyn Store) -> Result {
    let Some(path) = path else { return Ok(()) };
    // A store that cannot be read now is told of by the log; what is known stays.
    if let Ok(backlog) = store.backlog(Timestamp::now()) {
        metrics.waits(backlog);
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let written = std::fs::write(&beside, metrics.text());
    let written = written.and_then(|()| std::fs::rename(&beside, path));
    written.map_err(|error| {
        let sentence = format!("cannot write the counters to {}: {error}", path.display());
        Failure::new(Code::CannotCreate, sentence)
    })
}

/// The new configuration, whole and without a mistake, or why there is none.
fn reload(path: Option<&Path>, now: &Config) -> std::result::Result<Arc<Config>, String> {
    let config = setup::config(path).map_err(|failure| failure.to_string())?;
    let url = |config: &Config| config.postgres.as_ref().map(|address| address.url.clone());
    if config.database != now.database || url(&config) != url(now) {
        return Err("another `database` needs a restart".to_owned());
    }
    Ok(Arc::new(config))
}

/// What is asked of the daemon by a signal. It is not missed while one daemon ends and the next one has not begun.
#[derive(Clone, Default)]
struct Request(Arc<tokio::sync::Notify>);

impl Request {
    /// To read the configuration again: SIGHUP, where there is such a thing.
    fn to_reload() -> Result<Self> {
        let request = Self::default();
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let mut hang_up = signal(SignalKind::hangup()).map_err(|error| {
                Failure::new(Code::Software, format!("cannot listen for SIGHUP: {error}"))
            })?;
            let heard = Arc::clone(&request.0);
            tokio::spawn(async move {
                while hang_up.recv().await.is_some() {
                    heard.notify_one();
                }
            });
        }
        Ok(request)
    }

    fn to_stop() -> Self {
        let request = Self::default();
        let heard = Arc::clone(&request.0);
        tokio::spawn(async move {
            told_to_stop().await;
            heard.notify_one();
        });
        request
    }

    async fn heard(&self) {
        self.0.notified().await;
    }
}

fn judge(summary: Summary) -> Result {
    let Summary {
        fetched,
        processed,
        settled,
        delivered,
        undelivered,
        faults,
    } = summary;
    output::remark(format!(
        "{fetched} fetched, {processed} processed, {settled} events settled, {delivered} delivered, {undelivered} not delivered"
    ));
    if faults > 0 {
        let sentence = format!("{faults} account(s) could not be used; the lines above say why");
        return Err(Failure::new(Code::Temporary, sentence));
    }
    Ok(())
}

/// Waits for Ctrl-C, or for SIGTERM where there is such a thing.
pub(crate) async fn told_to_stop() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let both = (
            signal(SignalKind::terminate()),
            signal(SignalKind::interrupt()),
        );
        if let (Ok(mut terminate), Ok(mut interrupt)) = both {
            std::future::poll_fn(|context| {
                let terminated = terminate.poll_recv(context).is_ready();
                let interrupted = interrupt.poll_recv(context).is_ready();
                match terminated || interrupted {
                    true => std::task::Poll::Ready(()),
                    false => std::task::Poll::Pending,
                }
            })
            .await;
            return;
        }
    }
    // Without a signal to wait for, the daemon runs until it is killed.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
