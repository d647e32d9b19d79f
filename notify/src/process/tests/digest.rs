//! Digests: parts are kept until they are due, and are told once, by one mail, to whoever still wants them.

use super::*;
use crate::email_digest::DueDigest;
use crate::outgoing::DeliveryState;
use crate::store::LogFilter;

/// The example with digests of an hour for comments, `more` in their section.
fn house(more: &str) -> House {
    house_of(more, "")
}

/// And with more sections behind all others.
fn house_of(more: &str, sections: &str) -> House {
    House::with(|config| {
        let section = "[notification.incident_commented.digest]\n";
        let (head, rest) = config.split_once(section).unwrap();
        let (_, tail) = rest.split_once("\n\n").unwrap();
        format!("{head}{section}{more}\n\n{tail}{sections}")
    })
}

fn after(hours: i64) -> Timestamp {
    NOW.parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hours)
}

impl House {
    fn wish(&self, user: &str, digest: &str) {
        let fields = json!({"user": user, "notification": "incident_commented", "digest": digest});
        let change = Change::Insert {
            table: "notification_preference".into(),
            id: NewId::Given(format!("{user}.incident_commented")),
            fields: fields_of(fields),
            journal: Vec::new(),
            actor: String::new(),
        };
        let work = Work {
            changes: vec![change],
            ..Work::default()
        };
        self.store.commit(&work).unwrap();
        self.settle_all();
    }

    fn comment_on(&self, key: &RecordKey, text: &str) -> Settlement {
        self.update("incident", &key.id, json!({}), &[("comments", text)], "");
        self.settle()
    }

    fn due(&self, hours: i64) -> Vec<DueDigest> {
        self.store.due_digests(after(hours), 100).unwrap()
    }

    /// Ends the digests that are due; gives how many.
    fn end(&self, hours: i64) -> usize {
        let processor =
            Processor::new(self.config.clone(), self.store.clone(), self.signer.clone());
        let due = self.due(hours);
        let ended: Vec<_> = due
            .iter()
            .map(|digest| processor.digest(digest, after(hours)).unwrap())
            .collect();
        self.store.end_digests(&ended).unwrap()
    }

    /// Every mail of the log with its text.
    fn sent(&self) -> Vec<(String, String, DeliveryState)> {
        let rows = self
            .store
            .log(&LogFilter {
                limit: 100,
                ..LogFilter::default()
            })
            .unwrap();
        let text = |id| {
            let raw = self.store.raw_message(id).unwrap().unwrap();
            Message::parse(&raw).body_text().unwrap().to_owned()
        };
        let rows = rows.into_iter().rev();
        rows.map(|row| (row.mail.subject.clone(), text(row.delivery), row.state))
            .collect()
    }

    /// The verdict on Ada, as it is stored, of the notification about comments.
    fn said(&self, settlement: &Settlement) -> (String, String) {
        let stored = self.store.explain(settlement.event).unwrap().unwrap();
        let matches = stored.settlement.unwrap().matches;
        let found = matches
            .iter()
            .find(|m| m.notification == "incident_commented")
            .unwrap();
        let ada = found
            .recipients
            .iter()
            .find(|r| r.address == "ada@example.org")
            .unwrap();
        (ada.verdict.to_owned(), ada.detail.clone())
    }
}

fn fields_of(value: Value) -> Fields {
    fields(value)
}

fn incident(house: &House, title: &str) -> RecordKey {
    let key = house.incident(
        json!({"short_description": title, "watch_list": ["ada"]}),
        "",
    );
    house.settle();
    key
}

