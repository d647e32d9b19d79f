//! How recipients and mails are divided as the server's limits ask for.

use super::*;
use crate::ForwardPath;
use crate::dsn::Notify;

/// The recipients of each transaction, when all goes well.
fn transactions(limits: &str, recipients: &[&str]) -> Vec<Vec<String>> {
    let envelope = to(recipients);
    let mails = [Mail::new(&envelope, HELLO)];
    let mut connection = ready(&["PIPELINING", limits]);
    let mut dialogue = Dialogue::new(&mut connection, at(Pipelining::Flight), &mails);
    let mut transactions = Vec::new();
    while !dialogue.planner.is_done() {
        let written = dialogue.written(usize::MAX);
        let recipients = written.lines().filter_map(|l| l.strip_prefix("RCPT TO:<"));
        let recipients: Vec<String> = recipients.map(|r| r.replace('>', "")).collect();
        dialogue.hears(&vec!["250 ok"; recipients.len() + 1]);
        dialogue.hears(&["354 go"]);
        dialogue.says(&["hello", "."]);
        dialogue.hears(&["250 queued"]);
        transactions.push(recipients);
    }
    dialogue.settles(0, &vec![QUEUED; recipients.len()]);
    dialogue.is_over();
    transactions
}

#[test]
fn rfc9422_4_2_no_transaction_has_more_recipients_than_rcptmax() {
    let three = ["1@x", "2@x", "3@x"];
    assert_eq!(transactions("LIMITS", &three), [three.to_vec()]);
    assert_eq!(transactions("LIMITS RCPTMAX=3", &three), [three.to_vec()]);
    let divided = transactions("LIMITS RCPTMAX=2", &three);
    assert_eq!(divided, [vec!["1@x", "2@x"], vec!["3@x"]]);
    let divided = transactions("LIMITS RCPTMAX=1", &three);
    assert_eq!(divided, [["1@x"], ["2@x"], ["3@x"]]);
}

#[test]
fn rfc9422_4_3_no_transaction_has_more_domains_than_rcptdomainmax() {
    let recipients = ["1@x", "2@y", "3@X", "4@z", "5@y"];
    let divided = transactions("LIMITS RCPTDOMAINMAX=1", &recipients);
    assert_eq!(
        divided,
        [vec!["1@x", "3@X"], vec!["2@y", "5@y"], vec!["4@z"]]
    );
    let divided = transactions("LIMITS RCPTDOMAINMAX=2", &recipients);
    assert_eq!(divided, [vec!["1@x", "3@X", "2@y", "5@y"], vec!["4@z"]]);
    let divided = transactions("LIMITS RCPTDOMAINMAX=2 RCPTMAX=3", &recipients);
    assert_eq!(
        divided,
        [vec!["1@x", "3@X", "2@y"], vec!["5@y"], vec!["4@z"]]
    );
}

#[test]
fn rfc9422_4_1_what_is_more_than_mailmax_goes_over_another_connection() {
    let envelope = to(&["1@x", "2@x"]);
    let mails = [Mail::new(&envelope, HELLO); 3];
    let mut connection = ready(&["PIPELINING", "LIMITS MAILMAX=1"]);
    let mut dialogue = Dialogue::new(&mut connection, at(Pipelining::LookAhead), &mails);
    dialogue.says(&["MAIL FROM:<a@x>", "RCPT TO:<1@x>", "RCPT TO:<2@x>", "DATA"]);
    dialogue.hears(&["250 ok", "250 ok", "250 ok", "354 go"]);
    dialogue.settles(1, &["deferred at queue: LimitReached(MailMax)"; 2]);
    dialogue.settles(2, &["deferred at queue: LimitReached(MailMax)"; 2]);
    dialogue.says(&["hello", "."]);
    dialogue.hears(&["250 queued"]);
    dialogue.settles(0, &[QUEUED; 2]);
    dialogue.is_over();
    assert_eq!(connection.state(), State::Ready);
}

