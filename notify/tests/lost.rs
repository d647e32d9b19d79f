//! A connection that is lost in the middle of a batch: who has made an attempt, who is given back, and when the account rests.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use jiff::{SignedDuration, Timestamp};
use postrider_notify::account::Rate;
use postrider_notify::delivery::Sender;
use postrider_notify::outgoing::DeliveryState::{
    self, Dead, Deferred, Delivered, Failed, Ready, Unknown,
};
use postrider_notify::record::RecordKey;
use postrider_notify::store::Store;
use postrider_sandbox::{Action, Fault, Sandbox, Stage};
use postrider_wire::Transcript;
use std::sync::Arc;
use std::time::Duration;
use support::*;

const FIVE: [&str; 5] = [
    "ada@example.org",
    "bob@example.org",
    "grace@example.org",
    "joan@example.org",
    "mary@example.org",
];

fn sender(sandbox: &Sandbox, store: &Arc<dyn Store>) -> Sender {
    Sender::new(smtp_account(sandbox), Arc::clone(store), Transcript::off())
}

/// State and attempts of each mail, in the order in which they were queued; what is written down of attempts agrees.
fn attempts(store: &dyn Store) -> Vec<(DeliveryState, u32)> {
    let rows = log(store).into_iter().map(|row| {
        let written = store.attempts(row.delivery).unwrap().len();
        assert_eq!(written, row.attempts as usize, "{row:?}");
        (row.state, row.attempts)
    });
    rows.collect()
}

fn seconds(n: i64) -> Timestamp {
    now().checked_add(SignedDuration::from_secs(n)).unwrap()
}

/// Minutes from the beginning.
fn minutes(at: Timestamp) -> i64 {
    at.duration_since(now()).as_mins()
}

/// How often the mail to each of the five arrived.
fn copies(sandbox: &Sandbox) -> [usize; 5] {
    let mails = sandbox.mails();
    FIVE.map(|to| {
        let is_to =
            |content: &[u8]| String::from_utf8_lossy(content).contains(&format!("To: {to}"));
        mails.iter().filter(|mail| is_to(&mail.content)).count()
    })
}

#[tokio::test]
async fn a_lost_connection_counts_for_the_mail_under_way_and_for_none_behind_it() {
    let (sandbox, store) = (sandbox().await, store());
    sandbox.add_fault(Fault::smtp(Stage::Data, Action::DropBefore).nth(3));
    queue(&*store, None, &FIVE);
    let mut sender = sender(&sandbox, &store);
    let sent = sender.run_once(now()).await.unwrap();
    assert_eq!((sent.attempts.len(), sent.given_back.len()), (3, 2));
    let done = (Delivered, 1);
    let untried = (Ready, 0);
    assert_eq!(
        attempts(&*store),
        [done, done, (Deferred, 1), untried, untried]
    );
    let again = sender.run_once(now()).await.unwrap();
    assert_eq!(again.count(Delivered), 2, "at once: {again:?}");
    assert_eq!(
        sender.run_once(seconds(3)).await.unwrap().count(Delivered),
        1
    );
    let attempts = attempts(&*store);
    assert_eq!(attempts, [done, done, (Delivered, 2), done, done]);
    assert_eq!(copies(&sandbox), [1; 5]);
}

/// With the message goes the next MAIL; the server owes its answer about the message when the connection is lost.
#[tokio::test]
async fn rfc2920_3_1_a_mail_that_was_only_sent_ahead_is_given_back_and_arrives_once() {
    let (sandbox, store) = (sandbox().await, store());
    sandbox.add_fault(Fault::smtp(Stage::EndOfData, Action::DropUnanswered).nth(2));
    queue(&*store, None, &FIVE);
    let mut sender = sender(&sandbox, &store);
    let sent = sender.run_once(now()).await.unwrap();
    assert_eq!(sent.given_back.len(), 3);
    let untried = (Ready, 0);
    assert_eq!(
        attempts(&*store),
        [(Delivered, 1), (Unknown, 1), untried, untried, untried]
    );
    sender.run_once(now()).await.unwrap();
    sender.run_once(after(2)).await.unwrap();
    assert_eq!(states(&*store), [Delivered; 5]);
    assert_eq!(
        copies(&sandbox),
        [1, 2, 1, 1, 1],
        "only what was unknown went twice"
    );
}

