//! `[incoming]`: how mail is taken.

use super::document::{At, Document, Section, choice};
use super::value::duration;
use crate::address::is_domain;
use crate::inbound::policy::{Bounces, Policy, Strangers, Treatment};
use std::collections::BTreeMap;
use std::time::Duration;

const TREATMENTS: [(&str, Treatment); 3] = [
    ("accept", Treatment::Accept),
    ("hold", Treatment::Hold),
    ("ignore", Treatment::Ignore),
];

pub(super) fn read(top: &Section<'_>) -> Policy {
    let usual = Policy::default();
    let Some(section) = top.section("incoming") else {
        return usual;
    };
    let document = section.document;
    let treatment = |key, usual| {
        let text = section.text(key);
        let chosen = text.and_then(|text| choice(document, &text, &TREATMENTS));
        chosen.unwrap_or(usual)
    };
    let number = |key, range, usual: u64| section.integer(key, range).unwrap_or(usual);
    let strangers = section.text("strangers").and_then(|text| {
        let choices = [("hold", Strangers::Hold), ("comment", Strangers::Comment)];
        choice(document, &text, &choices)
    });
    let policy = Policy {
        guests: treatment("guests", usual.guests),
        guest_domains: domains(&section),
        strangers: strangers.unwrap_or(usual.strangers),
        trusted: section
            .texts("trusted_servers")
            .into_iter()
            .map(|text| text.value)
            .collect(),
        spam: treatment("spam", usual.spam),
        max_attachments: count(number(
            "max_attachments",
            0..=1_000,
            usual.max_attachments as u64,
        )),
        max_attachment_octets: number(
            "max_attachment_octets",
            0..=1 << 32,
            usual.max_attachment_octets,
        ),
        sender_rate: count(number("sender_rate", 1..=100_000, usual.sender_rate as u64)),
        thread_rate: count(number("thread_rate", 1..=100_000, usual.thread_rate as u64)),
        loop_time: time(&section, "rate_time").unwrap_or(usual.loop_time),
        bounces: bounces(&section, usual.bounces),
    };
    section.finish();
    policy
}

fn count(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

fn time(section: &Section<'_>, key: &'static str) -> Option<Duration> {
    let text = section.text(key)?;
    duration(section.document, &text)
}

/// `guest_domains = { "example.net" = "hold" }`
fn domains(section: &Section<'_>) -> BTreeMap<String, Treatment> {
    let mut found = BTreeMap::new();
    let Some(domains) = section.section("guest_domains") else {
        return found;
    };
    for (name, value) in domains.entries() {
        if !is_domain(&name.value) {
            let message = format!("`{}` is no domain", name.value);
            section.document.fault(&name.span, message);
        }
        let text = value.get_ref().as_str().map(|text| At {
            value: text.to_owned(),
            span: value.span(),
        });
        let treatment = match text {
            Some(text) => choice(section.document, &text, &TREATMENTS),
            None => wrong(section.document, value.span()),
        };
        found.extend(treatment.map(|treatment| (name.value.to_lowercase(), treatment)));
    }
    found
}

fn wrong(document: &Document, span: std::ops::Range<usize>) -> Option<Treatment> {
    let message = "`accept`, `hold` or `ignore` is expected here, in quotes";
    document.fault(&span, message);
    None
}

/// `bounces = { hard = 4, soft = 1, suppress_at = 4, rest = "30d", forget = "30d" }`
fn bounces(section: &Section<'_>, usual: Bounces) -> Bounces {
    let Some(bounces) = section.section("bounces") else {
        return usual;
    };
    let points = |key, usual: u32| {
        let given = bounces.integer(key, 0..=1_000);
        given.and_then(|n| u32::try_from(n).ok()).unwrap_or(usual)
    };
    let read = Bounces {
        hard: points("hard", usual.hard),
        soft: points("soft", usual.soft),
        suppress_at: points("suppress_at", usual.suppress_at).max(1),
        rest: time(&bounces, "rest").unwrap_or(usual.rest),
        forget: time(&bounces, "forget").unwrap_or(usual.forget),
    };
    bounces.finish();
    read
}