#[test]
fn rfc9422_4_1_the_rest_of_a_mail_that_is_divided_is_deferred_at_mailmax() {
    let envelope = to(&["1@x", "2@x"]);
    let mails = [Mail::new(&envelope, HELLO)];
    let mut connection = ready(&["PIPELINING", "LIMITS MAILMAX=1 RCPTMAX=1"]);
    let mut dialogue = Dialogue::new(&mut connection, at(Pipelining::Flight), &mails);
    dialogue.says(&["MAIL FROM:<a@x>", "RCPT TO:<1@x>", "DATA"]);
    dialogue.hears(&["250 ok", "250 ok", "354 go"]);
    dialogue.says(&["hello", "."]);
    dialogue.hears(&["250 queued"]);
    dialogue.settles(0, &[QUEUED, "deferred at queue: LimitReached(MailMax)"]);
    dialogue.is_over();
}

#[test]
fn mailmax_is_no_concern_of_a_batch_that_fits() {
    let envelope = to(&["1@x"]);
    let mails = [Mail::new(&envelope, HELLO)];
    let mut connection = ready(&["PIPELINING", "LIMITS MAILMAX=1"]);
    let mut dialogue = Dialogue::new(&mut connection, at(Pipelining::LookAhead), &mails);
    dialogue.written(usize::MAX);
    dialogue.hears(&["250 ok", "250 ok", "354 go"]);
    dialogue.says(&["hello", "."]);
    dialogue.hears(&["250 queued"]);
    dialogue.settles(0, &[QUEUED]);
    dialogue.is_over();
}

#[test]
fn a_recipient_whose_parameters_are_not_offered_is_refused_by_itself() {
    let never = |to: &ForwardPath| RcptParameters {
        notify: (to.as_str() == "2@x").then_some(Notify::Never),
        original: None,
    };
    let envelope = to(&["1@x", "2@x"]).with_recipient_parameters(never);
    let mails = [Mail::new(&envelope, HELLO)];
    let mut connection = ready(&["PIPELINING", "DSN"]);
    let mut dialogue = Dialogue::new(&mut connection, at(Pipelining::Flight), &mails);
    dialogue.says(&[
        "MAIL FROM:<a@x>",
        "RCPT TO:<1@x>",
        "RCPT TO:<2@x> NOTIFY=NEVER",
        "DATA",
    ]);
    let mut connection = ready(&["PIPELINING"]);
    let mut dialogue = Dialogue::new(&mut connection, at(Pipelining::Flight), &mails);
    dialogue.says(&["MAIL FROM:<a@x>", "RCPT TO:<1@x>", "DATA"]);
    dialogue.hears(&["250 ok", "250 ok", "354 go"]);
    dialogue.says(&["hello", "."]);
    dialogue.hears(&["250 queued"]);
    dialogue.settles(0, &[QUEUED, "refused at local check: Missing(Dsn)"]);
    dialogue.is_over();
}

#[test]
fn a_mail_whose_every_recipient_is_refused_is_not_begun() {
    let (cannot, can) = (to(&["\u{e9}@x", "\u{f6}@x"]), to(&["1@x"]));
    let mails = [Mail::new(&cannot, HELLO), Mail::new(&can, HELLO)];
    let mut connection = ready(&["PIPELINING"]);
    let mut dialogue = Dialogue::new(&mut connection, at(Pipelining::Flight), &mails);
    dialogue.settles(0, &["refused at local check: Missing(SmtpUtf8)"; 2]);
    dialogue.says(&["MAIL FROM:<a@x>", "RCPT TO:<1@x>", "DATA"]);
}

#[test]
fn a_batch_without_mails_is_done() {
    let mut connection = ready(&["PIPELINING"]);
    Dialogue::new(&mut connection, Policy::default(), &[]).is_over();
    assert_eq!(connection.state(), State::Ready);
}

#[test]
fn what_comes_after_the_next_reply_is_made_ready_while_the_server_works() {
    let (first, second) = (to(&["1@x"]), to(&["2@x"]));
    let mails = [Mail::new(&first, HELLO), Mail::new(&second, HELLO)];
    let mut connection = ready(&["PIPELINING"]);
    let mut dialogue = Dialogue::new(&mut connection, at(Pipelining::Flight), &mails);
    assert!(dialogue.planner.prepared.is_none());
    dialogue.written(37);
    assert!(
        dialogue.planner.prepared.is_none(),
        "the server has nothing to do yet"
    );
    dialogue.written(1);
    assert!(matches!(dialogue.planner.prepared, Some((1, Ok(_)))));
}
