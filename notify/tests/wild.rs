//! Mail as it comes in the wild, in no set of ours: each ends in one state, for a reason that helps.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod support;

use postrider_notify::inbound::processor::Processed;
use postrider_notify::inbound::{Class, InboundState};
use postrider_notify::outgoing::RecipientVerdict;
use serde_json::json;
use std::time::{Duration, Instant};
use support::house::{House, first_incident};
use support::log;

const ADA: &str = "ada@example.org";

/// A mail of Ada's to the desk.
fn from_ada(fields: &str, text: &str) -> String {
    format!("From: Ada Lovelace <{ADA}>\nTo: support@example.org\n{fields}\n\n{text}\n")
}

fn take(house: &House, mail: &str) -> Processed {
    house.take(mail.replace('\n', "\r\n").as_bytes())
}

fn ends(done: &Processed, class: Class, state: InboundState, why: &str) {
    let outcome = &done.outcome;
    assert_eq!(
        (outcome.class, outcome.state),
        (class, state),
        "{outcome:?}"
    );
    let said = format!("{} {}", outcome.matched_by, outcome.reason);
    assert!(said.contains(why), "{why:?} is not in {said:?}");
}

/// The token in an address of Ada's, without the address.
fn token(house: &House) -> String {
    house.signer.reply_token(&first_incident(), ADA).to_string()
}

#[test]
fn answers_of_people_who_are_away_are_known_by_their_subjects_in_many_languages() {
    let house = House::new();
    for subject in [
        "Out of office: Re: INC0010001: Tea",
        "Out of the office until Monday",
        "OOO - back next week",
        "[Auto-Reply] INC0010001",
        "Automatische Antwort: INC0010001: Tea",
        "Abwesenheitsnotiz: INC0010001",
        "R\u{e9}ponse automatique : INC0010001",
        "Respuesta autom\u{e1}tica: INC0010001",
        "Odpowied\u{17a} automatyczna: INC0010001",
        "Automatick\u{e1} odpov\u{11b}\u{10f}: INC0010001",
        "Automatiskt svar: INC0010001",
        "Automaattinen vastaus: INC0010001",
        "\u{81ea}\u{52a8}\u{56de}\u{590d}: INC0010001",
        "\u{c790}\u{b3d9} \u{d68c}\u{c2e0}: INC0010001",
    ] {
        let answer = format!("In-Reply-To: <x@y>\nSubject: {subject}");
        let done = take(&house, &from_ada(&answer, "I am away."));
        ends(
            &done,
            Class::Auto,
            InboundState::Ignored,
            "no person wrote it: Subject",
        );
        // What answers nothing may be a person's: somebody has to look.
        let done = take(
            &house,
            &from_ada(&format!("Subject: {subject}"), "I cannot switch it off."),
        );
        let (state, why) = match subject.contains("INC0010001") {
            true => (InboundState::Ignored, "no person wrote it: Subject"),
            false => (InboundState::Held, "perhaps no person wrote it: Subject"),
        };
        ends(&done, Class::Auto, state, why);
    }
    for subject in ["Out of office chairs", "Auto: Reifen platt", "Vacations"] {
        let done = take(
            &house,
            &from_ada(&format!("Subject: {subject}"), "Please help."),
        );
        ends(&done, Class::New, InboundState::Processed, "");
    }
}

#[test]
fn prefixes_pile_up_and_gateways_write_in_front_of_them() {
    let house = House::new();
    for subject in [
        "AW: Re: WG: [EXT] INC0010001: Tea",
        "[EXTERNAL] RE: INC0010001",
        "[EXT] (Spam?) SV: Fwd: \"INC0010001\"",
        "EXTERN: Antw: (INC0010001)",
        "\u{56de}\u{590d}\u{ff1a}\u{3010}INC0010001\u{3011}",
        "Re: inc0010001",
    ] {
        let before = house.comments(&first_incident()).len();
        let done = take(
            &house,
            &from_ada(&format!("Subject: {subject}"), "With milk."),
        );
        ends(
            &done,
            Class::Reply,
            InboundState::Processed,
            "record_number: INC0010001",
        );
        assert_eq!(
            house.comments(&first_incident()).len(),
            before + 1,
            "{subject}"
        );
    }
}

