//! The POP3 reader against a real server with faults: nothing is deleted that is not stored, nothing is stored twice.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use postrider_notify::account::{DeletePolicy, Pop3Account};
use postrider_notify::inbound::reader::{FetchError, Fetched, Reader, Round};
use postrider_notify::store::Store;
use postrider_sandbox::{Action, Extension, Fault, Sandbox, Stage};
use postrider_wire::Transcript;
use std::sync::Arc;
use std::time::Duration;
use support::*;

const SUPPORT: &str = "support@example.org";

fn put(sandbox: &Sandbox, numbers: std::ops::Range<u32>) {
    for n in numbers {
        let mail =
            format!("From: a@b\r\nMessage-ID: <{n}@b>\r\nSubject: {n}\r\n\r\n.dot\r\ntext {n}\r\n");
        sandbox.deliver(SUPPORT, mail).unwrap();
    }
}

fn reader(account: Pop3Account, store: &Arc<dyn Store>) -> Reader {
    Reader::new(account, Arc::clone(store), Transcript::off())
}

/// The contents of the store, oldest first.
fn stored(store: &dyn Store) -> Vec<Vec<u8>> {
    let mut rows = store.inbound_log(1000).unwrap();
    rows.reverse();
    let raw = |id| store.inbound(id).unwrap().unwrap().what.raw;
    rows.iter().map(|row| raw(row.outcome.id)).collect()
}

async fn fetch(reader: &mut Reader) -> Fetched {
    reader.fetch_once(now()).await.unwrap()
}

#[tokio::test]
async fn mail_is_stored_as_it_came_and_then_deleted() {
    let (sandbox, store) = (sandbox().await, store());
    put(&sandbox, 0..120);
    let sent: Vec<Vec<u8>> = sandbox
        .messages(SUPPORT)
        .iter()
        .map(|m| m.content.to_vec())
        .collect();
    let mut reader = reader(pop3_account(&sandbox), &store);
    let fetched = fetch(&mut reader).await;
    assert_eq!(
        (fetched.listed, fetched.new.len(), fetched.deleted),
        (120, 120, 120)
    );
    assert_eq!(stored(&*store), sent);
    assert_eq!(sandbox.messages(SUPPORT).len(), 0);
    assert_eq!(fetch(&mut reader).await, Fetched::default());
}

#[tokio::test]
async fn mail_that_stays_on_the_server_is_fetched_once() {
    let (sandbox, store) = (sandbox().await, store());
    put(&sandbox, 0..3);
    let mut account = pop3_account(&sandbox);
    account.delete = DeletePolicy::Never;
    let mut reader = reader(account, &store);
    assert_eq!(fetch(&mut reader).await.new.len(), 3);
    put(&sandbox, 3..4);
    let fetched = fetch(&mut reader).await;
    assert_eq!(
        (fetched.listed, fetched.new.len(), fetched.deleted),
        (4, 1, 0)
    );
    assert_eq!(sandbox.messages(SUPPORT).len(), 4);
}

#[tokio::test]
async fn mail_is_deleted_when_its_time_is_over() {
    let (sandbox, store) = (sandbox().await, store());
    put(&sandbox, 0..1);
    let mut account = pop3_account(&sandbox);
    account.delete = DeletePolicy::After(Duration::from_secs(3600));
    let mut reader = reader(account, &store);
    assert_eq!(reader.fetch_once(now()).await.unwrap().deleted, 0);
    assert_eq!(reader.fetch_once(after(59)).await.unwrap().deleted, 0);
    assert_eq!(reader.fetch_once(after(60)).await.unwrap().deleted, 1);
    assert_eq!(
        (stored(&*store).len(), sandbox.messages(SUPPORT).len()),
        (1, 0)
    );
}

#[tokio::test]
async fn a_session_cut_inside_a_mail_is_made_good_by_another_connection() {
    let (sandbox, store) = (sandbox().await, store());
    put(&sandbox, 0..10);
    let cut = Fault::pop3(Stage::Retr, Action::DropAfterBytes(20)).nth(4);
    sandbox.add_fault(cut);
    let mut reader = reader(pop3_account(&sandbox), &store);
    let fetched = fetch(&mut reader).await;
    assert!(
        fetched.left[0].starts_with("connected again after: "),
        "{fetched:?}"
    );
    assert_eq!((fetched.new.len(), fetched.duplicates), (10, 0));
    assert_eq!((fetched.deleted, sandbox.messages(SUPPORT).len()), (10, 0));
}

