//! Bounces that are no RFC 3464 reports: what qmail, Exim, Exchange, Postfix, sendmail, Notes and the large providers write.
//!
//! A mail is read as one only if a machine's address or an empty envelope sender says so, and its text has one of the shapes.
//! The recipient and the server's words stand near each other in all of them:
//!
//! ```text
//! <bob@example.org>: host mx.example.org[192.0.2.1] said: 550 5.1.1 no such user      Postfix
//! <bob@example.org>:                                                                  qmail, Yahoo
//! 192.0.2.1 does not like recipient. Remote host said: 550 no such user
//!   bob@example.org                                                                   Exim, sendmail, Gmail
//!     host mx.example.org [192.0.2.1]: 550 5.1.1 no such user
//! ```

use super::beginning::beginning;
use super::report::{Report, Reported, line, originals};
use postrider_mime::Message;

/// Octets of the text that are looked at; the returned mail follows far behind what matters.
const LOOK_AT: usize = 64 * 1024;

/// Recipients that are read.
const MOST: usize = 50;

/// Lines below an address in which the server's words may stand.
const NEAR: usize = 8;

/// What tells the program: words of its text, in lower case.
const KINDS: [(&str, &str); 21] = [
    ("this is the qmail-send program", "qmail"),
    (
        "this message was created automatically by mail delivery software",
        "Exim",
    ),
    ("this is the mail system at host", "Postfix"),
    ("this is the postfix program at host", "Postfix"),
    (
        "the following addresses had permanent fatal errors",
        "sendmail",
    ),
    (
        "your message did not reach some or all of the intended recipients",
        "Exchange",
    ),
    ("the following recipient(s) cannot be reached", "Exchange"),
    (
        "delivery has failed to these recipients or groups",
        "Exchange",
    ),
    (
        "die zustellung an folgende empfänger oder verteilerlisten",
        "Exchange",
    ),
    ("échec de la remise à ces destinataires", "Exchange"),
    (
        "delivery to the following recipient failed permanently",
        "Gmail",
    ),
    ("delivery to the following recipients failed", "Exchange"),
    ("your message wasn't delivered to", "Gmail"),
    ("your message wasn’t delivered to", "Gmail"),
    (
        "we were unable to deliver your message to the following address",
        "Yahoo",
    ),
    ("was not delivered to:", "Notes"),
    ("could not be delivered to one or more recipients", "other"),
    ("could not be delivered to the following", "other"),
    (
        "i wasn't able to deliver your message to the following",
        "qmail",
    ),
    (
        "konnte nicht an folgende empfänger zugestellt werden",
        "other",
    ),
    ("delivery status notification (failure)", "other"),
];

/// Where the returned mail begins.
const BELOW: [&str; 8] = [
    "--- below this line is a copy of the message",
    "------ this is a copy of the message",
    "----- original message -----",
    "--- original message",
    "----- message header follows",
    "original message headers:",
    "diagnostic information for administrators:",
    "----- returned message",
];

/// The bounce in a message, if it looks like one.
pub(super) fn read(message: &Message<'_>) -> Option<Report> {
    if !is_from_a_machine(message) {
        return None;
    }
    let text = message.body_text()?;
    let text = beginning(&text, LOOK_AT);
    let lower = text.to_lowercase();
    let failed = message
        .header("X-Failed-Recipients")
        .map(|field| field.text().into_owned());
    let kind = KINDS
        .iter()
        .find(|(words, _)| lower.contains(words))
        .map(|(_, kind)| *kind);
    let kind = kind.or(failed.is_some().then_some("Exim"))?;
    let lines: Vec<&str> = text.lines().collect();
    let below = lines.iter().position(|line| {
        let line = line.trim().to_lowercase();
        BELOW.iter().any(|begin| line.starts_with(begin))
    });
    let (said, returned) = lines.split_at(below.unwrap_or(lines.len()));
    let mut recipients = recipients(said);
    for address in failed
        .iter()
        .flat_map(|text| text.split(','))
        .map(str::trim)
        .take(MOST)
    {
        let known = recipients.iter().any(|r: &Reported| r.is_about(address));
        if is_address(address) && !known {
            recipients.push(told(address, said));
        }
    }
    let mut ids = originals(message);
    let named = if below.is_some() { returned } else { said };
    ids.extend(named.iter().filter_map(|line| message_id(line)));
    ids.dedup();
    Some(Report {
        originals: ids,
        recipients,
        complaint: false,
        kind,
    })
}

