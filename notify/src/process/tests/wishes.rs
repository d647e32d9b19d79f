//! What people have said about being told.

use super::*;
use crate::record::NewId;
use jiff::ToSpan;

/// Where the example tells its group, with more keys for that notification.
fn house(keys: &str) -> House {
    House::with(|config| {
        config.replace(
            "groups = [\"support\"]",
            &format!("groups = [\"support\"]\n{keys}"),
        )
    })
}

impl House {
    fn add(&self, table: &str, id: &str, values: Value) {
        let change = Change::Insert {
            table: table.into(),
            id: NewId::Given(id.into()),
            fields: fields(values),
            journal: Vec::new(),
            actor: String::new(),
        };
        self.store
            .commit(&Work {
                changes: vec![change],
                ..Work::default()
            })
            .unwrap();
        self.settle_all();
    }

    /// Escalates a new incident: the addresses with their verdicts.
    fn escalate(&self) -> Vec<String> {
        let key = self.incident(json!({"short_description": "x", "priority": 3}), "");
        self.settle_all();
        self.fire("incident.escalated", Some(key), "");
        let settlement = self.settle();
        let found = &settlement.matches[0].recipients;
        let words = found
            .iter()
            .map(|r| format!("{} {} {}", r.address, r.via, r.verdict));
        let mut words: Vec<String> = words.collect();
        words.sort_unstable();
        words
    }
}

fn off(who: &str) -> Value {
    json!({"user": who, "notification": "incident_escalated", "active": false})
}

#[test]
fn who_has_switched_a_notification_off_is_not_told() {
    let house = house("");
    house.add(
        "notification_preference",
        "ada.incident_escalated",
        off("ada"),
    );
    assert_eq!(
        house.escalate(),
        [
            "ada@example.org group support opted_out",
            "grace@example.org group support queued"
        ]
    );
    // Other notifications are another matter.
    house.incident(json!({"assigned_to": "ada"}), "");
    assert_eq!(people(&house.settle(), "incident_assigned")[0].2, "queued");
    house.set(
        "notification_preference",
        "ada.incident_escalated",
        json!({"active": true}),
    );
    assert_eq!(house.escalate()[0], "ada@example.org group support queued");
}

#[test]
fn an_address_without_a_user_can_opt_out_too() {
    let house = House::new();
    let preference =
        json!({"address": "eve@example.net", "notification": "incident_received", "active": false});
    house.add("notification_preference", "x", preference);
    house.incident(
        json!({"contact_type": "email", "caller_email": "Eve@example.net"}),
        "",
    );
    let settlement = house.settle();
    assert_eq!(
        people(&settlement, "incident_received")[0],
        ("Eve@example.net", "field caller_email", "opted_out")
    );
}

#[test]
fn mandatory_asks_for_no_preference_and_forced_for_nothing_at_all() {
    for (keys, switched_off, all_off) in [
        ("", "opted_out", "user_notification_disabled"),
        ("mandatory = true", "queued", "user_notification_disabled"),
        ("force_delivery = true", "queued", "queued"),
    ] {
        let house = house(keys);
        house.add(
            "notification_preference",
            "ada.incident_escalated",
            off("ada"),
        );
        house.set("user", "grace", json!({"notification": false}));
        assert_eq!(
            house.escalate(),
            [
                format!("ada@example.org group support {switched_off}"),
                format!("grace@example.org group support {all_off}")
            ],
            "{keys}"
        );
    }
}

#[test]
fn subscribers_are_told_if_their_condition_holds() {
    let house = House::with(|config| {
        let config = config.replace("groups = [\"support\"]", "subscribers = true");
        format!("{config}\n[user.carol]\nname = \"Carol\"\nemail = \"carol@example.org\"\n")
    });
    let subscription = |user: &str, condition: &str, active: bool| {
        house.add(
            "notification_subscription",
            &format!("{user}.s"),
            json!({"user": user, "notification": "incident_escalated", "condition": condition, "active": active}),
        );
    };
    subscription("ada", "priority<=3", true);
    subscription("grace", "priority<=2", true);
    subscription("carol", "", false);
    assert_eq!(
        house.escalate(),
        [
            " subscription grace.s subscription_condition",
            "ada@example.org subscription ada.s queued"
        ]
    );
    house.set(
        "notification_subscription",
        "grace.s",
        json!({"condition": "nonsense=1"}),
    );
    assert_eq!(
        house.escalate()[0],
        " subscription grace.s subscription_condition"
    );
}

