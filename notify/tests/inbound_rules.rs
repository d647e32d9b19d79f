//! Which mail an inbound action takes and who may answer about a record, where the answer is no.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use postrider_notify::inbound::InboundState::{Held, Ignored, Processed};
use postrider_notify::inbound::{Class, InboundOutcome};
use postrider_notify::record::RecordKey;
use postrider_notify::store::InboundFilter;
use postrider_notify::suppression::Reason;
use serde_json::json;
use support::house::{House, fields, first_incident};
use support::now;

fn mail(from: &str, subject: &str) -> String {
    format!("From: {from}\r\nTo: support@example.org\r\nSubject: {subject}\r\n\r\nHello.\r\n")
}

fn take(house: &House, mail: &str) -> InboundOutcome {
    house.take(mail.as_bytes()).outcome
}

/// `action: verdict: detail` of each action that did not run.
fn refusals(outcome: &InboundOutcome) -> Vec<String> {
    let verdicts = outcome.verdicts.iter().filter(|v| v.verdict != "ran");
    verdicts
        .map(|v| format!("{}: {}: {}", v.action, v.verdict, v.detail))
        .collect()
}

#[test]
fn each_action_that_does_not_take_a_mail_says_why() {
    let house = House::with_actions(
        "[inbound.users]\nclass = \"reply\"\ntable = \"user\"\nset = { name = \"x\" }\n\
         [inbound.resting]\nclass = \"reply\"\ntable = \"incident\"\ncomment = \"comments\"\nactive = false\n\
         [inbound.later]\nclass = \"reply\"\ntable = \"incident\"\ncomment = \"comments\"\norder = 200\n",
    );
    let to = house.reply_address(&first_incident(), "ada@example.org");
    let reply = mail("ada@example.org", "Re: Tea").replace("support@example.org", &to);
    let done = take(&house, &reply);
    assert_eq!(done.action.as_deref(), Some("reply_comment"));
    assert_eq!(
        refusals(&done),
        [
            "users: other_table: it is about incident/INC0010001",
            "resting: inactive: ",
            "new_incident: other_class: the mail is reply",
            "later: stopped: reply_comment was the last",
        ]
    );
    assert_eq!(house.comments(&first_incident()), ["Hello."]);
}

#[test]
fn whoever_a_record_names_may_answer_by_its_number() {
    let house = House::with(|config| {
        let groups =
            "[table.incident.fields]\nteam = \"reference group\"\nteams = \"list group\"\n";
        config.replacen("[table.incident.fields]\n", groups, 1)
    });
    let by = |record: &RecordKey| {
        let done = take(
            &house,
            &mail("Grace <grace@example.org>", &format!("Re: {}", record.id)),
        );
        (done.state, done.matched_by)
    };
    for (values, field) in [
        (json!({"watch_list": "grace"}), "watch_list"),
        (json!({"watch_list": "ada, grace"}), "watch_list"),
        (json!({"team": "support"}), "team"),
        (json!({"teams": "support"}), "teams"),
        (json!({"caller_email": "GRACE@example.org"}), "caller_email"),
    ] {
        let record = house.incident(values.clone());
        let (state, matched_by) = by(&record);
        assert_eq!(state, Processed, "{values}: {matched_by}");
        assert!(
            matched_by.ends_with(&format!("field {field}")),
            "{matched_by}"
        );
    }
    for values in [
        json!({"watch_list": "ada"}),
        // A word like any other.
        json!({"short_description": "grace", "description": "grace"}),
        json!({}),
    ] {
        let record = house.incident(values);
        assert_eq!(by(&record).0, Held, "{record}");
        assert!(house.comments(&record).is_empty());
    }
}

#[test]
fn an_answer_to_an_invitation_of_nobodys_changes_nothing() {
    let house = House::new();
    let calendar = "Content-Type: text/calendar; method=REPLY\r\n\r\nBEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nBEGIN:VEVENT\r\n\
                    ATTENDEE;PARTSTAT=TENTATIVE:mailto:ada@example.org\r\nEND:VEVENT\r\nEND:VCALENDAR";
    let answer = mail("ada@example.org", "Tentative: lunch").replace("\r\nHello.", calendar);
    let done = take(&house, &answer);
    assert_eq!((done.state, done.class), (Ignored, Class::Calendar));
    assert_eq!(
        done.reason,
        "an answer to an invitation (tentative), to none of ours"
    );
    assert_eq!(house.incidents(), 1);
}

#[test]
fn an_answer_about_a_record_that_is_not_there_is_held() {
    let house = House::new();
    let gone = RecordKey::new("incident", "INC0099999");
    let to = house.reply_address(&gone, "ada@example.org");
    let done = take(
        &house,
        &mail("ada@example.org", "Re: Tea").replace("support@example.org", &to),
    );
    assert_eq!((done.state, house.incidents()), (Held, 1));
    assert!(done.reason.contains("INC0099999"), "{}", done.reason);
}

