//! `[smtp.NAME]` and `[pop3.NAME]`.

use super::document::{At, Section, accept, choice};
use super::login;
use super::value::duration;
use super::{sending, transport};
use crate::account::{DeletePolicy, Login, Pop3Account, SmtpAccount, Transport};
use crate::address::{is_address, is_domain, with_name};
use postrider_wire::{Endpoint, Security};
use std::path::Path;
use std::time::Duration;

/// The largest message that is fetched unless the file says otherwise.
const MAX_MESSAGE: u64 = 32 * 1024 * 1024;

/// How often a mailbox is read unless the file says otherwise.
const INTERVAL: Duration = Duration::from_secs(60);

/// How long fetched mail is remembered unless the file says otherwise.
const REMEMBER: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// What both kinds of account have.
struct Common {
    endpoint: Option<Endpoint>,
    security: Security,
    login: Option<Login>,
    ca: Option<String>,
    accept_invalid_certs: bool,
    allow_clear_text: bool,
    timeout: Option<Duration>,
    transport: Transport,
}

/// The SMTP accounts.
pub(super) fn smtp(top: &Section<'_>, dir: &Path) -> Vec<SmtpAccount> {
    let (mut accounts, mut fall_backs) = (Vec::new(), Vec::new());
    for (name, section) in top.sections("smtp") {
        let common = common(&section, dir, 587, 465);
        let from = section
            .required("from")
            .filter(|from| is_from(&section, from));
        let reply_to = section.text("reply_to");
        let reply_to = reply_to.filter(|text| is_reply_to(&section, text));
        let (sending, fall_back) = sending::of_account(&section, dir);
        fall_backs.extend(fall_back.map(|to| (name.value.clone(), to)));
        let ehlo_name = section.text("ehlo_name");
        if let Some(text) = ehlo_name.as_ref().filter(|text| !is_domain(&text.value)) {
            section
                .document
                .fault(&text.span, format!("`{}` is no domain", text.value));
        }
        section.finish();
        let (Some(endpoint), Some(from)) = (common.endpoint, from) else {
            continue;
        };
        accounts.push(SmtpAccount {
            name: name.value,
            endpoint,
            security: common.security,
            login: common.login,
            ca: common.ca,
            accept_invalid_certs: common.accept_invalid_certs,
            allow_clear_text_credentials: common.allow_clear_text,
            from: from.value,
            reply_to: reply_to.map(|text| text.value),
            ehlo_name: ehlo_name.map(|text| text.value),
            timeout: common.timeout,
            transport: common.transport,
            sending,
        });
    }
    sending::check_fall_back(top, &accounts, &fall_backs);
    accounts
}

pub(super) fn is_from(section: &Section<'_>, from: &At<String>) -> bool {
    let good = with_name(&from.value).is_some();
    if !good {
        let message =
            "one address is expected here, with or without a name: `Help desk <help@example.org>`";
        section.document.fault(&from.span, message);
    }
    good
}

/// One address without a name.
pub(super) fn is_reply_to(section: &Section<'_>, text: &At<String>) -> bool {
    let good = is_address(&text.value);
    if !good {
        let message = format!("`{}` is no address; no name belongs here", text.value);
        section.document.fault(&text.span, message);
    }
    good
}

/// The POP3 accounts.
pub(super) fn pop3(top: &Section<'_>, dir: &Path) -> Vec<Pop3Account> {
    let mut accounts = Vec::new();
    for (name, section) in top.sections("pop3") {
        let common = common(&section, dir, 110, 995);
        if common.login.is_none() && !section.has("user") {
            section.missing("user");
        }
        let delete = delete(&section);
        let time = |key| {
            let text = section.text(key)?;
            duration(section.document, &text)
        };
        let (interval, remember) = (time("interval"), time("remember"));
        let max_message = section.integer("max_message", 1_024..=u64::from(u32::MAX));
        section.finish();
        let (Some(endpoint), Some(login)) = (common.endpoint, common.login) else {
            continue;
        };
        accounts.push(Pop3Account {
            name: name.value,
            endpoint,
            security: common.security,
            login,
            ca: common.ca,
            accept_invalid_certs: common.accept_invalid_certs,
            allow_clear_text_credentials: common.allow_clear_text,
            delete,
            interval: interval.unwrap_or(INTERVAL),
            remember: remember.unwrap_or(REMEMBER),
            max_message: max_message.unwrap_or(MAX_MESSAGE),
            timeout: common.timeout,
            transport: common.transport,
        });
    }
    accounts
}

/// `delete = "now"`, `"never"`, `"7d"`
fn delete(section: &Section<'_>) -> DeletePolicy {
    let Some(text) = section.text("delete") else {
        return DeletePolicy::Now;
    };
    match text.value.as_str() {
        "now" => DeletePolicy::Now,
        "never" => DeletePolicy::Never,
        _ => duration(section.document, &text).map_or(DeletePolicy::Never, DeletePolicy::After),
    }
}

fn common(section: &Section<'_>, dir: &Path, port: u16, tls_port: u16) -> Common {
    let host = section.required("host");
    let given = section
        .integer("port", 1..=65_535)
        .and_then(|port| u16::try_from(port).ok());
    let security = section.text("security").and_then(|text| {
        let all = [
            Security::Tls,
            Security::StartTls,
            Security::StartTlsIfOffered,
            Security::None,
        ];
        let names = ["tls", "starttls", "starttls-if-offered", "none"];
        let choices: Vec<_> = names.into_iter().zip(all).collect();
        choice(section.document, &text, &choices)
    });
    let customary = if security == Some(Security::Tls) {
        tls_port
    } else {
        port
    };
    let port = given.unwrap_or(customary);
    let endpoint = host.and_then(|host| {
        accept(
            section.document,
            &host.span,
            Endpoint::new(host.value, port),
        )
    });
    let security = security.unwrap_or_else(|| Security::for_port(port));
    let allow_clear_text = section
        .boolean("danger_allow_clear_text_credentials")
        .unwrap_or(false);
    let login = login::read(section, dir);
    login::refuse_clear_text(section, security, login.is_some(), allow_clear_text);
    Common {
        endpoint,
        security,
        login,
        ca: section
            .text("ca_file")
            .and_then(|path| certificate(section, &path, dir)),
        accept_invalid_certs: section
            .boolean("danger_accept_invalid_certs")
            .unwrap_or(false),
        allow_clear_text,
        timeout: section
            .text("timeout")
            .and_then(|text| duration(section.document, &text)),
        transport: transport::read(section, dir),
    }
}

pub(super) fn certificate(section: &Section<'_>, path: &At<String>, dir: &Path) -> Option<String> {
    let file = dir.join(&path.value);
    let problem = match std::fs::read_to_string(&file) {
        Ok(pem) if pem.contains("-----BEGIN CERTIFICATE-----") => return Some(pem),
        Ok(_) => "there is no certificate in it (it should be PEM text)".to_owned(),
        Err(error) => format!("cannot be read: {error}"),
    };
    section
        .document
        .fault(&path.span, format!("{}: {problem}", file.display()));
    None
}
