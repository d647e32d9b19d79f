//! What a server that we trust said about a mail: that it is spam, or that its sender is not who it seems.
//!
//! Anybody can write such fields; so only those count that bear a configured name (RFC 8601 §2.5: a border server takes
//! forged ones of its own name away), and of the X-Spam fields, which bear none, only those above the first Received field,
//! if the server that wrote that one is trusted.

use super::mail::Mail;
use super::policy::Policy;
use super::report::line;
use postrider_mime::Message;

/// What servers said about a mail, as far as anybody may believe it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opinions {
    /// Of each Authentication-Results field: who, which method, what result.
    pub results: Vec<(String, String, String)>,
    /// The server that received it last, and the field in which it calls the mail spam.
    pub marked: Option<(String, String)>,
}

impl Opinions {
    pub(super) fn read(message: &Message<'_>) -> Self {
        let mut results = Vec::new();
        for field in message.authentication_results() {
            for result in field.results {
                results.push((field.authserv_id.clone(), result.method, result.result));
            }
        }
        Self {
            results,
            marked: marked(message),
        }
    }
}

/// Why a trusted server calls the mail spam, if it does.
pub(super) fn suspicion(mail: &Mail, policy: &Policy) -> Option<String> {
    if policy.trusted.is_empty() {
        return None;
    }
    let opinions = &mail.opinions;
    let bad = |method: &str, result: &str| match method {
        "dmarc" => result == "fail",
        method => method.contains("spam") && matches!(result, "fail" | "yes" | "spam" | "reject"),
    };
    let mut results = opinions.results.iter();
    let found = results.find(|(server, method, result)| {
        let (method, result) = (method.to_ascii_lowercase(), result.to_ascii_lowercase());
        policy.trusts(server) && bad(&method, &result)
    });
    if let Some((server, method, result)) = found {
        return Some(format!("{server} says {method}={result}"));
    }
    let (server, field) = opinions.marked.as_ref()?;
    policy
        .trusts(server)
        .then(|| format!("{server} says {field}"))
}

/// The mark of the last server: a field above the first Received field.
fn marked(message: &Message<'_>) -> Option<(String, String)> {
    let above = message.headers().take_while(|field| !field.is("Received"));
    let mark = above.into_iter().find_map(|field| {
        let text = field.text();
        let value = text.trim().to_ascii_lowercase();
        let name = field.name();
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        let says_yes =
            (is("X-Spam-Flag") || is("X-Spam-Status") || is("X-Spam")) && value.starts_with("yes");
        let action = is("X-Spam-Action")
            && matches!(value.as_str(), "reject" | "add header" | "rewrite subject");
        (says_yes || action).then(|| line(&format!("{name}: {text}")))
    })?;
    let server = message.received().next()?.by?.into_owned();
    Some((server, mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> Policy {
        Policy {
            trusted: vec!["mx.example.org".to_owned()],
            ..Policy::default()
        }
    }

    fn of(head: &str) -> Option<String> {
        let raw = format!("{head}\nFrom: a@b.example\n\nx\n").replace('\n', "\r\n");
        suspicion(&Mail::parse(raw.as_bytes()), &policy())
    }

    const RECEIVED: &str =
        "Received: from x.example by mx.example.org with ESMTP; Mon, 23 Nov 2026 10:00:00 +0000";

    #[test]
    fn rfc8601_only_a_trusted_name_is_believed() {
        let says = |server: &str, what: &str| {
            of(&format!(
                "Authentication-Results: {server}; {what} header.from=b.example"
            ))
        };
        assert_eq!(
            says("MX.example.org", "dmarc=fail").as_deref(),
            Some("MX.example.org says dmarc=fail")
        );
        assert_eq!(says("mx.example.org", "dmarc=pass"), None);
        assert_eq!(
            says("mx.example.org", "spf=fail"),
            None,
            "a forwarder fails that"
        );
        assert_eq!(says("mx.elsewhere.example", "dmarc=fail"), None);
    }

    #[test]
    fn a_mark_counts_above_what_a_trusted_server_received() {
        let marked = of(&format!("X-Spam-Flag: YES\n{RECEIVED}"));
        assert_eq!(
            marked.as_deref(),
            Some("mx.example.org says X-Spam-Flag: YES")
        );
        assert_eq!(
            of(&format!("{RECEIVED}\nX-Spam-Flag: YES")),
            None,
            "the sender may have written it"
        );
        assert_eq!(of(&format!("X-Spam-Status: No, score=1\n{RECEIVED}")), None);
        let elsewhere = RECEIVED.replace("mx.example.org", "mx.elsewhere.example");
        assert_eq!(of(&format!("X-Spam-Flag: YES\n{elsewhere}")), None);
        assert_eq!(of("X-Spam-Flag: YES"), None);
    }
}