/// MAILER-DAEMON, postmaster, or nobody.
fn is_from_a_machine(message: &Message<'_>) -> bool {
    let nobody = message
        .header("Return-Path")
        .is_some_and(|field| field.text().trim() == "<>");
    let from = message.from();
    let machine = from
        .mailboxes()
        .filter_map(|mailbox| mailbox.address.as_deref())
        .any(|address| {
            let local = address
                .split('@')
                .next()
                .unwrap_or_default()
                .to_ascii_lowercase();
            matches!(
                local.as_str(),
                "mailer-daemon" | "postmaster" | "mail-daemon" | "maildaemon" | "mdaemon"
            ) || local.starts_with("microsoftexchange")
        });
    let failed = message.header("X-Failed-Recipients").is_some();
    nobody || machine || failed
}

/// The addresses that stand where a recipient stands, each with the words near it.
fn recipients(lines: &[&str]) -> Vec<Reported> {
    let mut found: Vec<Reported> = Vec::new();
    for (at, text) in lines.iter().enumerate() {
        let Some((address, rest)) = recipient(text) else {
            continue;
        };
        if found.len() < MOST && !found.iter().any(|known| known.is_about(address)) {
            let near = lines.get(at + 1..).unwrap_or_default();
            found.push(reported(address, rest, near));
        }
    }
    found
}

/// The same for an address that is known from elsewhere.
fn told(address: &str, lines: &[&str]) -> Reported {
    let at = lines.iter().position(|line| line.contains(address));
    let near = at.and_then(|at| lines.get(at + 1..)).unwrap_or_default();
    reported(address, "", near)
}

fn reported(address: &str, rest: &str, near: &[&str]) -> Reported {
    let near = near
        .iter()
        .take(NEAR)
        .take_while(|line| recipient(line).is_none());
    let mut words = vec![rest.trim()];
    words.extend(near.map(|line| line.trim()).filter(|line| !line.is_empty()));
    let words = line(&words.join(" "));
    let status =
        words.split(|c: char| c.is_whitespace() || matches!(c, '#' | '(' | ')' | ';' | ','));
    let mut status = status.filter(|word| is_status(word));
    let delayed = words.to_lowercase().contains("will keep trying");
    Reported {
        address: address.to_owned(),
        action: if delayed { "delayed" } else { "failed" }.to_owned(),
        status: status.next().unwrap_or_default().to_owned(),
        words,
        ..Reported::default()
    }
}

/// A line that begins with an address: `<a@b>: …`, `<a@b>`, `  a@b`, `'a@b' on 23/11/2026`, `a@b (a@b)`.
fn recipient(line: &str) -> Option<(&str, &str)> {
    let line = line.trim().trim_start_matches(['*', '•', '\'', '"', ' ']);
    let (address, rest) = match line.strip_prefix('<') {
        Some(inside) => inside.split_once('>')?,
        None => {
            let end = line
                .find([' ', '\'', '"', '(', '<', ':', '\t'])
                .unwrap_or(line.len());
            line.split_at(end)
        }
    };
    let address = address.trim_end_matches(['.', ',']);
    is_address(address).then(|| (address, rest.trim_start_matches([':', '\'', '"', ' '])))
}

fn is_address(text: &str) -> bool {
    let parts = text.rsplit_once('@');
    let good =
        |c: char| !c.is_whitespace() && !matches!(c, '<' | '>' | '(' | ')' | ',' | ';' | '[' | ']');
    parts.is_some_and(|(local, domain)| {
        !local.is_empty() && domain.contains('.') && text.chars().all(good)
    })
}

/// `5.1.1`
fn is_status(word: &str) -> bool {
    let parts: Vec<&str> = word.split('.').collect();
    let digits =
        |part: &&str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    matches!(parts.as_slice(), [class, _, _] if matches!(*class, "4" | "5"))
        && parts.iter().all(digits)
}

/// The Message-ID of a header field of the returned mail that stands in the text.
fn message_id(text: &str) -> Option<String> {
    let (name, value) = text.trim_start_matches(['>', ' ']).split_once(':')?;
    if !name.trim().eq_ignore_ascii_case("message-id") {
        return None;
    }
    let (_, inside) = value.split_once('<')?;
    let (id, _) = inside.split_once('>')?;
    (!id.is_empty() && id.contains('@')).then(|| id.to_owned())
}

#[cfg(test)]
mod tests;
