//! The sender against a real server with faults: what each answer does to a delivery and to its account.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use postrider_notify::delivery::Sender;
use postrider_notify::outgoing::DeliveryState::{
    self, Deferred, Delivered, Failed, Ready, Unknown,
};
use postrider_notify::store::Store;
use postrider_sandbox::{Action, Certificate, Fault, Sandbox, Stage};
use postrider_wire::{Security, Transcript};
use std::sync::Arc;
use support::*;

fn sender(sandbox: &Sandbox, store: &Arc<dyn Store>) -> Sender {
    Sender::new(smtp_account(sandbox), Arc::clone(store), Transcript::off())
}

#[tokio::test]
async fn a_batch_goes_out_over_one_connection_and_the_log_keeps_the_servers_words() {
    let (sandbox, store) = (sandbox().await, store());
    queue(&*store, None, &["ada@example.org", "bob@example.org"]);
    let mut sender = sender(&sandbox, &store);
    let sent = sender.run_once(now()).await.unwrap();
    assert_eq!(sent.count(Delivered), 2, "{sent:?}");
    queue(&*store, None, &["ada@example.org"]);
    assert_eq!(sender.run_once(now()).await.unwrap().count(Delivered), 1);
    assert!(sender.run_once(now()).await.unwrap().is_idle());
    sender.close().await;
    assert_eq!(sandbox.connections().smtp, 1);
    let rows = log(&*store);
    let last = rows[0].last.as_ref().unwrap();
    assert_eq!(
        (
            last.stage.as_str(),
            last.code,
            last.tls.starts_with("TLSv1_")
        ),
        ("dot", 250, true)
    );
    assert!(last.text.starts_with("250 "), "{}", last.text);
    let raw = store.raw_message(rows[0].delivery).unwrap().unwrap();
    assert_eq!(sandbox.messages("ada@example.org")[0].content, raw);
}

#[tokio::test]
async fn a_refused_recipient_fails_at_once_and_alone() {
    let (sandbox, store) = (sandbox().await, store());
    queue(&*store, None, &["fail-550@example.org", "ada@example.org"]);
    sender(&sandbox, &store).run_once(now()).await.unwrap();
    assert_eq!(states(&*store), [Failed, Delivered]);
    let last = log(&*store)[0].last.clone().unwrap();
    assert_eq!((last.stage.as_str(), last.code), ("rcpt", 550));
    assert!(store.due_accounts(after(60 * 24)).unwrap().is_empty());
    let until = |address, at| store.suppressed(address, "main", at).unwrap();
    let found = until("fail-550@example.org", now()).expect("the address does not work");
    assert!(found.detail.starts_with("550 5.1.1 "), "{found:?}");
    assert_eq!(until("fail-550@example.org", after(31 * 24 * 60)), None);
    assert_eq!(until("ada@example.org", now()), None);
}

#[tokio::test]
async fn a_4yz_is_tried_again_a_minute_later_and_then_two() {
    let (sandbox, store) = (sandbox().await, store());
    queue(&*store, None, &["defer-450@example.org"]);
    let mut sender = sender(&sandbox, &store);
    sender.run_once(now()).await.unwrap();
    let row = log(&*store).remove(0);
    assert_eq!((row.state, row.attempts), (Deferred, 1));
    let wait = row.next_at.unwrap().duration_since(now()).as_secs();
    assert!((54..=66).contains(&wait), "{wait}");
    assert!(
        sender.run_once(now()).await.unwrap().is_idle(),
        "not before its time"
    );
    sender.run_once(after(2)).await.unwrap();
    let row = log(&*store).remove(0);
    let wait = row.next_at.unwrap().duration_since(after(2)).as_secs();
    assert_eq!(row.attempts, 2);
    assert!((108..=132).contains(&wait), "{wait}");
}

#[tokio::test]
async fn a_refusal_after_the_dot_is_final_and_says_so() {
    let (sandbox, store) = (sandbox().await, store());
    queue(&*store, None, &["reject-554@example.org"]);
    sender(&sandbox, &store).run_once(now()).await.unwrap();
    let row = log(&*store).remove(0);
    let last = row.last.unwrap();
    assert_eq!(
        (row.state, last.stage.as_str(), last.code),
        (Failed, "dot", 554)
    );
}

