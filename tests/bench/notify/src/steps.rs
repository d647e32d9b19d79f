//! Where the time of incoming mail goes: the steps of the daemon one after another, which it does side by side.

use crate::incoming::Desk;
use crate::said;
use bench_rule::{Taken, Watch};
use jiff::Timestamp;
use postrider_notify::daemon::signer;
use postrider_notify::inbound::reader::Reader;
use postrider_notify::inbound::{Inbound, processor};
use postrider_notify::process;
use postrider_notify::store::Store;
use postrider_wire::Transcript;
use std::sync::Arc;
use std::time::Duration;

/// A step, and what it takes with the steps in it.
pub type Step = (&'static str, Duration);

/// Events settled together, as the daemon does it.
const EVENTS: usize = 250;

/// The steps with a maildrop of so many mails, which is empty afterwards. `fetched` is what fetching alone takes.
///
/// # Errors
/// Those of the store, of the server, and any mail that became no incident.
pub fn steps(port: u16, user: &str, password: &str, mails: usize, fetched: Taken) -> Result<Vec<Step>, String> {
    let desk = Desk::new(port, user, password)?;
    let signer = signer(desk.store.as_ref()).map_err(said)?;
    let on = |store: &Arc<dyn Store>| {
        processor::Processor::new(Arc::clone(&desk.config), Arc::clone(store), signer.clone())
    };
    let stored = timed(|| read(&desk))?;
    let all = all(&desk, mails)?;
    let snapshot = desk.store.snapshot().map_err(said)?;
    let looking = on(snapshot.as_ref().unwrap_or(&desk.store));
    let judged = timed(|| all.iter().try_for_each(|mail| looking.dry_run(mail).map(drop).map_err(said)))?;
    drop((looking, snapshot));
    let acting = on(&desk.store);
    let acted = timed(|| until_none(|| acting.run_once(Timestamp::now()).map(|done| done.len()).map_err(said)))?;
    let events = process::Processor::new(Arc::clone(&desk.config), Arc::clone(&desk.store), signer.clone());
    let settled = timed(|| until_none(|| settle(desk.store.as_ref(), &events)))?;
    desk.expect(mails)?;
    Ok(vec![
        ("POP3: RETR", fetched.wall),
        ("SHA-256, into the store, DELE", stored.saturating_sub(fetched.wall)),
        ("read, classify, apply the actions", judged),
        ("take and write what they do", acted.saturating_sub(judged)),
        ("settle the events", settled),
    ])
}

fn timed(work: impl FnOnce() -> Result<(), String>) -> Result<Duration, String> {
    let watch = Watch::start();
    work()?;
    Ok(watch.stop_wall().wall)
}

fn until_none(mut work: impl FnMut() -> Result<usize, String>) -> Result<(), String> {
    while work()? > 0 {}
    Ok(())
}

fn read(desk: &Desk) -> Result<(), String> {
    let account = desk.config.pop3.first().ok_or("no account")?.clone();
    let mut reader = Reader::new(account, Arc::clone(&desk.store), Transcript::off());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(said)?;
    runtime.block_on(reader.fetch_once(Timestamp::now())).map(drop).map_err(said)
}

fn all(desk: &Desk, mails: usize) -> Result<Vec<Inbound>, String> {
    let rows = desk.store.inbound_log(2 * mails).map_err(said)?;
    let whole = rows.iter().map(|row| {
        let mail = desk.store.inbound(row.mail.id).map_err(said)?;
        mail.ok_or_else(|| "a mail is gone".to_owned())
    });
    whole.collect()
}

fn settle(store: &dyn Store, events: &process::Processor) -> Result<usize, String> {
    let now = Timestamp::now();
    let due = store.due_events(now, EVENTS).map_err(said)?;
    let settlements = events.settle_all(&due, now).map_err(said)?;
    if !settlements.is_empty() {
        store.settle(&settlements).map_err(said)?;
    }
    Ok(due.len())
}