#[test]
fn a_token_counts_wherever_it_stands_and_from_its_owner_only() {
    let house = House::new();
    let token = token(&house);
    let broken = token.replacen("INC0010001.", "INC0010001.\n> ", 1);
    let mails = [
        (
            "Subject: Tea\nReferences: <x@y> <TOKEN@example.org>".to_owned(),
            "Yes.".to_owned(),
        ),
        (
            "Subject: Tea\nIn-Reply-To: <TOKEN@example.org>".to_owned(),
            "Yes, please.".to_owned(),
        ),
        (
            "Subject: Tea".to_owned(),
            "Milk.\n\n> From: Desk <support+TOKEN@example.org>\n> To: Ada".to_owned(),
        ),
        (
            "Subject: Tea".to_owned(),
            format!("No milk.\n\n> Ref: {broken}\n> (keep this line)"),
        ),
    ];
    for (fields, text) in &mails {
        let mail = from_ada(fields, text).replace("TOKEN", &token);
        let before = house.comments(&first_incident()).len();
        ends(
            &take(&house, &mail),
            Class::Reply,
            InboundState::Processed,
            "token: in ",
        );
        assert_eq!(house.comments(&first_incident()).len(), before + 1);
        // The same words from somebody whom they were forwarded to.
        let stolen = mail.replace(ADA, "mallory@example.net");
        let done = take(&house, &stolen);
        ends(
            &done,
            Class::Reply,
            InboundState::Held,
            "was made for ada@example.org",
        );
        assert_eq!(house.comments(&first_incident()).len(), before + 1);
    }
    // What only has the shape of a token holds up nobody.
    let shape = from_ada(
        "Subject: Version",
        "See incident.INC0010001.aaaaaaaaaaaaaaaa and a.b.bbbbbbbbbbbbbbbb",
    );
    ends(
        &take(&house, &shape),
        Class::New,
        InboundState::Processed,
        "",
    );
}

#[test]
fn tokens_of_two_records_are_no_guess() {
    let house = House::new();
    let other = house.incident(json!({"short_description": "Cups", "assigned_to": "ada"}));
    let text = format!(
        "Both.\n{}\n{}",
        token(&house),
        house.signer.reply_token(&other, ADA)
    );
    let done = take(&house, &from_ada("Subject: Tea", &text));
    ends(
        &done,
        Class::Reply,
        InboundState::Held,
        "reply tokens for incident/INC0010001 and incident/INC0010002",
    );
}

#[test]
fn what_has_been_delivered_here_before_is_a_loop() {
    let house = House::new();
    let to = "Delivered-To: support@example.org\n";
    let mail = from_ada(
        &format!("Subject: x\n{to}Received: from a by b\n{to}X: y"),
        "Round and round.",
    );
    let done = take(&house, &mail);
    ends(
        &done,
        Class::Auto,
        InboundState::Ignored,
        "a loop): Delivered-To: support@example.org",
    );
    let once = from_ada(
        &format!("Subject: y\nDelivered-To: ada@example.org\n{to}X: y"),
        "Forwarded once.",
    );
    ends(
        &take(&house, &once),
        Class::New,
        InboundState::Processed,
        "",
    );
}

/// Whoever writes to the desk and to a list that it reads is heard once.
#[test]
fn a_copy_through_a_list_of_others_is_ignored() {
    for list in [
        "List-Id: Team <team.example.net>",
        "Precedence: list",
        "List-Post: <mailto:team@example.net>",
        "List-Id: <support.example.org.example.net>",
    ] {
        let house = House::new();
        let mail = "From: carol@example.net\nTo: support@example.org\nCc: team@example.net\n\
                    Subject: Help\nMessage-ID: <m1@example.net>\n\nIt is broken.\n";
        let done = take(&house, mail);
        ends(&done, Class::New, InboundState::Processed, "");
        let copy = take(&house, &format!("{list}\n{mail}"));
        ends(
            &copy,
            Class::Auto,
            InboundState::Ignored,
            "a list that is no address of ours",
        );
    }
}

/// What a Google Group in front of the mailbox adds.
const GROUP: &str = "Precedence: list\nMailing-list: list support@example.org; contact support+owners@example.org\n\
                     List-ID: <support.example.org>\nX-Google-Group-Id: 358814495539\n\
                     List-Unsubscribe: <mailto:googlegroups-manage+358814495539+unsubscribe@googlegroups.com>\n";