#[tokio::test]
async fn a_connection_lost_after_the_dot_is_unknown_and_the_same_mail_goes_again() {
    let (sandbox, store) = (sandbox().await, store());
    sandbox.add_fault(Fault::smtp(Stage::EndOfData, Action::DropUnanswered));
    queue(&*store, None, &["ada@example.org"]);
    let mut sender = sender(&sandbox, &store);
    sender.run_once(now()).await.unwrap();
    assert_eq!(states(&*store), [Unknown]);
    assert_eq!(
        log(&*store)[0].state.mailbox(),
        "Outbox",
        "it is not called sent"
    );
    sender.run_once(after(2)).await.unwrap();
    assert_eq!(states(&*store), [Delivered]);
    let copies = sandbox.messages("ada@example.org");
    assert_eq!(copies.len(), 2, "at least once");
    assert_eq!(
        copies[0].content, copies[1].content,
        "one Message-ID and the same octets"
    );
    assert_eq!(store.attempts(log(&*store)[0].delivery).unwrap().len(), 2);
}

#[tokio::test]
async fn a_connection_lost_before_the_dot_is_deferred() {
    let (sandbox, store) = (sandbox().await, store());
    sandbox.add_fault(Fault::smtp(Stage::Rcpt, Action::DropBefore));
    queue(&*store, None, &["ada@example.org"]);
    let mut sender = sender(&sandbox, &store);
    sender.run_once(now()).await.unwrap();
    assert_eq!(states(&*store), [Deferred]);
    sender.run_once(after(2)).await.unwrap();
    assert_eq!(states(&*store), [Delivered]);
    assert_eq!(sandbox.messages("ada@example.org").len(), 1);
}

#[tokio::test]
async fn an_open_connection_that_turns_out_dead_costs_two_seconds() {
    let (sandbox, store) = (sandbox().await, store());
    queue(&*store, None, &["ada@example.org"]);
    let mut sender = sender(&sandbox, &store);
    assert_eq!(sender.run_once(now()).await.unwrap().count(Delivered), 1);
    sandbox.add_fault(Fault::smtp(Stage::Mail, Action::DropBefore));
    queue(&*store, None, &["bob@example.org"]);
    sender.run_once(now()).await.unwrap();
    let row = log(&*store).remove(1);
    assert_eq!(row.state, Deferred);
    let wait = row.next_at.unwrap().duration_since(now()).as_secs();
    assert_eq!(wait, 2);
    sender.run_once(after(1)).await.unwrap();
    assert_eq!(states(&*store), [Delivered, Delivered]);
    assert_eq!(sandbox.connections().smtp, 2);
}

async fn pauses(sandbox: &Sandbox, store: &Arc<dyn Store>, words: &str) {
    queue(&**store, None, &["ada@example.org"]);
    let mut sender = sender(sandbox, store);
    paused_by(&mut sender, store, words).await;
}

/// The account is paused for a reason, and the mail has lost no attempt.
async fn paused_by(sender: &mut Sender, store: &Arc<dyn Store>, words: &str) {
    let sent = sender.run_once(now()).await.unwrap();
    let pause = sent.paused.expect("paused");
    assert!(pause.reason.contains(words), "{}", pause.reason);
    assert!(!pause.reason.contains(PASSWORD), "{}", pause.reason);
    assert_eq!((pause.until, pause.failures), (after(1), 1));
    assert_eq!(store.pause("main").unwrap(), Some(pause));
    let row = log(&**store).remove(0);
    assert_eq!(
        (row.state, row.attempts),
        (Ready, 0),
        "the mail has not even been tried"
    );
    assert!(
        sender.run_once(now()).await.unwrap().is_idle(),
        "the account rests"
    );
}

#[tokio::test]
async fn a_wrong_password_pauses_the_account_and_ends_when_it_is_right() {
    let (sandbox, store) = (sandbox().await, store());
    queue(&*store, None, &["ada@example.org"]);
    let mut account = smtp_account(&sandbox);
    account.login = Some(login("wrong"));
    let mut wrong = Sender::new(account, Arc::clone(&store), Transcript::off());
    paused_by(&mut wrong, &store, "535").await;
    let again = wrong.run_once(after(1)).await.unwrap().paused.unwrap();
    assert_eq!(
        (again.until, again.failures),
        (after(3), 2),
        "the pause doubles"
    );
    let sent = sender(&sandbox, &store).run_once(after(3)).await.unwrap();
    assert_eq!(sent.count(Delivered), 1);
    assert_eq!(store.pause("main").unwrap(), None, "it works again");
    assert_eq!(log(&*store)[0].attempts, 1);
}

