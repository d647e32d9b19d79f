//! Accounts: who takes whose place, how much goes out, and where it may go.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use postrider_notify::account::Rate;
use postrider_notify::config::Outgoing;
use postrider_notify::delivery::{Policy, Sender, StandIn, protocol_log};
use postrider_notify::outgoing::DeliveryState::{Delivered, Failed, Ready, Suppressed};
use postrider_notify::store::{Pause, Store};
use postrider_notify::suppression::{Reason, Suppression};
use postrider_sandbox::{Action, Fault, Sandbox, Stage};
use postrider_wire::Transcript;
use std::sync::Arc;
use std::time::Duration;
use support::house::House;
use support::*;

fn sender(sandbox: &Sandbox, store: &Arc<dyn Store>) -> Sender {
    Sender::new(smtp_account(sandbox), Arc::clone(store), Transcript::off())
}

fn outgoing(outgoing: Outgoing) -> Policy {
    Policy {
        outgoing,
        ..Policy::default()
    }
}

#[tokio::test]
async fn an_account_takes_the_place_of_one_that_is_paused_and_the_mail_stays_the_same() {
    let (first, second, store) = (sandbox().await, sandbox().await, store());
    first.add_fault(Fault::smtp(Stage::Mail, Action::Reply(b"550 5.7.1 not you".to_vec())).every());
    queue(&*store, None, &["ada@example.org"]);
    let mut account = smtp_account(&first);
    account.sending.fall_back = Some("spare".into());
    let mut main = Sender::new(account, Arc::clone(&store), Transcript::off());
    assert!(main.run_once(now()).await.unwrap().paused.is_some());

    let mut account = smtp_account(&second);
    account.name = "spare".into();
    let stand_in = StandIn {
        account: "main".into(),
        unless: vec!["main".into()],
    };
    let mut spare = Sender::new(account, Arc::clone(&store), Transcript::off()).policy(Policy {
        stands_in: vec![stand_in],
        ..Policy::default()
    });
    assert!(
        main.run_once(now()).await.unwrap().is_idle(),
        "it is paused"
    );
    let sent = spare
        .run_once(
            after(1)
                .saturating_sub(jiff::SignedDuration::from_secs(50))
                .unwrap(),
        )
        .await
        .unwrap();
    assert_eq!(sent.count(Delivered), 1, "{sent:?}");
    let row = &log(&*store)[0];
    assert_eq!(row.mail.account, "main");
    assert_eq!(row.last.as_ref().unwrap().peer, second.smtp().to_string());
    let raw = store.raw_message(row.delivery).unwrap().unwrap();
    assert_eq!(second.messages("ada@example.org")[0].content, raw);
}

#[tokio::test]
async fn nobody_takes_the_place_of_an_account_that_works() {
    let (sandbox, store) = (sandbox().await, store());
    queue(&*store, None, &["ada@example.org"]);
    let mut account = smtp_account(&sandbox);
    account.name = "spare".into();
    let stand_in = |unless| Policy {
        stands_in: vec![StandIn {
            account: "main".into(),
            unless,
        }],
        ..Policy::default()
    };
    let mut spare = Sender::new(account, Arc::clone(&store), Transcript::off())
        .policy(stand_in(vec!["main".into()]));
    assert!(spare.run_once(now()).await.unwrap().is_idle());
    let pause = Pause {
        until: after(5),
        reason: "x".into(),
        failures: 1,
    };
    store.set_pause("main", Some(&pause)).unwrap();
    assert!(
        spare.run_once(after(6)).await.unwrap().is_idle(),
        "its pause is over"
    );
    assert_eq!(spare.run_once(after(4)).await.unwrap().count(Delivered), 1);
}

#[test]
fn places_are_taken_along_the_chain_and_accounts_that_are_off_are_passed_over() {
    let three = |config: String| {
        let more = "\n[smtp.second]\nhost = \"b.example.org\"\nfrom = \"b@example.org\"\nfall_back = \"third\"\nactive = false\n\
                    [smtp.third]\nhost = \"c.example.org\"\nfrom = \"c@example.org\"\n";
        config.replace("[smtp.main]", "[smtp.main]\nfall_back = \"second\"") + more
    };
    let house = House::with(three);
    let third = house
        .config
        .smtp
        .iter()
        .find(|a| a.name == "third")
        .unwrap();
    let found = Policy::of(third, &house.config).stands_in;
    let unless = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    assert_eq!(found.len(), 2);
    assert!(found.contains(&StandIn {
        account: "main".into(),
        unless: unless(&["main"])
    }));
    assert!(found.contains(&StandIn {
        account: "second".into(),
        unless: unless(&[])
    }));
}

