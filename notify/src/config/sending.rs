//! The keys of an SMTP account that say when it sends and how much, and `[outgoing]`, which holds for all of them.

use super::Outgoing;
use super::document::{At, Section};
use super::value::duration;
use crate::account::{Rate, Sending, SmtpAccount};
use crate::address::{is_address, is_domain};
use std::path::Path;

/// Of one account.
pub(super) fn of_account(section: &Section<'_>, dir: &Path) -> (Sending, Option<At<String>>) {
    let fall_back = section.text("fall_back");
    let rate = |key| section.text(key).and_then(|text| rate(section, &text));
    let sending = Sending {
        active: section.boolean("active").unwrap_or(true),
        fall_back: fall_back.as_ref().map(|text| text.value.clone()),
        rate: rate("rate"),
        domain_rate: rate("domain_rate"),
        protocol_log: section
            .text("protocol_log")
            .map(|path| dir.join(path.value)),
    };
    (sending, fall_back)
}

/// `100/1h`
fn rate(section: &Section<'_>, text: &At<String>) -> Option<Rate> {
    let parts = text.value.split_once('/').and_then(|(mails, per)| {
        let mails = mails
            .trim()
            .parse::<u32>()
            .ok()
            .filter(|mails| *mails > 0)?;
        Some((mails, per.trim().to_owned()))
    });
    let Some((mails, per)) = parts else {
        let message = "a number of mails and a time are expected here: `100/1h`";
        section.document.fault(&text.span, message);
        return None;
    };
    let per = At {
        value: per,
        span: text.span.clone(),
    };
    duration(section.document, &per).map(|per| Rate { mails, per })
}

/// Each account that takes another's place exists, and nobody takes their own place in the end.
pub(super) fn check_fall_back(
    top: &Section<'_>,
    accounts: &[SmtpAccount],
    named: &[(String, At<String>)],
) {
    for (account, fall_back) in named {
        let next = |name: &str| {
            let account = accounts.iter().find(|a| a.name == name)?;
            account.sending.fall_back.clone()
        };
        if !accounts.iter().any(|a| a.name == fall_back.value) {
            let names = accounts.iter().map(|a| a.name.as_str());
            let message = format!("there is no [smtp.{}] in this file", fall_back.value);
            let hint = crate::suggest::nearest(&fall_back.value, names);
            top.document.hint(&fall_back.span, message, hint);
            continue;
        }
        let mut at = Some(fall_back.value.clone());
        for _ in 0..=accounts.len() {
            if at.as_deref() == Some(account.as_str()) {
                let message = format!("`{account}` would take its own place");
                top.document.fault(&fall_back.span, message);
                break;
            }
            at = at.and_then(|name| next(&name));
        }
    }
}

/// `[outgoing]`
pub(super) fn outgoing(top: &Section<'_>) -> Outgoing {
    let default = Outgoing::default();
    let Some(section) = top.section("outgoing") else {
        return default;
    };
    let test_address = section.text("test_address");
    if let Some(text) = test_address
        .as_ref()
        .filter(|text| !is_address(&text.value))
    {
        let message = format!("`{}` is no address", text.value);
        section.document.fault(&text.span, message);
    }
    let domains = |key| {
        let texts = section.texts(key);
        for text in texts.iter().filter(|text| !is_domain(&text.value)) {
            let message = format!("`{}` is no domain", text.value);
            section.document.fault(&text.span, message);
        }
        let lower = texts.iter().map(|text| text.value.to_lowercase());
        lower.collect::<Vec<_>>()
    };
    let size = |key, default: usize| {
        let given = section.integer(key, 1..=u64::from(u32::MAX));
        given
            .and_then(|n| usize::try_from(n).ok())
            .unwrap_or(default)
    };
    let outgoing = Outgoing {
        active: section.boolean("active").unwrap_or(true),
        test_address: test_address.map(|text| text.value),
        allow_domains: domains("allow_domains"),
        deny_domains: domains("deny_domains"),
        max_body: size("max_body", default.max_body),
        max_message: size("max_message", default.max_message),
        max_attachments: section
            .integer("max_attachments", 0..=1_000)
            .and_then(|n| usize::try_from(n).ok())
            .unwrap_or(default.max_attachments),
        max_attachment_octets: section
            .integer("max_attachment_octets", 0..=u64::from(u32::MAX))
            .unwrap_or(default.max_attachment_octets),
        keep_log: section
            .text("keep_log")
            .and_then(|text| duration(section.document, &text)),
    };
    section.finish();
    outgoing
}