#[tokio::test]
async fn what_was_stored_before_every_connection_broke_stays_stored_and_on_the_server() {
    let (sandbox, store) = (sandbox().await, store());
    put(&sandbox, 0..3);
    sandbox.add_fault(Fault::pop3(Stage::Dele, Action::DropBefore).every());
    let mut first = reader(pop3_account(&sandbox), &store);
    let Round::Failed { fetched, error, .. } = first.run_once(now()).await.unwrap() else {
        panic!("it worked");
    };
    assert!(matches!(error, FetchError::Pop3(_)), "{error}");
    assert_eq!((fetched.new.len(), fetched.deleted), (3, 0));
    assert_eq!(sandbox.messages(SUPPORT).len(), 3);
    sandbox.clear_faults();
    let mut second = reader(pop3_account(&sandbox), &store);
    let busy = second.fetch_once(now()).await.unwrap_err();
    assert!(matches!(busy, FetchError::Busy), "{busy}");
    drop(first);
    // Nothing is in memory, as in another process.
    let again = fetch(&mut second).await;
    assert_eq!(
        (again.new.len(), again.duplicates, again.deleted),
        (0, 0, 3)
    );
    assert_eq!(stored(&*store).len(), 3);
}

#[tokio::test]
async fn an_unanswered_quit_costs_no_mail_and_no_second_copy() {
    let (sandbox, store) = (sandbox().await, store());
    put(&sandbox, 0..2);
    sandbox.add_fault(Fault::pop3(Stage::Quit, Action::DropBefore));
    let mut reader = reader(pop3_account(&sandbox), &store);
    let fetched = fetch(&mut reader).await;
    assert_eq!(
        (fetched.new.len(), fetched.duplicates, fetched.deleted),
        (2, 0, 2),
        "{fetched:?}"
    );
    assert_eq!(
        (stored(&*store).len(), sandbox.messages(SUPPORT).len()),
        (2, 0)
    );
}

#[tokio::test]
async fn a_maildrop_that_is_in_use_is_left_for_as_long_as_its_server_needs() {
    let (sandbox, store) = (sandbox().await, store());
    let busy = Action::Reply(b"-ERR [LOGIN-DELAY] come back later".to_vec());
    sandbox.add_fault(Fault::pop3(Stage::Pass, busy.clone()).every());
    sandbox.add_fault(Fault::pop3(Stage::Auth, busy).every());
    let mut reader = reader(pop3_account(&sandbox), &store);
    let Round::Failed { pause, error, .. } = reader.run_once(now()).await.unwrap() else {
        panic!("it worked");
    };
    assert!(error.to_string().contains("LOGIN-DELAY"), "{error}");
    assert_eq!(pause.until, after(5), "not after a minute");
}

#[tokio::test]
async fn a_server_that_wants_years_between_two_logins_gets_a_day_and_it_is_said() {
    let (sandbox, store) = (sandbox().await, store());
    let capa =
        Action::Reply(b"+OK\r\nUSER\r\nUIDL\r\nSTLS\r\nLOGIN-DELAY 999999999\r\n.\r\n".to_vec());
    sandbox.add_fault(Fault::pop3(Stage::Ehlo, capa).every());
    let mut reader = reader(pop3_account(&sandbox), &store);
    let Round::Fetched(fetched) = reader.run_once(now()).await.unwrap() else {
        panic!("it failed");
    };
    let day = std::time::Duration::from_secs(24 * 60 * 60);
    assert_eq!(fetched.login_delay, Some(day));
    let said = "the server wants 999999999 s between two logins; it gets 86400 s";
    assert_eq!(fetched.left, [said]);
}

#[tokio::test]
async fn mail_is_neither_lost_nor_stored_twice_when_the_server_renames_everything() {
    let (sandbox, store) = (sandbox().await, store());
    put(&sandbox, 0..5);
    let mut account = pop3_account(&sandbox);
    account.delete = DeletePolicy::Never;
    let mut reader = reader(account, &store);
    assert_eq!(fetch(&mut reader).await.new.len(), 5);
    let mails = sandbox.messages(SUPPORT);
    sandbox.clear();
    for mail in &mails {
        sandbox.deliver(SUPPORT, mail.content.to_vec()).unwrap();
    }
    put(&sandbox, 5..6);
    let fetched = fetch(&mut reader).await;
    assert_eq!((fetched.new.len(), fetched.duplicates), (1, 5));
    assert!(
        fetched.left[0].contains("renamed all messages"),
        "{fetched:?}"
    );
    assert_eq!(stored(&*store).len(), 6);
}

