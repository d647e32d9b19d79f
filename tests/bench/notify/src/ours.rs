//! Postrider, with its store and without.

use crate::desk::{Desk, event};
use crate::said;
use bench_rule::{Taken, Watch};
use jiff::Timestamp;
use postrider_notify::daemon::{Daemon, LogEvent, Observer, signer};
use postrider_notify::event::Event;
use postrider_notify::process::Processor;
use postrider_notify::store::{SqliteStore, Store, Work};
use postrider_smtp::{Client, Envelope, Mail};
use postrider_wire::Transcript;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::runtime::Runtime;
use tokio::sync::Notify;

/// Events that an application hands over at once: one commit, one wait for the disk.
const TOGETHER: usize = 100;

/// From events on disk to mail delivered and written down, by the daemon as `postrider run` has it.
///
/// # Errors
/// Those of the store.
pub fn durable(port: u16, mails: usize) -> Result<Taken, String> {
    let desk = Desk::new("durable", port)?;
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&desk.path("desk.db")).map_err(said)?);
    let (done, delivered) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    let observer: Observer = {
        let done = Arc::clone(&done);
        Arc::new(move |event: LogEvent| {
            if event.name == "delivered" && delivered.fetch_add(1, Ordering::Relaxed) + 1 == mails {
                done.notify_one();
            }
        })
    };
    let daemon = Daemon::new(Arc::clone(&desk.config), Arc::clone(&store), observer).map_err(said)?;
    let works = works(mails);
    let runtime = runtime()?;
    let (stop, stopped) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let stopping = Arc::clone(&stop);
    runtime.spawn(async move {
        let end = daemon.run(async move { stopping.notified().await }).await;
        stopped.notify_one();
        end
    });
    let watch = Watch::start();
    let application = std::thread::spawn(move || works.iter().try_for_each(|work| store.commit(work).map(|_| ())));
    runtime.block_on(done.notified());
    let taken = watch.stop_wall();
    stop.notify_one();
    application.join().map_err(|_| "the application panicked")?.map_err(said)?;
    Ok(taken)
}

/// Match, render and send; nothing is stored.
///
/// # Errors
/// Those of the server.
pub fn without_store(port: u16, mails: usize) -> Result<Taken, String> {
    let desk = Desk::new("volatile", port)?;
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open_in_memory().map_err(said)?);
    let signer = signer(&*store).map_err(said)?;
    let processor = Processor::new(Arc::clone(&desk.config), store, signer);
    let account = desk.config.smtp.first().ok_or("no account")?;
    let config = account.connection(Transcript::off()).map_err(said)?;
    let events: Vec<Event> =
        (0..mails).map(|n| Event { id: n as i64, created: Timestamp::UNIX_EPOCH, unanswered: false, what: event(n) }).collect();
    runtime()?.block_on(async {
        let mut client = Client::connect(&config).await.map_err(said)?;
        let watch = Watch::start();
        for events in events.chunks(TOGETHER) {
            let mut ready = Vec::new();
            for event in events {
                let settled = processor.settle(event, Timestamp::now()).map_err(said)?;
                ready.extend(settled.matches.into_iter().flat_map(|m| m.mails));
            }
            let envelopes: Result<Vec<_>, _> =
                ready.iter().map(|m| Envelope::parse(&m.sender, [m.recipient.as_str()])).collect();
            let envelopes = envelopes.map_err(said)?;
            let mails: Vec<_> = ready.iter().zip(&envelopes).map(|(m, e)| Mail::new(e, &m.raw)).collect();
            let outcomes = client.send_all(&mails).await;
            let taken = outcomes.iter().flatten().filter(|o| o.is_accepted()).count();
            if taken != events.len() {
                return Err(format!("{taken} of {} were taken", events.len()));
            }
        }
        let taken = watch.stop_wall();
        client.quit().await;
        Ok(taken)
    })
}

fn works(mails: usize) -> Vec<Work> {
    let numbers: Vec<usize> = (0..mails).collect();
    numbers
        .chunks(TOGETHER)
        .map(|some| Work { events: some.iter().map(|n| event(*n)).collect(), ..Work::default() })
        .collect()
}

fn runtime() -> Result<Runtime, String> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(said)
}