#[test]
fn a_mail_goes_to_every_device_that_takes_it() {
    let house = house("");
    let device = |id: &str, name: &str, more: Value| {
        let mut all =
            fields(json!({"user": "ada", "name": name, "email": format!("{name}@example.net")}));
        all.extend(fields(more));
        house.add("notification_device", id, Value::Object(all));
    };
    device("1", "tablet", json!({}));
    device(
        "2",
        "pager",
        json!({"notifications": "incident_assigned, other"}),
    );
    device("3", "old", json!({"active": false}));
    house.set("user", "grace", json!({"active": false}));
    assert_eq!(
        house.escalate(),
        [
            "ada@example.org group support queued",
            "grace@example.org group support user_inactive",
            "old@example.net group support, device old device_inactive",
            "pager@example.net group support, device pager device_filter",
            "tablet@example.net group support, device tablet queued",
        ]
    );
    // A primary device takes the place of the user's own address.
    house.set("notification_device", "1", json!({"primary": true}));
    assert!(!house.escalate().iter().any(|line| line.starts_with("ada@")));
}

#[test]
fn a_delegate_is_told_while_they_stand_in() {
    let delegate = json!({"user": "ada", "delegate": "grace", "starts": "2026-11-01T00:00:00Z", "ends": "2026-12-01T00:00:00Z"});
    let told = |keys: &str, change: Value| {
        let house = House::with(|config| {
            config.replace(
                "groups = [\"support\"]",
                &format!("users = [\"ada\"]\n{keys}"),
            )
        });
        house.add("user_delegate", "ada.grace", delegate.clone());
        house.set("user_delegate", "ada.grace", change);
        house.escalate()
    };
    let both = [
        "ada@example.org user ada queued",
        "grace@example.org user ada, delegate of ada queued",
    ];
    assert_eq!(told("", json!({})), both);
    let alone = &both[..1];
    assert_eq!(told("", json!({"ends": "2026-11-23T12:00:00Z"})), alone);
    assert_eq!(told("", json!({"starts": "2026-11-24T00:00:00Z"})), alone);
    assert_eq!(told("", json!({"notifications": false})), alone);
    assert_eq!(told("exclude_delegates = true", json!({})), alone);
}

#[test]
fn in_quiet_hours_a_mail_is_held_until_the_schedule_opens() {
    let office = json!({"name": "Office", "days": "mon-fri", "hours": "13:00-17:00"});
    let house = house("");
    house.add("schedule", "office", office);
    house.set(
        "user",
        "ada",
        json!({"schedule": "office", "time_zone": "Europe/Vienna"}),
    );
    // 12:00 in UTC is 13:00 in Vienna: open for Ada, closed for Grace.
    house.set("user", "grace", json!({"schedule": "office"}));
    assert_eq!(
        house.escalate(),
        [
            "ada@example.org group support queued",
            "grace@example.org group support quiet_hours"
        ]
    );
    let log = house.store.log(&crate::store::LogFilter {
        recipient: Some("grace@example.org".into()),
        limit: 1,
        ..Default::default()
    });
    let row = log.unwrap().remove(0);
    let opens: Timestamp = "2026-11-23T13:00:00Z".parse().unwrap();
    assert_eq!((row.state.name(), row.next_at), ("held", Some(opens)));
    // It is not due before, and due then; no clock that stands still lets it go, nor is it lost.
    let lease = std::time::Duration::from_secs(60);
    let claim = |at: Timestamp| {
        let claimed = house.store.claim(&["main"], "w", at, lease, 100).unwrap();
        claimed
            .iter()
            .filter(|c| c.mail.recipient.starts_with("grace"))
            .count()
    };
    assert_eq!(claim(NOW.parse().unwrap()), 0);
    assert_eq!(claim("2026-11-23T12:59:59Z".parse().unwrap()), 0);
    assert_eq!(claim(opens), 1);
}