#[tokio::test]
async fn rfc5321_3_8_behind_a_421_nothing_was_tried() {
    let (sandbox, store) = (sandbox().await, store());
    let closing = Action::Reply(b"421 4.3.2 enough".to_vec());
    sandbox.add_fault(Fault::smtp(Stage::Mail, closing).nth(2));
    queue(&*store, None, &FIVE[..4]);
    let sent = sender(&sandbox, &store).run_once(now()).await.unwrap();
    assert!(sent.paused.unwrap().reason.contains("421 4.3.2 enough"));
    let untried = (Ready, 0);
    assert_eq!(
        attempts(&*store),
        [(Delivered, 1), (Deferred, 1), untried, untried]
    );
}

#[tokio::test]
async fn a_server_that_takes_so_many_mails_a_connection_gets_the_rest_over_others_at_once() {
    let (sandbox, store) = (sandbox().await, store());
    let closing = Action::Reply(b"421 too many messages in this connection".to_vec());
    sandbox.add_fault(Fault::smtp(Stage::Mail, closing).nth(13));
    queue(&*store, None, &["ada@example.org"; 30]);
    let mut sender = sender(&sandbox, &store);
    for (delivered, behind) in [(12, 17), (12, 0), (5, 0)] {
        let sent = sender.run_once(now()).await.unwrap();
        assert_eq!((sent.count(Delivered), sent.paused), (delivered, None));
        assert_eq!(sent.given_back.len(), behind);
    }
    assert_eq!(sandbox.connections().smtp, 3);
    let soon = sender.run_once(seconds(3)).await.unwrap();
    assert_eq!(soon.count(Delivered), 1, "the one that the 421 came to");
    assert_eq!(sandbox.messages("ada@example.org").len(), 30);
}

/// As OpenSMTPD does.
#[tokio::test]
async fn mails_that_a_connection_takes_no_more_go_over_the_next_one_uncounted() {
    let (sandbox, store) = (sandbox().await, store());
    for n in 13..=40 {
        let enough = Action::Reply(b"452 4.5.3 Too many messages sent".to_vec());
        sandbox.add_fault(Fault::smtp(Stage::Mail, enough).nth(n));
    }
    queue(&*store, None, &["ada@example.org"; 40]);
    let mut sender = sender(&sandbox, &store);
    // The server has shown that it takes twelve; nobody is turned away again.
    for delivered in [12, 12, 12, 4] {
        let sent = sender.run_once(now()).await.unwrap();
        assert_eq!((sent.count(Delivered), sent.paused), (delivered, None));
    }
    assert_eq!(attempts(&*store), [(Delivered, 1); 40]);
    assert_eq!(sandbox.connections().smtp, 4);
    assert_eq!(sandbox.messages("ada@example.org").len(), 40);
}

#[tokio::test]
async fn a_server_that_takes_nothing_now_is_asked_again_later() {
    let (sandbox, store) = (sandbox().await, store());
    let busy = Action::Reply(b"452 4.3.1 no room".to_vec());
    sandbox.add_fault(Fault::smtp(Stage::Mail, busy).every());
    queue(&*store, None, &FIVE);
    let mut sender = sender(&sandbox, &store);
    let sent = sender.run_once(now()).await.unwrap();
    assert_eq!((sent.attempts.len(), sent.given_back.len()), (5, 0));
    assert_eq!(attempts(&*store), [(Deferred, 1); 5]);
    assert!(sender.run_once(now()).await.unwrap().is_idle());
}

#[tokio::test]
async fn what_is_given_back_keeps_its_place_before_what_is_queued_later() {
    let (sandbox, store) = (sandbox().await, store());
    sandbox.add_fault(Fault::smtp(Stage::Content, Action::DropBefore));
    let about = || Some(RecordKey::new("incident", "INC1"));
    queue(&*store, None, &["bob@example.org"]);
    queue(&*store, about(), &["ada@example.org"]);
    let mut sender = sender(&sandbox, &store);
    let sent = sender.run_once(now()).await.unwrap();
    assert_eq!(sent.given_back.len(), 1);
    queue(&*store, about(), &["ada@example.org"]);
    sender.run_once(seconds(1)).await.unwrap();
    let ids: Vec<_> = log(&*store)
        .iter()
        .filter(|row| row.state == Delivered)
        .map(|row| row.mail.message_id.clone())
        .collect();
    assert_eq!(ids.len(), 2);
    let received = sandbox.messages("ada@example.org");
    for (mail, id) in received.iter().zip(&ids) {
        assert!(String::from_utf8_lossy(&mail.content).contains(id.as_str()));
    }
}

