//! Records that are turned into mail.

use super::support::house::House;
use super::{Class, Input};
use postrider_mime::Message;
use postrider_notify::outgoing::{MatchVerdict, OutgoingMail, Settlement};
use serde_json::{Map, Value, json};

pub(super) const CLASSES: &[Class] = &[
    Class {
        id: "notify-tmpl-recursion",
        check: a_value_is_expanded_once,
        own: || template("${b}", "b", "${b} ${b} {{ b }}"),
    },
    Class {
        id: "notify-tmpl-crlf",
        check: a_value_begins_no_header,
        own: || {
            template(
                "Subject: ${short_description}",
                "short_description",
                "a\nTo: evil@example.net\r\n\r\nbody\u{2028}Cc: x@example.net",
            )
        },
    },
    Class {
        id: "notify-recipient-multi",
        check: a_field_of_one_address_is_one_or_none,
        own: || Input {
            octets: b"ada@example.org>, <evil@example.net".to_vec(),
            vars: Vec::new(),
        },
    },
];

fn template(source: &str, name: &str, value: &str) -> Input {
    Input {
        octets: source.into(),
        vars: vec![(name.into(), value.into())],
    }
}

/// The mail of an incident with the variables as fields, to Ada, under a subject made by the template.
fn mail(input: &Input) -> OutgoingMail {
    let source = String::from_utf8(input.octets.clone()).unwrap();
    let house = House::with(|config| {
        let mut config = config.replace(
            "subject = \"${number} is yours: ${short_description}\"",
            &format!("subject = {}", Value::from(source.as_str())),
        );
        for (name, _) in &input.vars {
            if !config.contains(&format!("\n{name} = \"string\"")) {
                let head = "[table.incident.fields]\n";
                config = config.replace(head, &format!("{head}{name} = \"string\"\n"));
            }
        }
        config
    });
    let mut values: Map<String, Value> = input
        .vars
        .iter()
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    values.insert("assigned_to".into(), json!("ada"));
    house.incident(Value::Object(values));
    let mut mails = house.mails();
    assert_eq!(mails.len(), 1);
    mails.remove(0)
}

fn a_value_is_expanded_once(input: &Input) {
    let value = &input.vars[0].1;
    assert_eq!(&mail(input).subject, value, "as it stands, and no further");
}

fn a_value_begins_no_header(input: &Input) {
    let mail = mail(input);
    let message = Message::parse(&mail.raw);
    assert_eq!(message.defects(), []);
    for name in ["Bcc", "Cc"] {
        assert!(message.header(name).is_none(), "{name}");
    }
    let to: Vec<_> = message.headers().filter(|field| field.is("To")).collect();
    assert_eq!(to.len(), 1);
    assert!(to[0].text().contains("ada@example.org"));
    let value = &input.vars[0].1;
    let words: Vec<&str> = value.split_whitespace().collect();
    assert_eq!(mail.subject, format!("Subject: {}", words.join(" ")));
    assert_eq!(message.subject().unwrap(), mail.subject);
}

fn a_field_of_one_address_is_one_or_none(input: &Input) {
    let value = String::from_utf8(input.octets.clone()).unwrap();
    // In a field of the record, and as the address of a user.
    let house = House::new();
    house.incident(json!({"caller_email": value, "contact_type": "email"}));
    refused(&house.settle(), "incident_received", &value);

    let house = House::new();
    let address = super::support::house::fields(json!({"email": value}));
    let ada = postrider_notify::record::RecordKey::new("user", "ada");
    house.records.update(&ada, &address, "").unwrap();
    house.settle();
    house.incident(json!({"assigned_to": "ada"}));
    refused(&house.settle(), "incident_assigned", &value);
}

/// The notification told nobody, and says why.
fn refused(settled: &[Settlement], notification: &str, address: &str) {
    let mut matches = settled.iter().flat_map(|s| &s.matches);
    let found = matches.find(|m| m.notification == notification).unwrap();
    assert_eq!(found.verdict, MatchVerdict::NoRecipients);
    assert!(found.mails.is_empty());
    let verdicts: Vec<_> = found
        .recipients
        .iter()
        .map(|r| (r.address.as_str(), r.verdict))
        .collect();
    assert!(
        verdicts.contains(&(address, "invalid_address")),
        "{verdicts:?}"
    );
}