#[test]
fn rfc3834_2_mail_through_a_group_is_taken_and_not_answered_automatically() {
    let house = House::new();
    let ask = |fields: &str, from: &str| {
        format!("{fields}From: {from}\nTo: support@example.org\nSubject: Help\n\nIt is broken.\n")
    };
    let told = |mail: &str| {
        let done = take(&house, mail);
        ends(&done, Class::New, InboundState::Processed, "");
        let people = house
            .settle()
            .into_iter()
            .flat_map(|settled| settled.matches);
        let people: Vec<_> = people.flat_map(|found| found.recipients).collect();
        people
    };
    let is = |people: &[RecipientVerdict], verdict: &str, why: &str| {
        let mut rows = people.iter();
        rows.any(|row| row.verdict == verdict && row.detail.contains(why))
    };
    for from in ["carol@example.net", "grace@example.org"] {
        let people = told(&ask("", from));
        assert!(is(&people, "queued", ""), "{people:?}");
        let people = told(&ask(GROUP, from));
        assert!(!is(&people, "queued", ""), "{people:?}");
        assert!(
            is(&people, "excluded_actor", "through a list"),
            "{people:?}"
        );
    }
    // An answer through the group is one.
    let to = house.reply_address(&first_incident(), ADA);
    let answer = format!("{GROUP}From: {ADA}\nTo: {to}\nSubject: Re: Tea\n\nMilk.\n");
    ends(
        &take(&house, &answer),
        Class::Reply,
        InboundState::Processed,
        "token",
    );
    assert_eq!(house.comments(&first_incident()), ["Milk."]);
}

#[test]
fn what_machines_and_we_write_through_a_group_stays_theirs_and_ours() {
    let house = House::new();
    let before = house.incidents();
    let from = |fields: &str, from: &str| {
        format!(
            "{GROUP}{fields}From: {from}\nTo: support@example.org\nSubject: Help\n\nIt is broken.\n"
        )
    };
    let own = written(&house);
    let carol = "carol@example.net";
    let support = "Carol via Support <support@example.org>";
    for (mail, class, state, why) in [
        (
            from("Auto-Submitted: auto-replied\n", carol),
            Class::Auto,
            InboundState::Ignored,
            "Auto-Submitted",
        ),
        (
            from("X-Autoreply: yes\n", carol),
            Class::Auto,
            InboundState::Ignored,
            "X-Autoreply",
        ),
        (
            from("List-Unsubscribe-Post: List-Unsubscribe=One-Click\n", carol),
            Class::Auto,
            InboundState::Ignored,
            "One-Click",
        ),
        (
            from(
                "X-Loop: support@example.org\nX-Loop: Support@example.org\n",
                carol,
            ),
            Class::Auto,
            InboundState::Ignored,
            "a loop",
        ),
        (
            from(&format!("Message-ID: <{own}>\n"), carol),
            Class::Auto,
            InboundState::Ignored,
            "a loop",
        ),
        (
            from("Return-Path: <>\n", carol),
            Class::Bounce,
            InboundState::Ignored,
            "no sender",
        ),
        (
            from("", support),
            Class::Auto,
            InboundState::Held,
            "a list wrote our own address",
        ),
    ] {
        ends(&take(&house, &mail), class, state, why);
    }
    assert_eq!(house.incidents(), before);
    assert!(house.mails().is_empty());
}

#[test]
fn what_a_group_of_ours_writes_above_every_mail_is_no_sign_of_a_machine() {
    let house = House::new();
    let ask = |fields: &str| {
        let mail =
            "From: carol@example.net\nTo: desk@example.org\nSubject: Help\n\nIt is broken.\n";
        take(&house, &format!("{fields}{mail}"))
    };
    for group in [
        // Sympa, ezmlm, groups.io.
        "Precedence: list\nList-Id: <support.example.org>\nX-Loop: support@example.org\n",
        "Precedence: bulk\nMailing-List: contact support-help@example.org; run by ezmlm\nList-Post: <mailto:support@example.org>\n",
        "Precedence: Bulk\nList-Id: <support.example.org>\nMailing-List: list support@example.org; contact support+owner@example.org\n\
         List-Unsubscribe-Post: List-Unsubscribe=One-Click\nList-Unsubscribe: <https://groups.example.org/g/support/leave/1>\n",
    ] {
        ends(&ask(group), Class::New, InboundState::Processed, "");
        let machine = ask(&format!("{group}Auto-Submitted: auto-generated\n"));
        ends(
            &machine,
            Class::Auto,
            InboundState::Ignored,
            "Auto-Submitted",
        );
        let others = ask(&group.replace("support", "team"));
        ends(&others, Class::Auto, InboundState::Ignored, "");
    }
    let mass = ask("Precedence: bulk\n");
    ends(
        &mass,
        Class::Auto,
        InboundState::Ignored,
        "Precedence: bulk",
    );
}