#[test]
fn parts_are_kept_until_an_hour_after_the_first_and_told_by_one_mail() {
    let house = house("default = true");
    let (tea, milk) = (incident(&house, "Tea"), incident(&house, "Milk"));
    let first = house.comment_on(&tea, "One lump");
    let second = house.comment_on(&milk, "No milk");
    assert_eq!(
        house.said(&first),
        ("digest".into(), "due 2026-11-23T13:00:00Z".into())
    );
    assert_eq!(
        house.said(&second),
        house.said(&first),
        "the clock starts at the first"
    );
    assert!(house.sent().is_empty() && house.due(0).is_empty());

    assert_eq!(house.end(1), 1);
    let sent = house.sent();
    assert_eq!(sent.len(), 1);
    let (subject, text, state) = &sent[0];
    assert_eq!(subject, "INC0010002: Milk (+1)");
    assert_eq!(*state, DeliveryState::Ready);
    let place = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what}: {text}"));
    assert!(
        place("One lump") < place(&"-".repeat(70)) && place(&"-".repeat(70)) < place("No milk")
    );

    // Each of the events knows its mail.
    for settlement in [&first, &second] {
        let stored = house.store.explain(settlement.event).unwrap().unwrap();
        let id = &stored.deliveries[0].mail.message_id;
        let told = format!("told in a digest of 2: {id}");
        assert_eq!(house.said(settlement), ("digest".into(), told));
        let text = crate::explain::text(&stored);
        assert!(text.contains(&format!("{id}  ready")), "{text}");
    }
    // What was told is told once.
    assert_eq!((house.end(100), house.sent().len()), (0, 1));
    house.comment_on(&tea, "Two lumps");
    assert_eq!((house.end(100), house.sent().len()), (1, 2));
}

#[test]
fn a_person_chooses_digests_another_time_or_none() {
    let chosen = |default: &str, wish: &str| {
        let house = house(default);
        if !wish.is_empty() {
            house.wish("ada", wish);
        }
        let settlement = house.comment_on(&incident(&house, "Tea"), "x");
        house.said(&settlement)
    };
    let due = |at: &str| ("digest".to_owned(), format!("due {at}"));
    let queued = ("queued".to_owned(), String::new());
    assert_eq!(chosen("", ""), queued);
    assert_eq!(chosen("", "on"), due("2026-11-23T13:00:00Z"));
    assert_eq!(
        chosen("interval = \"2h\"", "on"),
        due("2026-11-23T14:00:00Z")
    );
    assert_eq!(chosen("", "7d"), due("2026-11-30T12:00:00Z"));
    assert_eq!(chosen("default = true", "4h"), due("2026-11-23T16:00:00Z"));
    assert_eq!(chosen("default = true", "off"), queued);
    // What nobody can read is as if nothing had been said.
    assert_eq!(chosen("", "daily"), queued);
}

#[test]
fn who_leaves_or_is_suppressed_before_it_is_due_is_not_told() {
    let leaves = |leave: &dyn Fn(&House)| {
        let house = house("default = true");
        let settlement = house.comment_on(&incident(&house, "Tea"), "x");
        leave(&house);
        assert_eq!((house.end(1), house.sent().len()), (1, 0));
        house.said(&settlement)
    };
    let (verdict, detail) = leaves(&|house| house.set("user", "ada", json!({"active": false})));
    assert_eq!(verdict, "user_inactive");
    assert_eq!(
        detail,
        "when the digest was due: the user ada is not active"
    );
    let (verdict, _) = leaves(&|house| {
        let fields = json!({"user": "ada", "notification": "incident_commented", "active": false});
        let change = Change::Insert {
            table: "notification_preference".into(),
            id: NewId::Given("ada.incident_commented".into()),
            fields: fields_of(fields),
            journal: Vec::new(),
            actor: String::new(),
        };
        house
            .store
            .commit(&Work {
                changes: vec![change],
                ..Work::default()
            })
            .unwrap();
    });
    assert_eq!(verdict, "opted_out");
    let (verdict, _) = leaves(&|house| {
        let suppression = crate::suppression::Suppression {
            address: "ada@example.org".into(),
            account: None,
            reason: crate::suppression::Reason::Manual,
            detail: "left".into(),
            since: NOW.parse().unwrap(),
            until: None,
            hits: 1,
        };
        house.store.suppress(&suppression).unwrap();
    });
    assert_eq!(verdict, "suppressed");
}