#[tokio::test]
async fn a_rate_lets_so_many_out_and_survives_a_restart() {
    let (sandbox, store) = (sandbox().await, store());
    queue(&*store, None, &["ada@example.org"; 5]);
    let limited = || {
        let mut account = smtp_account(&sandbox);
        let per = Duration::from_secs(60);
        account.sending.rate = Some(Rate { mails: 2, per });
        Sender::new(account, Arc::clone(&store), Transcript::off())
    };
    assert_eq!(limited().run_once(now()).await.unwrap().count(Delivered), 2);
    assert_eq!(
        limited().run_once(now()).await.unwrap().count(Delivered),
        0,
        "another process knows"
    );
    assert_eq!(
        limited().run_once(after(2)).await.unwrap().count(Delivered),
        2
    );
    assert_eq!(
        limited()
            .run_once(after(60))
            .await
            .unwrap()
            .count(Delivered),
        1,
        "the bucket holds two"
    );
}

#[tokio::test]
async fn a_domain_has_a_rate_of_its_own_and_a_mail_put_back_has_not_been_tried() {
    let (sandbox, store) = (sandbox().await, store());
    queue(
        &*store,
        None,
        &[
            "ada@example.org",
            "bob@example.org",
            "eve@elsewhere.example",
        ],
    );
    let mut account = smtp_account(&sandbox);
    let per = Duration::from_secs(60);
    account.sending.domain_rate = Some(Rate { mails: 1, per });
    let mut sender = Sender::new(account, Arc::clone(&store), Transcript::off());
    assert_eq!(sender.run_once(now()).await.unwrap().count(Delivered), 2);
    assert_eq!(states(&*store), [Delivered, Ready, Delivered]);
    let row = &log(&*store)[1];
    let waits = row.next_at.unwrap().duration_since(now()).as_secs();
    assert_eq!((row.attempts, waits), (0, 60));
    assert!(store.attempts(row.delivery).unwrap().is_empty());
    assert_eq!(sender.run_once(after(2)).await.unwrap().count(Delivered), 1);
}

#[tokio::test]
async fn everything_goes_to_the_test_address_also_what_is_queued_already() {
    let (sandbox, store) = (sandbox().await, store());
    queue(&*store, None, &["ada@example.org"]);
    let mut sender = sender(&sandbox, &store).policy(outgoing(Outgoing {
        test_address: Some("bob@example.org".into()),
        ..Outgoing::default()
    }));
    assert_eq!(sender.run_once(now()).await.unwrap().count(Delivered), 1);
    assert!(sandbox.messages("ada@example.org").is_empty());
    assert_eq!(sandbox.messages("bob@example.org").len(), 1);
    let said = log(&*store)[0].last.clone().unwrap().text;
    assert!(said.starts_with("(to bob@example.org) 250 "), "{said}");
}

#[tokio::test]
async fn what_the_test_address_refuses_says_nothing_of_those_whom_the_mail_was_for() {
    let (sandbox, store) = (sandbox().await, store());
    queue(&*store, None, &["ada@example.org"]);
    let mut sender = sender(&sandbox, &store).policy(outgoing(Outgoing {
        test_address: Some("fail-550@example.org".into()),
        ..Outgoing::default()
    }));
    sender.run_once(now()).await.unwrap();
    let failed = &log(&*store)[0];
    assert_eq!(failed.state, Failed);
    assert_eq!(failed.last.as_ref().unwrap().enhanced, "5.1.1");
    assert!(store.suppressions().unwrap().is_empty());
}

#[tokio::test]
async fn a_denied_domain_gets_nothing_also_of_what_is_queued_already() {
    let (sandbox, store) = (sandbox().await, store());
    queue(
        &*store,
        None,
        &["ada@example.org", "bob@secret.example.org"],
    );
    let mut sender = sender(&sandbox, &store).policy(outgoing(Outgoing {
        deny_domains: vec!["secret.example.org".into()],
        ..Outgoing::default()
    }));
    sender.run_once(now()).await.unwrap();
    assert_eq!(states(&*store), [Delivered, Failed]);
    let said = log(&*store)[1].last.clone().unwrap();
    assert_eq!(said.stage, "local");
    assert!(
        said.text.contains("`deny_domains` has secret.example.org"),
        "{said:?}"
    );
}

