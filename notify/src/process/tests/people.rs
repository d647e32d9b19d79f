//! Who is told, and who is not.

use super::*;

#[test]
fn only_a_change_of_the_assignment_tells_again() {
    let house = House::new();
    let key = house.incident(json!({"assigned_to": "ada"}), "");
    house.settle();
    house.update("incident", &key.id, json!({"priority": 2}), &[], "");
    let settlement = house.settle();
    assert_eq!(
        verdicts(&settlement),
        [
            ("incident_assigned", "condition_false"),
            ("incident_commented", "condition_false")
        ]
    );
    assert_eq!(
        settlement.matches[0].detail,
        "`assigned_toCHANGES` is false: assigned_to is \"ada\", was \"ada\""
    );
    house.update(
        "incident",
        &key.id,
        json!({"assigned_to": "grace"}),
        &[],
        "",
    );
    let settlement = house.settle();
    assert_eq!(
        people(&settlement, "incident_assigned"),
        [("grace@example.org", "field assigned_to", "queued")]
    );
    let text = Message::parse(&mails(&settlement)[0].raw)
        .body_text()
        .unwrap();
    assert!(text.contains("and was before to Ada Lovelace."), "{text}");
}

#[test]
fn a_comment_reaches_everybody_but_its_author_once() {
    let house = House::new();
    let values = json!({"assigned_to": "ada", "caller": "grace", "caller_email": "Grace@Example.org", "watch_list": ["ada", "nobody"]});
    let key = house.incident(values, "");
    house.settle();
    house.update(
        "incident",
        &key.id,
        json!({}),
        &[("comments", "Works <now>.")],
        "ada",
    );
    let settlement = house.settle();
    assert_eq!(
        people(&settlement, "incident_commented"),
        [
            ("grace@example.org", "field caller_email", "duplicate"),
            ("ada@example.org", "field assigned_to", "excluded_actor"),
            ("ada@example.org", "field watch_list", "excluded_actor"),
            ("", "field watch_list", "unknown_recipient"),
            ("grace@example.org", "field caller", "queued"),
        ]
    );
    let message = Message::parse(&mails(&settlement)[0].raw);
    assert!(message.body_text().unwrap().contains("\n\nWorks <now>.\n"));
    assert!(
        message
            .body_html()
            .unwrap()
            .contains(">Works &lt;now&gt;.<")
    );
}

#[test]
fn each_of_several_comments_of_one_moment_is_told_as_it_was() {
    let house = House::with(|text| {
        let told = "text = \"${comments:1}\"\ncontent_type = \"text\"";
        text.replace("template = \"incident_commented\"", told)
    });
    let key = house.incident(json!({"assigned_to": "ada"}), "");
    house.settle();
    let comments = [
        ("ok", "grace"),
        ("ok", "eve@example.org"),
        ("so, ok", "eve@example.org"),
    ];
    for (text, who) in comments {
        house.update("incident", &key.id, json!({}), &[("comments", text)], who);
    }
    let told = house.settle_all();
    let told = told.iter().flat_map(mails).map(|mail| {
        let text = Message::parse(&mail.raw).body_text().unwrap();
        let (_, text) = text.split_once("UTC ").unwrap();
        text.split("\n\n").next().unwrap().to_owned()
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            "Grace Hopper\nok",
            "eve@example.org\nok",
            "eve@example.org\nso, ok"
        ]
    );
}

#[test]
fn the_actor_may_also_be_an_address() {
    let house = House::new();
    let key = house.incident(
        json!({"caller_email": "eve@example.net", "assigned_to": "ada"}),
        "",
    );
    house.settle();
    house.update(
        "incident",
        &key.id,
        json!({}),
        &[("comments", "x")],
        "EVE@example.net",
    );
    let settlement = house.settle();
    assert!(people(&settlement, "incident_commented").contains(&(
        "eve@example.net",
        "field caller_email",
        "excluded_actor"
    )));
    house.update(
        "incident",
        &key.id,
        json!({}),
        &[("comments", "x")],
        "ADA@example.org",
    );
    let settlement = house.settle();
    assert!(people(&settlement, "incident_commented").contains(&(
        "ada@example.org",
        "field assigned_to",
        "excluded_actor"
    )));
}

#[test]
fn an_address_field_is_one_address_or_none() {
    for bad in [
        "eve@example.net, mallory@example.net",
        "eve@example.net\r\nBcc: mallory@example.net",
        "Eve <eve@example.net>",
        "nonsense",
    ] {
        let house = House::new();
        house.incident(json!({"contact_type": "email", "caller_email": bad}), "");
        let settlement = house.settle();
        assert_eq!(
            verdicts(&settlement)[1],
            ("incident_received", "no_recipients"),
            "{bad:?}"
        );
        let found = people(&settlement, "incident_received");
        assert_eq!(found[0].2, "invalid_address", "{bad:?}");
        assert!(!found[0].0.contains(['\r', '\n']), "{found:?}");
        assert!(mails(&settlement).is_empty());
    }
}

#[test]
fn people_who_cannot_or_will_not_be_told_are_named_with_the_reason() {
    let cases = [
        (json!({"active": false}), "user_inactive"),
        (json!({"notification": false}), "user_notification_disabled"),
        (json!({"email": null}), "no_address"),
        (json!({"email": "ada at example"}), "invalid_address"),
        (json!({"email": "SUPPORT@example.org"}), "own_address"),
    ];
    for (change, verdict) in cases {
        let house = House::new();
        house.set("user", "ada", change);
        house.incident(json!({"assigned_to": "ada"}), "");
        let settlement = house.settle();
        assert_eq!(
            verdicts(&settlement)[0],
            ("incident_assigned", "no_recipients"),
            "{verdict}"
        );
        assert_eq!(people(&settlement, "incident_assigned")[0].2, verdict);
    }
}