#[test]
fn quiet_hours_are_explained_and_forced_delivery_breaks_them() {
    let office = json!({"days": "sat"});
    for (keys, verdict) in [
        ("", "quiet_hours"),
        ("mandatory = true", "quiet_hours"),
        ("force_delivery = true", "queued"),
    ] {
        let house = house(keys);
        house.add("schedule", "office", office.clone());
        house.set("user", "ada", json!({"schedule": "office"}));
        assert_eq!(
            house.escalate()[0],
            format!("ada@example.org group support {verdict}")
        );
    }
    let house = self::house("schedule = \"office\"");
    house.add("schedule", "office", office);
    let key = house.incident(json!({}), "");
    house.settle_all();
    house.fire("incident.escalated", Some(key), "");
    let settlement = house.settle();
    let explanation = house.store.explain(settlement.event).unwrap().unwrap();
    let text = crate::explain::text(&explanation);
    let line = "ada@example.org  group support  quiet_hours  held until 2026-11-28T00:00:00Z: schedule office of the notification";
    assert!(text.contains(line), "{text}");
    assert!(text.contains("  held"), "{text}");
}

#[test]
fn the_manager_of_a_group_is_told_if_the_group_says_so() {
    let house = house("");
    house.set(
        "group",
        "support",
        json!({"include_members": false, "manager": "grace", "include_manager": true}),
    );
    assert_eq!(
        house.escalate(),
        ["grace@example.org group support, its manager queued"]
    );
    house.set("group", "support", json!({"include_manager": false}));
    assert_eq!(house.escalate(), [" group support no_address"]);
}

#[test]
fn the_schedule_of_a_notification_holds_mail_to_addresses_as_well() {
    let opens: Timestamp = "2026-11-23T13:00:00Z".parse().unwrap();
    for keys in ["", "force_delivery = true"] {
        let house = House::with(|config| {
            let told = "users = [\"ada\", \"eve@example.net\"]\nschedule = \"office\"";
            config.replace("groups = [\"support\"]", &format!("{told}\n{keys}"))
        });
        house.add("schedule", "office", json!({"hours": "13:00-17:00"}));
        // 12:00 in UTC is 13:00 in Vienna; where Eve is, nobody knows.
        house.set("user", "ada", json!({"time_zone": "Europe/Vienna"}));
        assert_eq!(
            house.escalate(),
            [
                "ada@example.org user ada queued",
                "eve@example.net user eve@example.net quiet_hours"
            ],
            "{keys}"
        );
        let log = house.store.log(&crate::store::LogFilter {
            recipient: Some("eve@example.net".into()),
            limit: 1,
            ..Default::default()
        });
        let row = log.unwrap().remove(0);
        assert_eq!((row.state.name(), row.next_at), ("held", Some(opens)));

        // Every Monday of more than a year is a holiday.
        let monday: jiff::civil::Date = "2026-11-23".parse().unwrap();
        let mondays = (0..60).map(|week: i32| monday.checked_add((7 * week).days()).unwrap());
        let mondays: Vec<String> = mondays.map(|day| day.to_string()).collect();
        let never = json!({"days": "mon", "holidays": mondays.join(", ")});
        house.set("schedule", "office", never);
        assert_eq!(
            house.escalate(),
            [
                "ada@example.org user ada device_schedule",
                "eve@example.net user eve@example.net device_schedule"
            ],
            "{keys}"
        );
    }
}

#[test]
fn what_is_said_of_an_address_holds_for_the_device_that_has_it() {
    for (keys, off, digest) in [
        ("", "opted_out", "digest"),
        ("mandatory = true", "queued", "digest"),
        ("force_delivery = true", "queued", "queued"),
    ] {
        let house = House::with(|config| {
            let told = format!("users = [\"ada\"]\n{keys}");
            let config = config.replace("groups = [\"support\"]", &told);
            format!("{config}\n[notification.incident_escalated.digest]\n")
        });
        let tablet = json!({"user": "ada", "name": "tablet", "email": "Tablet@example.net"});
        house.add("notification_device", "1", tablet);
        let (table, id) = (
            "notification_preference",
            "tablet@example.net.incident_escalated",
        );
        let said = json!({"address": "tablet@example.net", "notification": "incident_escalated", "active": false});
        house.add(table, id, said);
        let told = |verdict: &str| {
            let tablet = format!("Tablet@example.net user ada, device tablet {verdict}");
            [tablet, "ada@example.org user ada queued".to_owned()]
        };
        assert_eq!(house.escalate(), told(off), "{keys}");
        house.set(table, id, json!({"active": true, "digest": "on"}));
        assert_eq!(house.escalate(), told(digest), "{keys}");
    }
}
