//! Bounces as programs write them, in our own words where the words do not matter.

use super::*;

fn read_mail(head: &str, text: &str) -> Option<Report> {
    let mail = format!("{head}\nSubject: failure notice\n\n{text}").replace('\n', "\r\n");
    read(&Message::parse(mail.as_bytes()))
}

const DAEMON: &str = "From: MAILER-DAEMON@mx.example.net";

fn one(report: &Report) -> (&str, &str, &str) {
    let [recipient] = report.recipients.as_slice() else {
        panic!("{report:?}");
    };
    (&recipient.address, &recipient.action, &recipient.status)
}

const RETURNED: &str =
    "Received: from x\nMessage-ID: <7.abc@example.org>\nSubject: INC0010001\n\nDear Bob\n";

#[test]
fn qmail() {
    let text = format!(
        "Hi. This is the qmail-send program at mx.example.net.\nI'm afraid I wasn't able to deliver your message to the following addresses.\n\n\
         <bob@example.net>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n--- Below this line is a copy of the message.\n\nReturn-Path: <support@example.org>\n{RETURNED}"
    );
    let report = read_mail("From: MAILER-DAEMON@mx.example.net\nReturn-Path: <>", &text).unwrap();
    assert_eq!(one(&report), ("bob@example.net", "failed", "5.1.1"));
    assert_eq!(
        report.recipients[0].words,
        "Sorry, no mailbox here by that name. (#5.1.1)"
    );
    assert_eq!(report.originals, ["7.abc@example.org"]);
    assert_eq!(report.kind, "qmail");
}

#[test]
fn exim() {
    let text = format!(
        "This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of its\nrecipients. This is a permanent error. The following address(es) failed:\n\n\
         \x20 bob@example.net\n    host mx.example.net [192.0.2.1]\n    SMTP error from remote mail server after RCPT TO:<bob@example.net>:\n    550 5.1.1 <bob@example.net> User unknown\n\n\
         ------ This is a copy of the message, including all the headers. ------\n\n{RETURNED}"
    );
    let report = read_mail(
        "From: Mail Delivery System <Mailer-Daemon@mx>\nX-Failed-Recipients: bob@example.net",
        &text,
    )
    .unwrap();
    assert_eq!(one(&report), ("bob@example.net", "failed", "5.1.1"));
    assert!(
        report.recipients[0].words.contains("550 5.1.1"),
        "{report:?}"
    );
    assert_eq!(report.originals, ["7.abc@example.org"]);
}

#[test]
fn postfix_without_a_status_part() {
    let text = "This is the mail system at host mx.example.net.\n\nI'm sorry to have to inform you that your message could not\nbe delivered to one or more recipients.\n\n\
                <bob@example.net>: host mx2.example.net[192.0.2.1] said: 552 5.2.2 mailbox\n    full (in reply to RCPT TO command)\n";
    let report = read_mail(DAEMON, text).unwrap();
    assert_eq!(one(&report), ("bob@example.net", "failed", "5.2.2"));
    assert_eq!(report.originals, Vec::<String>::new());
}

#[test]
fn exchange_in_two_languages() {
    let english = "Your message did not reach some or all of the intended recipients.\n\n      Subject:  INC0010001\n      Sent:     23/11/2026 10:00\n\n\
                   The following recipient(s) cannot be reached:\n\n      'bob@example.net' on 23/11/2026 10:01\n            550 5.1.10 RESOLVER.ADR.RecipientNotFound\n";
    assert_eq!(
        one(&read_mail("From: postmaster@example.net", english).unwrap()),
        ("bob@example.net", "failed", "5.1.10")
    );
    let german = "Fehler bei der Nachrichtenzustellung an folgende Empfänger oder Verteilerlisten:\n\nDie Zustellung an folgende Empfänger oder Verteilerlisten ist fehlgeschlagen:\n\n\
                  bob@example.net (bob@example.net)\nDie E-Mail-Adresse wurde nicht gefunden. #550 5.1.1#\n";
    assert_eq!(
        one(&read_mail("From: MicrosoftExchange329e71ec@example.net", german).unwrap()),
        ("bob@example.net", "failed", "5.1.1")
    );
}

#[test]
fn sendmail() {
    let text = "   ----- The following addresses had permanent fatal errors -----\n<bob@example.net>\n    (reason: 550 5.1.1 <bob@example.net>... User unknown)\n\n   ----- Transcript of session follows -----\n... while talking to mx\n";
    assert_eq!(
        one(&read_mail(DAEMON, text).unwrap()),
        ("bob@example.net", "failed", "5.1.1")
    );
}

#[test]
fn providers() {
    let gmail = format!(
        "Delivery to the following recipient failed permanently:\n\n     bob@example.net\n\nTechnical details of permanent failure:\nThe error was: 550 5.1.1 no such user\n\n----- Original message -----\n\n{RETURNED}"
    );
    let report = read_mail(
        "From: Mail Delivery Subsystem <mailer-daemon@googlemail.example>",
        &gmail,
    )
    .unwrap();
    assert_eq!(one(&report), ("bob@example.net", "failed", "5.1.1"));
    assert_eq!(report.originals, ["7.abc@example.org"]);
    let yahoo = "Sorry, we were unable to deliver your message to the following address.\n\n<bob@example.net>:\n554: delivery error: dd This user doesn't have an account\n";
    assert_eq!(
        one(&read_mail(DAEMON, yahoo).unwrap()),
        ("bob@example.net", "failed", "")
    );
    let notes = "Your message\n\n  Subject: INC0010001\n\nwas not delivered to:\n\n  bob@example.net\n\nbecause:\n\n  User bob (bob@example.net) not listed in Domino Directory\n";
    assert_eq!(
        one(&read_mail(DAEMON, notes).unwrap()),
        ("bob@example.net", "failed", "")
    );
}

#[test]
fn a_delay_is_no_failure() {
    let text = "This is the mail system at host mx.example.net.\n\n<bob@example.net>: connect to mx2: Connection timed out. It will keep trying.\n";
    assert_eq!(
        one(&read_mail(DAEMON, text).unwrap()),
        ("bob@example.net", "delayed", "")
    );
}

#[test]
fn what_a_person_writes_about_a_bounce_is_none() {
    let text = "Hi. This is the qmail-send program at mx.example.net, it says. What is that?\n\n<bob@example.net>:\nno mailbox\n";
    assert_eq!(
        read_mail(
            "From: Ada <ada@example.org>\nReturn-Path: <ada@example.org>",
            text
        ),
        None
    );
    assert_eq!(
        read_mail(DAEMON, "The backup is done.\n"),
        None,
        "a machine that says something else"
    );
}

#[test]
fn hostile_bounces_cost_no_more_than_they_are_long() {
    let many: String = (0..5_000)
        .map(|n| format!("<a{n}@example.net>: no\n"))
        .collect();
    let report = read_mail(
        DAEMON,
        &format!("This is the mail system at host x.\n{many}"),
    )
    .unwrap();
    assert_eq!(report.recipients.len(), MOST);
}