#[tokio::test]
async fn a_mail_that_the_server_keeps_back_does_not_hold_up_the_others() {
    let (sandbox, store) = (sandbox().await, store());
    put(&sandbox, 0..3);
    let no = Action::Reply(b"-ERR damaged".to_vec());
    sandbox.add_fault(Fault::pop3(Stage::Retr, no).nth(2));
    let mut reader = reader(pop3_account(&sandbox), &store);
    let fetched = fetch(&mut reader).await;
    assert_eq!((fetched.new.len(), fetched.deleted), (2, 2));
    assert!(fetched.left[0].contains("damaged"), "{fetched:?}");
    assert_eq!(sandbox.messages(SUPPORT).len(), 1);
}

#[tokio::test]
async fn a_mail_that_breaks_every_session_comes_last_and_is_then_left_alone() {
    let (sandbox, store) = (sandbox().await, store());
    sandbox.deliver(SUPPORT, vec![b'x'; 5000]).unwrap();
    put(&sandbox, 0..1);
    // Only the large mail is long enough to be cut.
    sandbox.add_fault(Fault::pop3(Stage::Retr, Action::DropAfterBytes(2000)).every());
    let mut reader = reader(pop3_account(&sandbox), &store);
    let Round::Failed { fetched, .. } = reader.run_once(now()).await.unwrap() else {
        panic!("it worked");
    };
    assert_eq!((fetched.new.len(), stored(&*store).len()), (1, 1));
    let again = reader.run_once(after(60)).await.unwrap();
    assert!(matches!(again, Round::Failed { .. }));
    let Round::Fetched(fetched) = reader.run_once(after(120)).await.unwrap() else {
        panic!("it failed");
    };
    assert_eq!((fetched.new.len(), fetched.deleted), (0, 1));
    assert_eq!(
        fetched.left.last().unwrap(),
        "message 1 broke too many sessions: it is left alone for a day"
    );
}

#[tokio::test]
async fn a_mail_over_the_limit_is_left_and_said_to_be() {
    let (sandbox, store) = (sandbox().await, store());
    sandbox.deliver(SUPPORT, vec![b'x'; 5000]).unwrap();
    put(&sandbox, 0..1);
    let mut account = pop3_account(&sandbox);
    account.max_message = 4000;
    let fetched = fetch(&mut reader(account, &store)).await;
    assert_eq!(fetched.new.len(), 1);
    assert!(
        fetched.left[0].contains("octets, more than the account's limit"),
        "{fetched:?}"
    );
    assert_eq!(sandbox.messages(SUPPORT).len(), 1);
}

#[tokio::test]
async fn a_server_without_unique_ids_is_read_by_hash() {
    let sandbox = prepared(Sandbox::builder().without(Extension::Uidl)).await;
    let store = store();
    put(&sandbox, 0..2);
    let mut account = pop3_account(&sandbox);
    account.delete = DeletePolicy::Never;
    let mut reader = reader(account, &store);
    assert_eq!(fetch(&mut reader).await.new.len(), 2);
    let again = fetch(&mut reader).await;
    assert_eq!((again.new.len(), again.duplicates), (0, 2));
    assert_eq!(stored(&*store).len(), 2);
}

#[tokio::test]
async fn a_wrong_password_pauses_the_account_with_the_reason() {
    let (sandbox, store) = (sandbox().await, store());
    let mut account = pop3_account(&sandbox);
    account.login = login("wrong");
    let mut wrong = reader(account, &store);
    let Round::Failed { pause, error, .. } = wrong.run_once(now()).await.unwrap() else {
        panic!("it worked");
    };
    assert!(!error.to_string().contains("wrong\""), "{error}");
    assert_eq!((pause.until, pause.failures), (after(1), 1));
    assert!(matches!(
        wrong.run_once(now()).await.unwrap(),
        Round::Paused(_)
    ));
    drop(wrong);
    let mut right = reader(pop3_account(&sandbox), &store);
    assert!(matches!(
        right.run_once(after(1)).await.unwrap(),
        Round::Fetched(_)
    ));
    assert_eq!(store.pause(&Reader::pause_name("support")).unwrap(), None);
}

#[tokio::test]
async fn a_pause_that_a_clock_began_which_was_ahead_is_over_when_it_is_set() {
    let (sandbox, store) = (sandbox().await, store());
    let mut account = pop3_account(&sandbox);
    account.login = login("wrong");
    let mut wrong = reader(account, &store);
    let two_days = 2 * 24 * 60;
    let ahead = wrong.run_once(after(two_days)).await.unwrap();
    assert!(matches!(ahead, Round::Failed { .. }), "{ahead:?}");
    drop(wrong);
    let mut right = reader(pop3_account(&sandbox), &store);
    let within_a_day = right.run_once(after(two_days - 60)).await.unwrap();
    assert!(matches!(within_a_day, Round::Paused(_)), "{within_a_day:?}");
    let set = right.run_once(now()).await.unwrap();
    assert!(matches!(set, Round::Fetched(_)), "{set:?}");
}
