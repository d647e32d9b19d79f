//! The parameters that a program says with MAIL and RCPT in `-bs` (RFC 5321 §4.1.1.11). An error is the reply to them.
//!
//! Not supported: BODY=BINARYMIME, for there is no BDAT; AUTH, REQUIRETLS, MT-PRIORITY, HOLDFOR, HOLDUNTIL, BY.

use super::sendmail::LONGEST;
use postrider_smtp::{
    Body, Capabilities, EnvelopeId, Extension, InvalidAddress, MailParameters, RcptParameters,
};
use std::fmt::Display;

/// SIZE (RFC 1870), BODY (RFC 6152), SMTPUTF8 (RFC 6531), RET and ENVID (RFC 3461), for a server that offers this.
///
/// Where BODY is not said it is 8BITMIME if the server takes that: who pipes a mail into a program seldom declares it.
pub(super) fn mail(text: &str, offered: &Capabilities) -> Result<MailParameters, String> {
    let mut found = MailParameters::default();
    if offered.offers(Extension::EightBitMime) {
        found.body = Some(Body::EightBitMime);
    }
    for (name, value) in split(text)? {
        match (name.as_str(), value) {
            ("SIZE", Some(size)) => {
                let size = size.parse().map_err(|_| syntax("SIZE is a number"))?;
                if size > LONGEST as u64 {
                    return Err("552 5.3.4 The message is too large".to_owned());
                }
                // The server may be one that is told nothing of sizes, although this side is.
                found.size = offered.offers(Extension::Size).then_some(size);
            }
            ("BODY", Some(body)) if body.eq_ignore_ascii_case("7BIT") => found.body = None,
            ("BODY", Some(body)) if body.eq_ignore_ascii_case("8BITMIME") => {
                found.body = Some(Body::EightBitMime);
            }
            ("SMTPUTF8", None) => found.smtp_utf8 = true,
            ("RET", Some(ret)) => found.ret = Some(ret.parse().map_err(invalid)?),
            ("ENVID", Some(id)) => {
                found.envelope_id = Some(EnvelopeId::from_xtext(id).map_err(invalid)?);
            }
            _ => return Err(unknown(&name)),
        }
    }
    Ok(found)
}

/// NOTIFY and ORCPT (RFC 3461).
pub(super) fn rcpt(text: &str) -> Result<RcptParameters, String> {
    let mut found = RcptParameters::default();
    for (name, value) in split(text)? {
        match (name.as_str(), value) {
            ("NOTIFY", Some(when)) => found.notify = Some(when.parse().map_err(invalid)?),
            ("ORCPT", Some(original)) => {
                found.original = Some(original.parse().map_err(invalid)?);
            }
            _ => return Err(unknown(&name)),
        }
    }
    Ok(found)
}

/// Names in capitals, with their values.
fn split(text: &str) -> Result<Vec<(String, Option<&str>)>, String> {
    let mut found: Vec<(String, Option<&str>)> = Vec::new();
    for word in text.split_ascii_whitespace() {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, None),
        };
        let name = name.to_ascii_uppercase();
        if found.iter().any(|(known, _)| *known == name) {
            return Err(syntax(format!("{name} is said twice")));
        }
        found.push((name, value));
    }
    Ok(found)
}

fn invalid(error: InvalidAddress) -> String {
    syntax(error)
}

/// RFC 5321 §4.1.1.11.
fn unknown(name: &str) -> String {
    format!("555 5.5.4 {} is not supported here", name.escape_debug())
}

/// A command that cannot be understood, and why.
pub(super) fn syntax(why: impl Display) -> String {
    format!("501 5.5.4 {}", why.to_string().escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offering(keywords: &[&str]) -> Capabilities {
        let mut lines = vec!["mx.example.org"];
        lines.extend(keywords);
        let last = lines.len() - 1;
        let line = |(i, line): (usize, &&str)| {
            let mark = if i == last { ' ' } else { '-' };
            format!("250{mark}{line}\r\n")
        };
        let text: String = lines.iter().enumerate().map(line).collect();
        Capabilities::parse(&postrider_smtp::Reply::parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn rfc3461_4_every_parameter_is_passed_on_as_it_came() {
        let all = offering(&["SIZE", "8BITMIME", "SMTPUTF8", "DSN"]);
        let said = "size=100 BODY=8bitmime smtputf8 RET=hdrs ENVID=QQ+3D1";
        let mail = mail(said, &all).unwrap();
        let wire = " SIZE=100 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ+3D1";
        assert_eq!(mail.to_string(), wire);
        let said = "NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a+2Bb@example.org";
        assert_eq!(rcpt(said).unwrap().to_string(), format!(" {said}"));
    }

    #[test]
    fn what_the_server_is_not_told_of_and_what_nobody_said() {
        let nothing = offering(&[]);
        assert_eq!(mail("SIZE=9", &nothing).unwrap().to_string(), "");
        let eight = offering(&["8BITMIME"]);
        assert_eq!(mail("", &eight).unwrap().to_string(), " BODY=8BITMIME");
        assert_eq!(mail("BODY=7BIT", &eight).unwrap().to_string(), "");
    }

    #[test]
    fn rfc5321_4_1_1_11_what_is_wrong_or_unknown_is_refused() {
        let all = offering(&["SIZE", "8BITMIME", "SMTPUTF8", "DSN"]);
        for (text, code) in [
            ("SIZE=x", "501"),
            ("SIZE=1 size=2", "501"),
            ("SIZE", "555"),
            ("SIZE=99999999999", "552"),
            ("SMTPUTF8=1", "555"),
            ("BODY=BINARYMIME", "555"),
            ("RET=ALL", "501"),
            ("ENVID=+0D+0A", "501"),
            ("NOTIFY=NEVER", "555"),
        ] {
            let reply = mail(text, &all).unwrap_err();
            assert!(reply.starts_with(code), "{text}: {reply}");
        }
        for (text, code) in [
            ("NOTIFY=NEVER,DELAY", "501"),
            ("ORCPT=rfc822", "501"),
            ("RET=FULL", "555"),
        ] {
            let reply = rcpt(text).unwrap_err();
            assert!(reply.starts_with(code), "{text}: {reply}");
        }
    }
}