#[test]
fn in_quiet_hours_the_digest_is_held_and_whoever_moved_gets_it_there() {
    let house = house("default = true");
    let hours = json!({"name": "Night", "hours": "18:00-20:00"});
    let change = Change::Insert {
        table: "schedule".into(),
        id: NewId::Given("night".into()),
        fields: fields_of(hours),
        journal: Vec::new(),
        actor: String::new(),
    };
    house
        .store
        .commit(&Work {
            changes: vec![change],
            ..Work::default()
        })
        .unwrap();
    house.settle_all();
    house.comment_on(&incident(&house, "Tea"), "x");
    house.set(
        "user",
        "ada",
        json!({"schedule": "night", "email": "ada@example.com"}),
    );
    assert_eq!(house.end(1), 1);
    let row = house
        .store
        .log(&LogFilter {
            limit: 9,
            ..LogFilter::default()
        })
        .unwrap()
        .remove(0);
    assert_eq!(
        (row.state, row.mail.recipient.as_str()),
        (DeliveryState::Held, "ada@example.com")
    );
    assert_eq!(row.next_at, Some(after(6)));
}

#[test]
fn a_single_digest_is_about_one_record_and_has_its_own_words() {
    let more = "default = true\ntype = \"single\"\nsubject = \"${count} on ${number}\"\nhtml = \"<b>${short_description}</b>${digest}\"\nseparator_html = \"<hr class=x>\"";
    let house = house(more);
    let (tea, milk) = (incident(&house, "Tea & co"), incident(&house, "Milk"));
    for text in ["a<b", "c"] {
        house.comment_on(&tea, text);
    }
    house.comment_on(&milk, "d");
    assert_eq!(house.due(1).len(), 2);
    assert_eq!(house.end(1), 2);
    let rows = house
        .store
        .log(&LogFilter {
            limit: 9,
            ..LogFilter::default()
        })
        .unwrap();
    assert_eq!(
        (rows[1].mail.subject.as_str(), rows[0].mail.subject.as_str()),
        ("2 on INC0010001", "1 on INC0010002")
    );
    assert_eq!(rows[1].mail.record, Some(tea));
    let raw = house.store.raw_message(rows[1].delivery).unwrap().unwrap();
    let html = Message::parse(&raw).body_html().unwrap().to_owned();
    assert!(
        html.starts_with("<b>Tea &amp; co</b><h3>INC0010001: Tea &amp; co</h3>"),
        "{html}"
    );
    assert_eq!(html.matches("<hr class=x>").count(), 1);
    assert!(
        html.contains("a&lt;b") && !html.contains("&amp;lt;"),
        "escaped once: {html}"
    );
    assert!(
        !html.contains("<html"),
        "no document inside a document: {html}"
    );
}

#[test]
fn a_digest_that_grew_meanwhile_is_made_again_and_retention_waits_for_it() {
    let house = house("default = true");
    let tea = incident(&house, "Tea");
    let first = house.comment_on(&tea, "one");
    let processor = Processor::new(
        house.config.clone(),
        house.store.clone(),
        house.signer.clone(),
    );
    let early = processor.digest(&house.due(1)[0], after(1)).unwrap();
    house.comment_on(&tea, "two");
    assert_eq!(
        house
            .store
            .end_digests(std::slice::from_ref(&early))
            .unwrap(),
        0
    );
    house.store.trim(Timestamp::MAX).unwrap();
    assert!(
        house.store.explain(first.event).unwrap().is_some(),
        "its part waits"
    );
    assert_eq!(house.end(1), 1);
    let (_, text, _) = house.sent().remove(0);
    assert!(text.contains("one") && text.contains("two"), "{text}");
    // Ended once, whoever else made it as well.
    assert_eq!(house.store.end_digests(&[early]).unwrap(), 0);
}

