//! Variants by locale: the nearest one is taken, and nobody is left out for want of one.

use super::*;

const SUBJECT: &str = "subject = \"${number} is yours: ${short_description}\"";

/// Ada's mail, and what its verdict says, in a house with German and Austrian files.
fn told(locale: &str) -> (String, String, String) {
    let files = [
        (
            "incident_assigned.de.html",
            "<p>Ihnen zugewiesen: ${number}, ${created|local('%d.%m.%Y %H:%M %Z')}</p>",
        ),
        (
            "incident_assigned.de-AT.txt",
            "Servus ${recipient.name}, ${number} gehört dir.",
        ),
    ];
    let house = House::with_templates(&files, |config| {
        let german = format!("{SUBJECT}\nlocale.de.subject = \"${{number}} gehört Ihnen\"");
        config.replace(SUBJECT, &german)
    });
    house.set(
        "user",
        "ada",
        json!({"locale": locale, "time_zone": "Europe/Vienna"}),
    );
    house.incident(
        json!({"short_description": "Tea", "assigned_to": "ada"}),
        "",
    );
    let settlement = house.settle();
    let found = &settlement.matches[0].recipients[0];
    assert_eq!(
        (found.address.as_str(), found.verdict),
        ("ada@example.org", "queued")
    );
    let message = Message::parse(&mails(&settlement)[0].raw);
    let text = message.body_text().unwrap();
    (
        message.subject().unwrap().into_owned(),
        text,
        found.detail.clone(),
    )
}

#[test]
fn rfc4647_3_4_the_nearest_variant_is_taken_and_named() {
    let (subject, text, detail) = told("de-DE");
    assert_eq!(subject, "INC0010001 gehört Ihnen");
    assert!(text.starts_with("Ihnen zugewiesen: INC0010001, "), "{text}");
    assert!(text.contains(" CE"), "in the recipient's zone: {text}");
    assert_eq!(detail, "locale de-DE: in de");

    let (subject, text, detail) = told("de_at.UTF-8");
    assert_eq!(subject, "INC0010001 gehört Ihnen");
    assert!(
        text.starts_with("Servus Ada Lovelace, INC0010001 gehört dir."),
        "{text}"
    );
    assert_eq!(detail, "locale de_at.UTF-8: subject in de, body in de-AT");
}

// GLPI: whoever had another locale than the notification was dropped without a word.
#[test]
fn a_locale_without_a_variant_gets_the_default() {
    for (locale, said) in [
        ("fr", "locale fr: the default"),
        ("den", "locale den: the default"),
        ("", "a recipient without a locale: the default"),
    ] {
        let (subject, text, detail) = told(locale);
        assert_eq!(subject, "INC0010001 is yours: Tea", "{locale}");
        assert!(text.starts_with("Hello Ada Lovelace,"), "{text}");
        assert_eq!(detail, said);
    }
}

#[test]
fn a_variant_written_in_place_serves_as_well() {
    let house = House::with(|config| {
        let places = "html = \"<p>Escalated</p>\"\n[notification.incident_escalated.locale.fr]\nhtml = \"<p>Urgent&nbsp;: ${number}</p>\"";
        config.replace("template = \"incident_escalated\"", places)
    });
    house.set("user", "grace", json!({"locale": "fr-CA"}));
    let key = house.incident(json!({"short_description": "Tea"}), "");
    house.settle();
    house.fire("incident.escalated", Some(key), "");
    let settlement = house.settle();
    let html = |n: usize| {
        let message = Message::parse(&mails(&settlement)[n].raw);
        message.body_html().unwrap()
    };
    assert!(html(0).contains("Escalated"), "{}", html(0));
    assert!(html(1).contains("Urgent&nbsp;: INC0010001"), "{}", html(1));
}