#[tokio::test]
async fn a_pause_that_a_clock_began_which_was_ahead_is_over_when_it_is_set() {
    let (sandbox, store) = (sandbox().await, store());
    queue(&*store, None, &["ada@example.org"]);
    let mut account = smtp_account(&sandbox);
    account.login = Some(login("wrong"));
    let mut wrong = Sender::new(account, Arc::clone(&store), Transcript::off());
    let ahead = wrong.run_once(after(3 * 60)).await.unwrap();
    assert_eq!(ahead.paused.expect("paused").until, after(3 * 60 + 1));
    let mut right = sender(&sandbox, &store);
    let within_an_hour = right.run_once(after(2 * 60 + 1)).await.unwrap();
    assert!(within_an_hour.is_idle(), "the account may have to rest");
    assert_eq!(right.run_once(now()).await.unwrap().count(Delivered), 1);
    assert_eq!(store.pause("main").unwrap(), None);
}

#[tokio::test]
async fn a_server_that_is_not_there_pauses_the_account() {
    let gone = sandbox().await;
    let store = store();
    queue(&*store, None, &["ada@example.org"]);
    let mut sender = sender(&gone, &store);
    gone.shutdown().await;
    paused_by(&mut sender, &store, "cannot connect to 127.0.0.1:").await;
}

#[tokio::test]
async fn an_expired_certificate_pauses_the_account() {
    let sandbox = prepared(Sandbox::builder().certificate(Certificate::Expired)).await;
    pauses(&sandbox, &store(), "expired").await;
}

#[tokio::test]
async fn a_greeting_that_says_no_pauses_the_account() {
    let (sandbox, store) = (sandbox().await, store());
    let busy = Action::Reply(b"421 4.3.2 too busy".to_vec());
    sandbox.add_fault(Fault::smtp(Stage::Greeting, busy));
    pauses(&sandbox, &store, "421 4.3.2 too busy").await;
}

#[tokio::test]
async fn plain_text_on_a_tls_port_is_named() {
    let (sandbox, store) = (sandbox().await, store());
    sandbox.add_fault(Fault::smtp(Stage::Connect, Action::PlainText));
    queue(&*store, None, &["ada@example.org"]);
    let mut account = smtp_account(&sandbox);
    account.endpoint = sandbox.smtps().clone();
    account.security = Security::Tls;
    let mut sender = Sender::new(account, Arc::clone(&store), Transcript::off());
    paused_by(&mut sender, &store, "answered in plain text").await;
}

#[tokio::test]
async fn a_refused_sender_is_the_accounts_fault() {
    let (sandbox, store) = (sandbox().await, store());
    let no = Action::Reply(b"553 5.7.1 not your address".to_vec());
    sandbox.add_fault(Fault::smtp(Stage::Mail, no).every());
    queue(&*store, None, &["ada@example.org"]);
    let sent = sender(&sandbox, &store).run_once(now()).await.unwrap();
    assert!(
        sent.paused
            .unwrap()
            .reason
            .contains("553 5.7.1 not your address")
    );
    assert_eq!(
        states(&*store),
        [Deferred],
        "nobody says that the mail has failed"
    );
}

#[tokio::test]
async fn many_mails_leave_in_batches_and_none_is_lost() {
    let (sandbox, store) = (sandbox().await, store());
    let recipients = vec!["ada@example.org"; 250];
    queue(&*store, None, &recipients);
    let mut sender = sender(&sandbox, &store);
    let mut delivered = 0;
    loop {
        let sent = sender.run_once(now()).await.unwrap();
        if sent.is_idle() {
            break;
        }
        delivered += sent.count(Delivered);
    }
    assert_eq!(
        (delivered, sandbox.messages("ada@example.org").len()),
        (250, 250)
    );
    let is_delivered = |state: &DeliveryState| *state == Delivered;
    assert!(states(&*store).iter().all(is_delivered));
    assert_eq!(sandbox.connections().smtp, 1);
}