#[test]
fn a_denied_domain_is_a_verdict_and_a_large_body_as_well() {
    let house =
        House::with(|config| config + "\n[outgoing]\nallow_domains = [\"elsewhere.example\"]\n");
    let key = house.incident(serde_json::json!({"short_description": "x", "assigned_to": "ada"}));
    house.settle();
    let event = house.store.events_of(&key).unwrap()[0];
    let why = house.store.explain(event).unwrap().unwrap();
    let told = postrider_notify::explain::text(&why);
    assert!(told.contains("denied_domain"), "{told}");
    assert!(why.deliveries.is_empty());

    let house = House::with(|config| config + "\n[outgoing]\nmax_body = 20\n");
    let key = house.incident(serde_json::json!({"short_description": "x", "assigned_to": "ada"}));
    house.settle();
    let event = house.store.events_of(&key).unwrap()[0];
    let told = postrider_notify::explain::text(&house.store.explain(event).unwrap().unwrap());
    assert!(told.contains("larger than `max_body` = 20"), "{told}");
}

#[tokio::test]
async fn with_outgoing_mail_off_everything_waits() {
    let (sandbox, store) = (sandbox().await, store());
    queue(&*store, None, &["ada@example.org"]);
    let off = Outgoing {
        active: false,
        ..Outgoing::default()
    };
    let mut sender = sender(&sandbox, &store).policy(outgoing(off));
    assert!(sender.run_once(now()).await.unwrap().is_idle());
    assert_eq!((states(&*store)[0], sandbox.connections().smtp), (Ready, 0));
}

#[tokio::test]
async fn mail_that_is_queued_already_does_not_go_to_an_address_that_was_suppressed_since() {
    let (sandbox, store) = (sandbox().await, store());
    queue(&*store, None, &["ada@example.org", "bob@example.org"]);
    let suppression = Suppression {
        address: "ADA@example.org".into(),
        account: None,
        reason: Reason::Unsubscribe,
        detail: "she asked".into(),
        since: now(),
        until: None,
        hits: 1,
    };
    store.suppress(&suppression).unwrap();
    sender(&sandbox, &store).run_once(now()).await.unwrap();
    assert_eq!(states(&*store), [Suppressed, Delivered]);
    let row = &log(&*store)[0];
    assert_eq!(
        (row.reason.as_str(), row.state.mailbox()),
        ("unsubscribe: she asked", "Skipped")
    );
    store.unsuppress("ada@example.org").unwrap();
    let late = after(60 * 24);
    assert_eq!(store.requeue(&[row.delivery], now(), late).unwrap(), 1);
    sender(&sandbox, &store).run_once(now()).await.unwrap();
    assert_eq!(states(&*store), [Delivered, Delivered]);
}

#[tokio::test]
async fn the_dialogue_of_an_account_is_written_down_without_its_password() {
    let (sandbox, store, dir) = (sandbox().await, store(), tempfile::tempdir().unwrap());
    queue(&*store, None, &["ada@example.org"]);
    let path = dir.path().join("main.log");
    let mut sender = Sender::new(
        smtp_account(&sandbox),
        Arc::clone(&store),
        protocol_log(&path),
    );
    sender.run_once(now()).await.unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(
        text.contains(" C: EHLO ") && text.contains("RCPT TO:<ada@example.org>"),
        "{text}"
    );
    assert!(
        !text.contains(PASSWORD) && !text.contains("Y29ycmVjdCBob3JzZQ"),
        "{text}"
    );
}

#[cfg(unix)]
#[test]
fn a_protocol_log_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("main.log");
    protocol_log(&path).note(&"a line");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "{mode:o}");
}

#[test]
fn mistakes_in_accounts_are_shown_where_they_are() {
    let cases = [
        (
            "fall_back = \"mian\"",
            "there is no [smtp.mian] in this file",
        ),
        ("fall_back = \"main\"", "`main` would take its own place"),
        ("rate = \"many\"", "a number of mails and a time"),
        ("tls_pin = [\"abc\"]", "64 hexadecimal digits"),
        (
            "proxy = \"socks5://u:p@localhost\"",
            "a log-in does not belong into this file",
        ),
        ("source_address = \"here\"", "`here` is no IP address"),
        (
            "client_key_file = \"key.pem\"",
            "a `client_certificate_file` is needed",
        ),
    ];
    for (line, said) in cases {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in postrider_notify::config::example(&Default::default()) {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(
                path,
                text.replace("[smtp.main]", &format!("[smtp.main]\n{line}")),
            )
            .unwrap();
        }
        let error = postrider_notify::config::Config::load(dir.path())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(said) && error.contains(line.split(" = ").next().unwrap()),
            "{line}: {error}"
        );
    }
}
