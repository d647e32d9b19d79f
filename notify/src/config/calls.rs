//! What an inbound action calls: `command`, `webhook`.

use super::document::Section;
use super::login;
use super::value::duration;
use crate::inbound::rule::{Program, Webhook};
use crate::inbound::webhook_address;
use std::path::Path;
use std::time::Duration;

/// How long a program or a webhook may take unless the file says otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);

/// `command = ["program", "argument"]`, with `command_timeout`.
pub(super) fn command(section: &Section<'_>) -> Option<Program> {
    let words = section.texts("command");
    let timeout = timeout(section, "command_timeout");
    if !section.has("command") {
        return None;
    }
    let words: Vec<String> = words.into_iter().map(|word| word.value).collect();
    if words.first().is_none_or(String::is_empty) {
        section.fault("command", "a program and its arguments are expected here");
        return None;
    }
    Some(Program { words, timeout })
}

/// `webhook = "https://…"`, with `webhook_secret_env` (or `_file`, `_command`), `webhook_ca_file` and `webhook_timeout`.
pub(super) fn webhook(section: &Section<'_>, dir: &Path) -> Option<Webhook> {
    let url = section.text("webhook");
    let secret = login::secret(section, dir, login::WEBHOOK);
    let ca = section.text("webhook_ca_file");
    let ca = ca.and_then(|path| super::account::certificate(section, &path, dir));
    let timeout = timeout(section, "webhook_timeout");
    let url = url?;
    if let Err(why) = webhook_address(&url.value) {
        section.document.fault(&url.span, why);
        return None;
    }
    Some(Webhook {
        url: url.value,
        secret,
        ca,
        timeout,
    })
}

fn timeout(section: &Section<'_>, key: &'static str) -> Duration {
    let text = section.text(key);
    let given = text.and_then(|text| duration(section.document, &text));
    given.unwrap_or(TIMEOUT)
}