#[test]
fn the_log_of_incoming_mail_can_be_asked_about_a_record() {
    let house = House::new();
    let carol = take(&house, &mail("carol@example.net", "Help"))
        .record
        .unwrap();
    take(&house, &mail("carol@example.net", "More help"));
    let filter = InboundFilter {
        record: Some(carol.clone()),
        limit: 10,
        ..InboundFilter::default()
    };
    let rows = house.store.inbound_rows(&filter).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].outcome.record, Some(carol));
}

#[test]
fn rfc5965_who_complains_about_a_mail_of_ours_gets_no_more_by_any_account() {
    let house = House::new();
    let said = fields(json!({"comments": "One lump."}));
    house
        .records
        .update(&first_incident(), &said, "grace")
        .unwrap();
    let told = house.mails();
    assert_eq!(told.len(), 1);
    let complaint_of = |about: &str, id: &str| {
        format!(
            "From: fbl@isp.example\r\nTo: support@example.org\r\nSubject: FBL\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n\
             --b\r\n\r\nSpam.\r\n--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\n\
             User-Agent: x/1\r\nVersion: 1\r\n{about}--b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: {id}\r\n\r\nx\r\n--b--\r\n"
        )
    };
    let complaint = |id: &str| complaint_of("", id);
    let suppressed = || {
        house
            .store
            .suppressed("ada@example.org", "any", now())
            .unwrap()
    };
    let forged = take(&house, &complaint("<none@of.ours>"));
    assert_eq!((forged.state, forged.class), (Ignored, Class::Bounce));
    assert_eq!(suppressed(), None, "a complaint about a mail of nobody's");
    // Somebody whom ada's mail was passed on to complains about it; that is not ada.
    let id = &told[0].message_id;
    take(
        &house,
        &complaint_of("Original-Rcpt-To: <mallory@evil.example>\r\n", id),
    );
    assert_eq!(suppressed(), None, "a complaint of somebody else");
    let unreadable = complaint_of("Original-Rcpt-To: <9f86d08@example.org>\r\n", id);
    take(&house, &unreadable);
    assert!(
        suppressed().is_some(),
        "the local part may be made unreadable"
    );
    house.store.unsuppress("ada@example.org").unwrap();
    let done = take(&house, &complaint(&told[0].message_id));
    assert_eq!((done.state, done.record), (Ignored, Some(first_incident())));
    let found = suppressed().expect("suppressed");
    assert_eq!(
        (found.reason, found.account, found.until),
        (Reason::Complaint, None, None)
    );
    assert_eq!(house.incidents(), 1);
}

/// An answer of Ada's.
fn reply(house: &House, text: &str) -> String {
    let to = house.reply_address(&first_incident(), "ada@example.org");
    format!("From: ada@example.org\nTo: {to}\nSubject: Re: Tea\n\n{text}\n").replace('\n', "\r\n")
}

#[test]
fn a_reply_of_quotes_only_is_no_comment_and_a_person_may_take_it() {
    for text in [
        "> Tea?",
        "On 23 Nov 2026, Support wrote:\n> Tea?",
        "Sent from my iPhone\n\n> Tea?",
    ] {
        let house = House::new();
        let done = take(&house, &reply(&house, text));
        assert_eq!(done.state, Held, "{done:?}");
        assert!(done.reason.contains("no words of its own"), "{done:?}");
        assert!(house.comments(&first_incident()).is_empty());
        let taken = house.inbound.accept(done.id, Some(first_incident()), now());
        assert_eq!(taken.unwrap().outcome.state, Processed);
        assert_eq!(
            house.comments(&first_incident()),
            [text],
            "perhaps it answers inside"
        );
    }
}

#[test]
fn a_reply_of_a_file_and_no_words_attaches_the_file_and_comments_nothing() {
    let house = House::new();
    let empty = reply(&house, "");
    let head = empty.trim_end();
    let mail = format!(
        "{head}\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nSent from my iPhone\n\n> Tea?\n\
         --b\nContent-Type: image/png; name=shot.png\nContent-Disposition: attachment; filename=shot.png\n\nx\n--b--\n"
    );
    let outcome = take(&house, &mail.replace('\n', "\r\n"));
    assert_eq!(outcome.state, Processed, "{outcome:?}");
    assert!(house.comments(&first_incident()).is_empty());
    let files = house.store.attachments(&first_incident()).unwrap();
    assert_eq!(files[0].name, "shot.png");
    let said = &outcome.verdicts[0].detail;
    assert!(said.contains("no words of its own"), "{said}");
}