/// Ada was written to; the Message-ID of that mail.
fn written(house: &House) -> String {
    log(&*house.store)[0].mail.message_id.clone()
}

/// A hard bounce that is believed suppresses the address.
fn is_bounced(house: &House) -> bool {
    let now = support::now();
    house.store.suppressed(ADA, "main", now).unwrap().is_some()
}

#[test]
fn forged_bounces_in_other_styles_change_nothing() {
    let house = House::new();
    let styles = [
        "Subject: Undelivered Mail Returned to Sender\n\nThis is the mail system at host mx.example.net.\n\n<ada@example.org>: host mx said: 550 5.1.1 no such user\n",
        "Subject: failure notice\n\nHi. This is the qmail-send program at example.net.\n\n<ada@example.org>:\nSorry, no mailbox here by that name. (#5.1.1)\n",
        "Subject: Undeliverable: INC0010001\n\nDelivery has failed to these recipients or groups:\n\nada@example.org\nThe email address you entered couldn't be found.\n",
        "Subject: Warning: could not send message\n\nThe attached message had PERMANENT fatal delivery errors!\n\n--- Session Transcript ---\nRCPT TO <ada@example.org>\n550 unknown\n",
        "Subject: \u{914d}\u{4fe1}\u{4e0d}\u{80fd}\n\nEach of the following recipients was rejected by a remote mail server.\n\n    Recipient: <ada@example.org>\n    >>> RCPT TO:<ada@example.org>\n    <<< 550 Unknown user\n",
    ];
    for style in styles {
        let mail = format!(
            "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.net\nTo: support@example.org\nMessage-ID: <{}@mx>\n{style}\nMessage-ID: <99.forged@example.org>\n",
            style.len()
        );
        let done = take(&house, &mail);
        ends(&done, Class::Bounce, InboundState::Ignored, "");
        assert!(!done.outcome.reason.is_empty());
        assert_eq!(done.outcome.record, None);
        assert!(!is_bounced(&house), "{style}");
    }
    assert!(house.store.suppressions().unwrap().is_empty());
}

#[test]
fn rfc6533_an_international_delivery_report_counts() {
    let house = House::new();
    let id = written(&house);
    let mail = format!(
        "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.net\nTo: support@example.org\nSubject: Failure\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n\
         --b\n\nSorry.\n--b\nContent-Type: message/global-delivery-status\n\nReporting-MTA: dns; mx.example.net\n\nFinal-Recipient: utf-8; ada@example.org\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 no such user\n\
         --b\nContent-Type: message/global-headers\n\nMessage-ID: <{id}>\nSubject: T\u{e9}\n\n--b--\n"
    );
    ends(
        &take(&house, &mail),
        Class::Bounce,
        InboundState::Ignored,
        "5.1.1",
    );
    assert!(is_bounced(&house));
}

#[test]
fn what_cannot_be_read_is_kept_and_still_a_case() {
    let house = House::new();
    let opaque = "Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=smime.p7m";
    let pgp =
        "Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b";
    let pgp_body = "--b\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n--b\nContent-Type: application/octet-stream; name=encrypted.asc\n\n-----BEGIN PGP MESSAGE-----\n\nhQ\n-----END PGP MESSAGE-----\n--b--";
    let nul = "Subject: A\0B\nContent-Type: text/plain; charset=klingon";
    for (fields, text) in [
        (
            format!("Subject: Encrypted\n{opaque}"),
            "MIAGCSqGSIb3DQEHA6CAMIACAQ==",
        ),
        (format!("Subject: Encrypted too\n{pgp}"), pgp_body),
        (nul.to_owned(), "\0qapla'\0 \u{fffd}"),
        ("Subject: Nothing".to_owned(), ""),
        ("X-Nothing: at all".to_owned(), ""),
    ] {
        let done = take(&house, &from_ada(&fields, text));
        ends(&done, Class::New, InboundState::Processed, "");
        let key = done.outcome.record.unwrap();
        let subject = house.field(&key, "short_description");
        assert!(
            !subject.as_str().unwrap_or_default().contains('\0'),
            "{subject}"
        );
    }
}