#[test]
fn what_one_mail_cannot_hold_is_told_by_several_and_no_part_is_lost() {
    let house = house_of("default = true", "\n[outgoing]\nmax_body = 4000\n");
    let key = incident(&house, "Tea");
    let text = |n: usize| format!("part {n} {}", "x".repeat(1_200));
    let told: Vec<Settlement> = (1..=7).map(|n| house.comment_on(&key, &text(n))).collect();
    let rounds = std::iter::from_fn(|| Some(house.end(1)).filter(|ended| *ended > 0)).count();
    let sent = house.sent();
    assert!(
        rounds > 1 && sent.len() == rounds,
        "{rounds} {}",
        sent.len()
    );
    for n in 1..=7 {
        let mails = sent
            .iter()
            .filter(|(_, text, _)| text.contains(&format!("part {n} ")));
        assert_eq!(mails.count(), 1, "part {n}");
    }
    for settlement in &told {
        let (verdict, detail) = house.said(settlement);
        assert!(
            verdict == "digest" && detail.starts_with("told in a digest of "),
            "{detail}"
        );
        assert_eq!(
            house
                .store
                .explain(settlement.event)
                .unwrap()
                .unwrap()
                .deliveries
                .len(),
            1
        );
    }
}

#[test]
fn a_part_that_no_mail_can_hold_takes_no_other_with_it() {
    let house = house_of("default = true", "\n[outgoing]\nmax_body = 4000\n");
    let key = incident(&house, "Tea");
    // Alone it would just fit; a digest puts its subject in front.
    let small = house.comment_on(&key, "a");
    let overhead = house.due(1)[0].parts[0].text.len();
    let large = house.comment_on(&key, &"x".repeat(4000 - overhead));
    let last = house.comment_on(&key, "b");
    while house.end(1) > 0 {}
    assert_eq!(house.said(&small).0, "digest");
    let (verdict, why) = house.said(&large);
    assert_eq!(verdict, "render_error", "{why}");
    assert!(why.contains("`max_body` = 4000"), "{why}");
    assert_eq!(house.said(&last).0, "digest");
    assert!(house.due(100).is_empty());
}

#[test]
fn where_the_frame_is_at_fault_all_parts_end_at_once() {
    let house = house("default = true\ntext = \"${1 // 0}\"");
    let key = incident(&house, "Tea");
    let told: Vec<Settlement> = ["a", "b", "c"]
        .map(|text| house.comment_on(&key, text))
        .into();
    assert_eq!(house.end(1), 1);
    assert!(house.due(100).is_empty() && house.sent().is_empty());
    for settlement in &told {
        assert_eq!(house.said(settlement).0, "render_error");
    }
}

#[test]
fn a_clock_that_was_set_back_holds_no_digest_for_ever() {
    let house = house("default = true");
    house.comment_on(&incident(&house, "Tea"), "x");
    assert!(house.due(-24).is_empty());
    assert_eq!(house.due(-24 * 365).len(), 1);
}

#[test]
fn a_digest_that_the_configuration_has_no_way_for_any_more_ends_with_the_reason() {
    type Change = fn(&mut Config);
    let changes: [(Change, &str, &str); 5] = [
        (
            |config| {
                config
                    .notifications
                    .retain(|n| n.name != "incident_commented")
            },
            "error",
            "when the digest was due, there was no [notification.incident_commented] any more",
        ),
        (
            |config| {
                config
                    .notifications
                    .iter_mut()
                    .for_each(|n| n.active = false)
            },
            "error",
            "when the digest was due, the notification was switched off",
        ),
        (
            |config| config.smtp.clear(),
            "error",
            "there is no account to go out by",
        ),
        (
            |config| config.outgoing.deny_domains.push("example.org".into()),
            "denied_domain",
            "example.org",
        ),
        (
            |config| config.outgoing.max_message = 100,
            "render_error",
            "`max_message`",
        ),
    ];
    for (change, verdict, detail) in changes {
        let house = house("default = true");
        let settlement = house.comment_on(&incident(&house, "Tea"), "x");
        let mut config = (*house.config).clone();
        change(&mut config);
        let processor = Processor::new(Arc::new(config), house.store.clone(), house.signer.clone());
        let ended = processor.digest(&house.due(1)[0], after(1)).unwrap();
        assert!(ended.mail.is_none());
        assert_eq!(house.store.end_digests(&[ended]).unwrap(), 1);
        let (told, why) = house.said(&settlement);
        assert_eq!(told, verdict);
        assert!(why.contains(detail), "{why}");
    }
}

