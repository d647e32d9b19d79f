//! A pass of a sender: batch after batch, the next one claimed while one is sent.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use postrider_notify::account::Rate;
use postrider_notify::delivery::{BATCH, Sender};
use postrider_notify::outgoing::DeliveryState::{Delivered, Ready};
use postrider_notify::store::{SqliteStore, Store};
use postrider_sandbox::{Action, Fault, Sandbox, Stage};
use postrider_wire::Transcript;
use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;
use support::*;

/// Two and a half batches.
const MAILS: usize = BATCH * 5 / 2;

async fn desk() -> (Sandbox, Arc<dyn Store>) {
    let (sandbox, store) = (sandbox().await, store());
    queue(&*store, None, &["ada@example.org"; MAILS]);
    (sandbox, store)
}

fn sender(sandbox: &Sandbox, store: &Arc<dyn Store>) -> Sender {
    Sender::new(smtp_account(sandbox), Arc::clone(store), Transcript::off())
}

/// The sizes of the batches that a pass sends.
async fn pass(sender: &mut Sender, more: impl Fn() -> bool) -> Vec<usize> {
    let mut batches = Vec::new();
    let told = |sent: postrider_notify::delivery::Sent| batches.push(sent.attempts.len());
    sender.pass(now(), more, told).await.unwrap();
    batches
}

#[tokio::test]
async fn a_pass_sends_all_that_is_due_once_over_one_connection() {
    let (sandbox, store) = desk().await;
    let mut sender = sender(&sandbox, &store);
    assert_eq!(pass(&mut sender, || true).await, [BATCH, BATCH, BATCH / 2]);
    assert_eq!(pass(&mut sender, || true).await, [0; 0]);
    sender.close().await;
    assert_eq!(sandbox.connections().smtp, 1);
    assert_eq!(sandbox.mails().len(), MAILS);
    let once =
        |row: &postrider_notify::outgoing::LogRow| (row.state, row.attempts) == (Delivered, 1);
    assert!(log(&*store).iter().all(once));
}

/// What a server has taken is not sent again because the disk was full for a moment.
#[tokio::test]
async fn what_cannot_be_written_down_at_once_is_written_a_moment_later() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("desk.db");
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path).unwrap());
    let sandbox = sandbox().await;
    queue(&*store, None, &["ada@example.org"; 3]);
    let other = rusqlite::Connection::open(&path).unwrap();
    let full = "CREATE TRIGGER full BEFORE UPDATE OF ended ON attempt BEGIN SELECT RAISE(ABORT, 'full'); END";
    other.execute_batch(full).unwrap();
    let freed = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(400));
        other.execute_batch("DROP TRIGGER full").unwrap();
    });
    let sent = sender(&sandbox, &store).run_once(now()).await.unwrap();
    freed.join().unwrap();
    assert_eq!(sent.count(Delivered), 3);
    assert!(
        log(&*store)
            .iter()
            .all(|row| (row.state, row.attempts) == (Delivered, 1))
    );
    assert_eq!(sandbox.mails().len(), 3);
}

#[tokio::test]
async fn a_round_sends_one_batch_and_claims_no_other() {
    let (sandbox, store) = desk().await;
    let sent = sender(&sandbox, &store).run_once(now()).await.unwrap();
    assert_eq!(sent.count(Delivered), BATCH);
    assert_eq!(untouched(&*store), MAILS - BATCH);
}

#[tokio::test]
async fn a_pass_that_is_told_to_end_gives_back_what_it_claimed_ahead() {
    let (sandbox, store) = desk().await;
    let asked = Cell::new(0);
    // Yes to claiming the second batch, no to sending it.
    let more = || asked.replace(asked.get() + 1) == 0;
    assert_eq!(pass(&mut sender(&sandbox, &store), more).await, [BATCH]);
    assert_eq!(asked.get(), 2);
    assert_eq!(untouched(&*store), MAILS - BATCH);
}

#[tokio::test]
async fn what_was_claimed_ahead_is_given_back_when_the_server_closes() {
    let (sandbox, store) = desk().await;
    sandbox.add_fault(Fault::smtp(Stage::Mail, Action::DropBefore).nth(BATCH as u64 / 2));
    let batches = pass(&mut sender(&sandbox, &store), || true).await;
    // With the rest of its own batch.
    assert_eq!(batches, [BATCH / 2]);
    assert_eq!(untouched(&*store), MAILS - BATCH / 2);
}

#[tokio::test]
async fn under_a_rate_nothing_is_claimed_ahead() {
    let (sandbox, store) = desk().await;
    let mut account = smtp_account(&sandbox);
    account.sending.rate = Some(Rate {
        mails: BATCH as u32,
        per: Duration::from_secs(3600),
    });
    let mut sender = Sender::new(account, Arc::clone(&store), Transcript::off());
    assert_eq!(pass(&mut sender, || true).await, [BATCH]);
    assert_eq!(untouched(&*store), MAILS - BATCH);
}

/// Mails that are as they were queued: no attempt is counted, and none has a row.
fn untouched(store: &dyn Store) -> usize {
    let rows = log(store);
    let is = |row: &&postrider_notify::outgoing::LogRow| {
        let attempts = store.attempts(row.delivery).unwrap();
        row.state == Ready && row.attempts == 0 && attempts.is_empty()
    };
    rows.iter().filter(is).count()
}