#[tokio::test]
async fn what_is_given_back_is_not_counted_against_the_rates() {
    let (sandbox, store) = (sandbox().await, store());
    sandbox.add_fault(Fault::smtp(Stage::Content, Action::DropBefore).nth(2));
    queue(&*store, None, &FIVE);
    let mut account = smtp_account(&sandbox);
    let hour = Duration::from_secs(3600);
    account.sending.rate = Some(Rate {
        mails: 4,
        per: hour,
    });
    account.sending.domain_rate = Some(Rate {
        mails: 4,
        per: hour,
    });
    let mut sender = Sender::new(account, Arc::clone(&store), Transcript::off());
    let sent = sender.run_once(now()).await.unwrap();
    assert_eq!((sent.attempts.len(), sent.given_back.len()), (2, 2));
    let again = sender.run_once(now()).await.unwrap();
    assert_eq!(again.count(Delivered), 2, "{again:?}");
    assert!(sender.run_once(now()).await.unwrap().is_idle());
}

#[tokio::test]
async fn a_server_that_always_hangs_up_pauses_the_account_at_the_third_time() {
    let (sandbox, store) = (sandbox().await, store());
    sandbox.add_fault(Fault::smtp(Stage::Mail, Action::DropBefore).every());
    queue(&*store, None, &FIVE);
    let mut sender = sender(&sandbox, &store);
    for tried in 1..=2 {
        let sent = sender.run_once(now()).await.unwrap();
        assert_eq!((sent.paused, sent.attempts.len()), (None, 1));
        assert_eq!(sent.given_back.len(), 5 - tried);
    }
    let sent = sender.run_once(now()).await.unwrap();
    let pause = sent.paused.expect("paused");
    assert_eq!((minutes(pause.until), pause.failures), (1, 1));
    assert!(pause.reason.contains("MAIL"), "{}", pause.reason);
    assert_eq!(sent.attempts.len(), 3, "whoever is left has tried now");
    assert_eq!(attempts(&*store), [(Deferred, 1); 5]);
    assert!(sender.run_once(now()).await.unwrap().is_idle(), "it rests");
    let again = sender.run_once(after(2)).await.unwrap().paused.unwrap();
    assert_eq!((minutes(again.until), again.failures), (4, 2));
    assert_eq!(sandbox.connections().smtp, 4);
}

#[tokio::test]
async fn a_server_that_decides_on_one_mail_and_hangs_up_pauses_nobody() {
    let (sandbox, store) = (sandbox().await, store());
    let nobody = Action::Reply(b"550 5.1.1 who?".to_vec());
    sandbox.add_fault(Fault::smtp(Stage::Rcpt, nobody).every());
    sandbox.add_fault(Fault::smtp(Stage::Rset, Action::DropBefore).every());
    queue(&*store, None, &FIVE);
    let mut sender = sender(&sandbox, &store);
    for behind in (0..5).rev() {
        let sent = sender.run_once(now()).await.unwrap();
        assert_eq!((sent.count(Failed), sent.paused), (1, None));
        assert_eq!(sent.given_back.len(), behind);
    }
    assert_eq!(attempts(&*store), [(Failed, 1); 5]);
}

#[tokio::test]
async fn mails_to_a_server_that_always_hangs_up_are_given_up_in_the_end() {
    let (sandbox, store) = (sandbox().await, store());
    sandbox.add_fault(Fault::smtp(Stage::Mail, Action::DropBefore).every());
    queue(&*store, None, &FIVE);
    let mut sender = sender(&sandbox, &store);
    for n in 0..40 {
        // Longer than any wait.
        sender.run_once(after(5 * 60 * n)).await.unwrap();
    }
    assert!(
        attempts(&*store)
            .iter()
            .all(|(state, n)| *state == Deferred && *n >= 35)
    );
    sandbox.clear_faults();
    let beyond: Timestamp = "2200-01-02T00:00:00Z".parse().unwrap();
    sender.run_once(beyond).await.unwrap();
    assert_eq!(states(&*store), [Dead; 5]);
}