#[test]
fn the_files_and_the_event_of_an_action_go_to_the_record_that_it_made() {
    let set = "set = { short_description = \"${mail.subject}\" }\n";
    let alone = format!(
        "[inbound.made]\nclass = \"new\"\ntable = \"incident\"\norder = 20\nstop = false\n{set}"
    );
    // With or without an action for the same table before it.
    for (before, own) in [("", set), (alone.as_str(), "")] {
        let house = House::with_actions(&format!(
            "[table.contact]\nnumber = {{ prefix = \"CON\", digits = 7 }}\n[table.contact.fields]\naddress = \"string\"\n\
             [inbound.contact]\nclass = \"new\"\ntable = \"contact\"\norder = 10\nstop = false\n\
             set = {{ address = \"${{sender.address}}\" }}\n{before}\
             [inbound.urgent]\nclass = \"new\"\ntable = \"incident\"\norder = 30\nattach = true\n\
             fire = \"incident.escalated\"\n{own}"
        ));
        let files = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello.\r\n\
             --b\r\nContent-Type: image/png\r\nContent-Disposition: attachment; filename=shot.png\r\n\r\nx\r\n--b--";
        let text = mail("carol@example.net", "Help").replace("\r\nHello.", files);
        let outcome = take(&house, &text);
        assert_eq!(outcome.state, Processed, "{outcome:?}");
        let incident = RecordKey::new("incident", "INC0010002");
        let files = |record: &RecordKey| house.store.attachments(record).unwrap().len();
        let contact = RecordKey::new("contact", "CON0010001");
        assert_eq!((files(&contact), files(&incident)), (0, 1));
        let events = house.store.due_events(now(), 100).unwrap();
        let mut fired = events
            .iter()
            .filter(|event| event.what.name == "incident.escalated");
        let fired = &fired.next().unwrap().what;
        assert_eq!(fired.record, Some(incident));
        assert_eq!(fired.current["short_description"], "Help");
    }
}

#[test]
fn what_is_forwarded_to_a_reply_address_is_in_the_comment() {
    let house = House::new();
    let text = "FYI\n\n---------- Forwarded message ---------\nFrom: Dora <dora@example.net>\nDate: Mon, 23 Nov 2026\n\
                Subject: Pump\nTo: Ada <ada@example.org>\n\nThe pump leaks.";
    let forward = reply(&house, text).replace("Subject: Re: Tea", "Subject: Fwd: Pump");
    let done = take(&house, &forward);
    assert_eq!((done.state, done.class), (Processed, Class::Reply));
    assert_eq!(house.comments(&first_incident()), [text]);
}

/// Nobody can tell an answer in it from what is quoted, and it is not to be lost.
#[test]
fn an_answer_that_may_stand_inside_of_an_unmarked_quote_is_written_down_whole() {
    for text in [
        "-----Original Message-----\nWhich tea?\nGreen, please.",
        "From: Support <support@example.org>\nSent: Monday, 23 November 2026 10:00\nTo: Ada\nSubject: Tea\n\nWhich tea?\nGreen, please.",
    ] {
        let house = House::new();
        let empty = reply(&house, "").replace("\r\n", "\n");
        let head = empty.trim_end();
        let mail = format!(
            "{head}\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n{text}\n\
             --b\nContent-Type: image/png; name=logo.png\nContent-Disposition: attachment; filename=logo.png\n\nx\n--b--\n"
        );
        let outcome = take(&house, &mail.replace('\n', "\r\n"));
        assert_eq!(outcome.state, Processed, "{outcome:?}");
        assert_eq!(house.comments(&first_incident()), [text]);
    }
}

#[test]
fn lines_that_are_only_quoted_set_nothing() {
    let block = "parse_start\npriority: 1\nparse_end";
    let house = House::with(|text| {
        let lines = "[inbound.reply_comment]\nlines = [\"priority\"]\n";
        text.replace("[inbound.reply_comment]\n", lines)
    });
    let before = house.field(&first_incident(), "priority");
    for quoted in [
        format!(
            "Lowered again.\n\nFrom: Desk <support@example.org>\nSent: Monday, 23 November 2026 10:00\nTo: Ada\nSubject: Tea\n\n{block}"
        ),
        format!("Fine.\n\n-----Original Message-----\n{block}"),
        format!("Fine.\n\nOn 23 Nov 2026, Desk <support@example.org> wrote:\n\n{block}"),
        format!(
            "Fine.\n-- \nAda\n\nVon: Desk <support@example.org>\nGesendet: 23.11.2026 10:00\nAn: Ada\nBetreff: Tea\n\n{block}"
        ),
        format!("Fine.\n\n> {}", block.replace('\n', "\n> ")),
        "Fine.\n\n> parse_start\npriority: 1\n> parse_end".to_owned(),
    ] {
        let done = take(&house, &reply(&house, &quoted));
        assert_eq!(done.state, Processed, "{done:?}");
        assert_eq!(
            house.field(&first_incident(), "priority"),
            before,
            "{quoted}"
        );
    }
    for own in [
        format!("Fine.\n\nRegards,\nAda\n{block}\n\n> Tea?"),
        format!("Fine.\n-- \n{block}"),
        format!("> Tea?\n\n{block}\n"),
    ] {
        let three = fields(json!({"priority": 3}));
        house
            .records
            .update(&first_incident(), &three, "grace")
            .unwrap();
        take(&house, &reply(&house, &own));
        assert_eq!(house.field(&first_incident(), "priority"), 1, "{own}");
    }
}