#[test]
fn a_group_is_told_by_its_members_or_by_its_address() {
    let house = House::new();
    let key = house.incident(json!({"short_description": "x"}), "");
    house.settle();
    let told = || {
        house.fire("incident.escalated", Some(key.clone()), "at once");
        let settlement = house.settle();
        let found = people(&settlement, "incident_escalated");
        found
            .into_iter()
            .map(|(a, v, verdict)| format!("{a} {v} {verdict}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        told(),
        [
            "ada@example.org group support queued",
            "grace@example.org group support queued"
        ]
    );
    house.set(
        "group",
        "support",
        json!({"email": "team@example.net", "include_members": false}),
    );
    assert_eq!(
        told(),
        ["team@example.net group support, its address queued"]
    );
    house.set("group", "support", json!({"email": null}));
    assert_eq!(told(), [" group support no_address"]);
    house.set("group", "support", json!({"active": false}));
    assert_eq!(told(), [" group support group_inactive"]);
}

#[test]
fn recipients_are_also_taken_from_the_parameters_of_an_event() {
    let house = House::with(|config| {
        config.replace("groups = [\"support\"]", "parm1 = true\nparm2 = true")
    });
    let key = house.incident(json!({}), "");
    house.settle();
    house.fire(
        "incident.escalated",
        Some(key),
        "grace, support,eve@example.net , ghost, a b@c",
    );
    let settlement = house.settle();
    let mut found = people(&settlement, "incident_escalated");
    found.sort_unstable();
    assert_eq!(
        found,
        [
            ("", "parm1", "unknown_recipient"),
            ("", "parm2", "no_address"),
            ("a b@c", "parm1", "invalid_address"),
            ("ada@example.org", "parm1, group support", "queued"),
            ("eve@example.net", "parm1", "queued"),
            ("grace@example.org", "parm1", "queued"),
            ("grace@example.org", "parm1, group support", "duplicate"),
        ]
    );
}

#[test]
fn who_is_on_the_suppression_list_is_not_told() {
    use crate::suppression::{Reason, Suppression};
    let house = House::new();
    let suppress = |account: &str, until: &str| {
        let suppression = Suppression {
            address: "ADA@example.org".into(),
            account: Some(account.into()),
            reason: Reason::Hard,
            detail: "550 5.1.1 no such user".into(),
            since: Timestamp::UNIX_EPOCH,
            until: Some(until.parse().unwrap()),
            hits: 1,
        };
        house.store.suppress(&suppression).unwrap();
        house.incident(json!({"assigned_to": "ada"}), "");
        let settlement = house.settle();
        let found = &settlement.matches[0].recipients[0];
        (found.verdict, found.detail.clone())
    };
    assert_eq!(suppress("other", "2027-01-01T00:00:00Z").0, "queued");
    assert_eq!(suppress("main", "2026-11-01T00:00:00Z").0, "queued");
    let expected = "hard until 2027-01-01T00:00:00Z: 550 5.1.1 no such user";
    assert_eq!(
        suppress("main", "2027-01-01T00:00:00Z"),
        ("suppressed", expected.to_owned())
    );
}

#[test]
fn a_field_or_group_that_leads_to_nobody_says_why() {
    let house = House::with(|config| {
        let rooms =
            "[table.incident.fields]\nroom = \"reference room\"\nteam = \"reference group\"\n";
        let room = "[table.room.fields]\nname = \"string\"\n\n";
        let config = config.replacen("[table.incident.fields]\n", &format!("{room}{rooms}"), 1);
        let told = "[notification.incident_escalated]\nfields = [\"assigned_to\", \"team\", \"caller_email\"]\n";
        config.replacen("[notification.incident_escalated]\n", told, 1)
    });
    let key = house.incident(json!({"team": "nobodys"}), "");
    house.settle_all();
    house.fire("incident.escalated", Some(key), "");
    let settlement = house.settle();
    let told = &settlement.matches[0].recipients;
    let why = |via: &str| {
        let found = told.iter().find(|r| r.via == via);
        found.map(|r| (r.verdict, r.detail.as_str())).unwrap()
    };
    assert_eq!(
        why("field team"),
        ("unknown_recipient", "there is no group nobodys")
    );
    assert_eq!(
        why("field assigned_to"),
        ("no_address", "assigned_to is empty")
    );
    assert_eq!(
        why("field caller_email"),
        ("no_address", "caller_email is empty")
    );
    house.fire("incident.escalated", None, "");
    let why =
        "`incident.escalated` is about a record of `incident`, and this one is about no record";
    assert_eq!(house.settle().error.as_deref(), Some(why));
}

#[test]
fn an_address_belongs_to_its_active_user() {
    let house = House::with(|config| {
        format!("{config}\n[user.ada2]\nname = \"Ada King\"\nemail = \"ada@example.org\"\n")
    });
    let told = || {
        let caller = json!({"contact_type": "email", "caller_email": "Ada@example.org"});
        house.incident(caller, "");
        let settlement = house.settle();
        let mut rows = settlement.matches.iter().flat_map(|m| &m.recipients);
        let row = rows.find(|row| row.via == "field caller_email").unwrap();
        (row.verdict, row.detail.clone())
    };
    house.set("user", "ada", json!({"active": false}));
    assert_eq!(told(), ("queued", String::new()));
    house.set("user", "ada2", json!({"active": false}));
    let why = "the user ada is not active".to_owned();
    assert_eq!(told(), ("user_inactive", why));
}