#[test]
fn a_digest_to_an_address_waits_for_the_schedule_of_its_notification() {
    let house = House::with(|config| {
        let section = "[notification.incident_commented.digest]\n";
        let config = config.replace(section, &format!("{section}default = true\n"));
        let template = "template = \"incident_commented\"";
        let config = config.replace(template, &format!("{template}\nschedule = \"night\""));
        format!("{config}\n[schedule.night]\nhours = \"18:00-20:00\"\n")
    });
    let key = house.incident(json!({"caller_email": "eve@example.net"}), "");
    house.settle();
    house.comment_on(&key, "x");
    assert_eq!(house.end(1), 1);
    let filter = LogFilter {
        limit: 9,
        ..LogFilter::default()
    };
    let row = house.store.log(&filter).unwrap().remove(0);
    assert_eq!(
        (row.state, row.mail.recipient.as_str(), row.next_at),
        (DeliveryState::Held, "eve@example.net", Some(after(6)))
    );
}

#[test]
fn who_leaves_by_the_mail_of_a_device_gets_no_digest_there() {
    let house = house("default = true");
    let add = |table: &str, id: &str, values: Value| {
        let change = Change::Insert {
            table: table.into(),
            id: NewId::Given(id.into()),
            fields: fields(values),
            journal: Vec::new(),
            actor: String::new(),
        };
        let work = Work {
            changes: vec![change],
            ..Work::default()
        };
        house.store.commit(&work).unwrap();
        house.settle_all();
    };
    let tablet = json!({"user": "ada", "name": "tablet", "email": "tablet@example.net"});
    add("notification_device", "1", tablet);
    house.comment_on(&incident(&house, "Tea"), "x");
    let off = json!({"address": "tablet@example.net", "notification": "incident_commented", "active": false});
    let id = "tablet@example.net.incident_commented";
    add("notification_preference", id, off);
    let rows = || {
        let filter = LogFilter {
            limit: 9,
            ..LogFilter::default()
        };
        house.store.log(&filter).unwrap()
    };
    assert_eq!((house.end(1), rows().len()), (2, 1));
    assert_eq!(rows()[0].mail.recipient, "ada@example.org");
}

#[test]
fn a_digest_is_of_one_person_also_where_two_share_an_address() {
    let house = house("default = true");
    for person in ["ada", "grace"] {
        house.set("user", person, json!({"email": "team@example.org"}));
    }
    for (person, text) in [("ada", "One lump"), ("grace", "No milk")] {
        let values = json!({"short_description": "Tea", "watch_list": [person]});
        let key = house.incident(values, "");
        house.settle();
        house.comment_on(&key, text);
    }
    assert_eq!(house.due(1).len(), 2);
    let fields = json!({"user": "ada", "notification": "incident_commented", "active": false});
    let left = Change::Insert {
        table: "notification_preference".into(),
        id: NewId::Given("ada.incident_commented".into()),
        fields: fields_of(fields),
        journal: Vec::new(),
        actor: String::new(),
    };
    let work = Work {
        changes: vec![left],
        ..Work::default()
    };
    house.store.commit(&work).unwrap();
    assert_eq!(house.end(1), 2);
    let sent = house.sent();
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert!(sent[0].1.contains("No milk"), "{sent:?}");
    assert!(!sent[0].1.contains("One lump"), "{sent:?}");
}