#[test]
fn receipts_and_complaints_are_no_cases() {
    let house = House::new();
    let before = house.incidents();
    let receipt = "Subject: Read: INC0010001\nContent-Type: multipart/report; report-type=disposition-notification; boundary=b";
    let body = "--b\n\nRead.\n--b\nContent-Type: message/disposition-notification\n\nFinal-Recipient: rfc822; ada@example.org\nDisposition: manual-action/MDN-sent-manually; displayed\n--b--";
    ends(
        &take(&house, &from_ada(receipt, body)),
        Class::Auto,
        InboundState::Ignored,
        "disposition-notification",
    );
    let complaint =
        "Subject: FBL\nContent-Type: multipart/report; report-type=feedback-report; boundary=b";
    let body = "--b\n\nSpam.\n--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nUser-Agent: x/1\nVersion: 1\n--b\nContent-Type: message/global\n\nMessage-ID: <none@of.ours>\n\nx\n--b--";
    ends(
        &take(&house, &from_ada(complaint, body)),
        Class::Bounce,
        InboundState::Ignored,
        "report",
    );
    assert_eq!(house.incidents(), before);
}

#[test]
fn a_mail_to_ten_thousand_and_a_huge_file_cost_no_more_than_their_size() {
    let house = House::new();
    let begun = Instant::now();
    let to: Vec<String> = (0..10_000).map(|n| format!("r{n}@example.net")).collect();
    let mail = from_ada(
        &format!("Subject: All\nCc: {}", to.join(",\n ")),
        "Hello all.",
    );
    ends(
        &take(&house, &mail),
        Class::New,
        InboundState::Processed,
        "",
    );
    let file = "QUFB".repeat(7 << 20);
    let huge = format!(
        "Subject: Huge\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nSee it.\n--b\nContent-Type: application/zip; name=a.zip\nContent-Disposition: attachment; filename=a.zip\nContent-Transfer-Encoding: base64\n\n{file}\n--b--"
    );
    let done = take(&house, &from_ada(&huge, ""));
    ends(&done, Class::New, InboundState::Processed, "");
    let said: Vec<&str> = done
        .outcome
        .verdicts
        .iter()
        .map(|v| v.detail.as_str())
        .collect();
    assert!(
        said.iter()
            .any(|said| said.contains("a.zip is not attached")),
        "{said:?}"
    );
    let key = done.outcome.record.unwrap();
    assert!(
        house.store.attachments(&key).unwrap().is_empty(),
        "over the limit"
    );
    assert!(
        begun.elapsed() < Duration::from_secs(60),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn junk_in_in_reply_to_is_no_answer() {
    let house = House::new();
    for junk in [
        "Your message of \"Mon, 23 Nov 2026\"",
        "<>",
        "<@>",
        "<<a@b>>",
        "x@y z@w",
        "<\u{fffd}@\u{fffd}>",
    ] {
        let fields = format!(
            "Subject: Junk {}\nIn-Reply-To: {junk}\nReferences: {junk} {junk}",
            junk.len()
        );
        ends(
            &take(&house, &from_ada(&fields, "x")),
            Class::New,
            InboundState::Processed,
            "",
        );
    }
}

#[test]
fn html_of_many_programs_and_languages_becomes_text() {
    let house = House::new();
    for (html, says) in [
        (
            "<html><head><style>p{margin:0}</style></head><body lang=JA><p class=MsoNormal><span lang=JA>\u{58ca}\u{308c}\u{307e}\u{3057}\u{305f}\u{3002}</span><o:p></o:p></p></body></html>",
            "\u{58ca}\u{308c}\u{307e}\u{3057}\u{305f}\u{3002}",
        ),
        (
            "<div dir=\"rtl\">\u{644}\u{627} \u{62a}\u{639}\u{645}\u{644}</div>",
            "\u{644}\u{627} \u{62a}\u{639}\u{645}\u{644}",
        ),
        (
            "<html><body style=\"overflow-wrap: break-word;\">\u{41d}\u{435} \u{440}\u{430}\u{431}\u{43e}\u{442}\u{430}\u{435}\u{442}.<br></body></html>",
            "\u{41d}\u{435} \u{440}\u{430}\u{431}\u{43e}\u{442}\u{430}\u{435}\u{442}.",
        ),
        (
            "<div dir=\"ltr\">Caf\u{e9} &amp; th\u{e9} &lt;froids&gt;</div>",
            "Caf\u{e9} & th\u{e9} <froids>",
        ),
    ] {
        let fields = format!(
            "Subject: {}\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit",
            says.len()
        );
        let done = take(&house, &from_ada(&fields, html));
        let key = done.outcome.record.unwrap();
        assert_eq!(house.field(&key, "description"), says);
    }
}
