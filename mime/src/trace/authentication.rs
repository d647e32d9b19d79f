//! What a receiving server found out about a sender (RFC 8601, RFC 8617).
//!
//! ```text
//! authres-payload = [CFWS] authserv-id [CFWS authres-version] (no-result / 1*resinfo) [CFWS]
//! resinfo         = [CFWS] ";" methodspec [CFWS reasonspec] [CFWS 1*propspec]
//! methodspec      = [CFWS] method ["/" version] "=" result
//! propspec        = ptype "." property "=" pvalue
//! pvalue          = [CFWS] ((value / [[local-part] "@"] domain-name) [CFWS])
//! ```
//!
//! We also accept a missing authserv-id, because some servers leave it out.
//!
//! Not supported: checking any of it. Trust a field only if its `authserv_id` is your own server's, and that server
//! removes forged ones (RFC 8601 §5).

use crate::charset;
use crate::field_name::FieldId;
use crate::grammar::cfws::{is_wsp, skip_cfws};
use crate::grammar::text::{unfold, without_breaks};
use crate::grammar::word::{quoted_string, unescape};
use crate::message::Message;

/// One Authentication-Results field (RFC 8601 §2.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthenticationResults {
    /// The server that tells.
    pub authserv_id: String,
    /// In ARC (RFC 8617 §4.1.1), the number of the set.
    pub instance: Option<u32>,
    /// What was found, one result a method; none for `none`.
    pub results: Vec<MethodResult>,
}

/// What one method found (RFC 8601 §2.7).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MethodResult {
    /// `spf`, `dkim`, `dmarc`, `arc`, …, in lower case.
    pub method: String,
    /// `pass`, `fail`, `none`, `softfail`, …, in lower case.
    pub result: String,
    /// Why.
    pub reason: Option<String>,
    /// What it was found about: (`smtp.mailfrom`, value), ….
    pub properties: Vec<(String, String)>,
}

impl AuthenticationResults {
    /// The first result of a method.
    pub fn result(&self, method: &str) -> Option<&MethodResult> {
        self.results
            .iter()
            .find(|r| r.method.eq_ignore_ascii_case(method))
    }

    fn read(value: &[u8]) -> Self {
        let mut found = Self::default();
        let mut rest = value;
        let mut first = true;
        while !skip_cfws(rest).0.is_empty() {
            let (info, after) = pairs(rest);
            rest = after;
            match info.as_slice() {
                [(name, None), ..] if first => found.authserv_id.clone_from(name),
                [(name, Some(number)), ..] if first && name == "i" => {
                    found.instance = number.parse().ok();
                    // In ARC the identifier follows.
                    continue;
                }
                [(_, Some(_)), ..] => found.results.push(MethodResult::of(info)),
                _ => {}
            }
            first = false;
        }
        found
    }
}

impl MethodResult {
    fn of(pairs: Vec<(String, Option<String>)>) -> Self {
        let mut result = Self::default();
        for (name, value) in pairs {
            let value = value.unwrap_or_default();
            match &*name {
                _ if result.method.is_empty() => {
                    result.method = name
                        .split('/')
                        .next()
                        .unwrap_or_default()
                        .to_ascii_lowercase();
                    result.result = value.to_ascii_lowercase();
                }
                "reason" => result.reason = Some(value),
                _ if name.contains('.') => result.properties.push((name, value)),
                _ => {}
            }
        }
        result
    }
}

/// Reads `name[=value]` up to the next `;`, and gives what follows it.
fn pairs(input: &[u8]) -> (Vec<(String, Option<String>)>, &[u8]) {
    let mut pairs = Vec::new();
    let mut rest = input;
    loop {
        rest = skip_cfws(rest).0;
        let Some((first, after)) = rest.split_first() else {
            return (pairs, rest);
        };
        if *first == b';' {
            return (pairs, after);
        }
        let (name, after) = word(rest);
        rest = skip_cfws(after).0;
        // A stray character that begins no word.
        if name.is_empty() && !rest.starts_with(b"=") {
            rest = rest.get(1..).unwrap_or_default();
            continue;
        }
        let value = rest.strip_prefix(b"=").map(|after| {
            let (value, after) = pvalue(skip_cfws(after).0);
            rest = after;
            value
        });
        pairs.push((name, value));
    }
}

/// A quoted string, or what stands up to white space or a separator.
fn word(input: &[u8]) -> (String, &[u8]) {
    match quoted_string(input) {
        Ok((rest, inside)) => (text(&unescape(inside)), rest),
        Err(_) => up_to(b";(=", input, 0),
    }
}

/// A quoted string, or what stands up to white space or a separator; a `=` is none, for the local part of an address may have it.
fn pvalue(input: &[u8]) -> (String, &[u8]) {
    match quoted_string(input) {
        // It is a local part itself.
        Ok((rest, _)) if rest.starts_with(b"@") => up_to(b";(", input, input.len() - rest.len()),
        Ok((rest, inside)) => (text(&unescape(inside)), rest),
        Err(_) => up_to(b";(", input, 0),
    }
}

/// What stands up to white space or a separator, of which none is looked for in so many bytes at the front.
fn up_to<'a>(separators: &[u8], input: &'a [u8], front: usize) -> (String, &'a [u8]) {
    let more = input.iter().skip(front);
    let more = more.take_while(|b| !is_wsp(**b) && !separators.contains(b));
    let (word, rest) = input.split_at(front + more.count());
    (text(word), rest)
}

fn text(bytes: &[u8]) -> String {
    without_breaks(charset::guess(&unfold(bytes)).text).into_owned()
}

impl Message<'_> {
    /// What servers on the way found out about the sender, the latest first (RFC 8601).
    pub fn authentication_results(&self) -> impl Iterator<Item = AuthenticationResults> {
        self.root()
            .fields(FieldId::AuthenticationResults)
            .map(|f| AuthenticationResults::read(f.raw()))
    }

    /// The same as servers that changed the message on the way kept it (RFC 8617 §4.1.1).
    pub fn arc_authentication_results(&self) -> impl Iterator<Item = AuthenticationResults> {
        let fields = self
            .headers()
            .filter(|f| f.is("ARC-Authentication-Results"));
        fields.map(|f| AuthenticationResults::read(f.raw()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> AuthenticationResults {
        AuthenticationResults::read(value.as_bytes())
    }

    #[test]
    fn rfc8601_b_3_and_b_5_examples() {
        let found = read(
            " example.com;\r\n auth=pass (cram-md5) smtp.auth=sender@example.net;\r\n spf=pass smtp.mailfrom=example.net",
        );
        assert_eq!(found.authserv_id, "example.com");
        assert_eq!(found.result("SPF").unwrap().result, "pass");
        assert_eq!(
            found.result("auth").unwrap().properties,
            [("smtp.auth".to_owned(), "sender@example.net".to_owned())]
        );
        let found = read(
            "example.com 1; dkim=fail reason=\"bad; signature\" header.d=mail-router.example.net",
        );
        assert_eq!(
            found.result("dkim").unwrap().reason.as_deref(),
            Some("bad; signature")
        );
    }

    #[test]
    fn rfc8601_2_2_an_equals_sign_may_stand_in_the_local_part_of_a_value() {
        for address in [
            "bounce+jo=example.org@lists.example.com",
            "SRS0=Ab3=XY=example.org=jo@lists.example.com",
            "\"a; b=c\"@example.org",
            "@example.org",
        ] {
            for (before, after) in [("", " "), (" (a)\r\n ", "(b)"), ("", "\r\n ")] {
                let value = format!(
                    "mx.a; spf=pass smtp.mailfrom={before}{address}{after}smtp.helo=b=c;x=y"
                );
                let found = read(&value);
                let property = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
                assert_eq!(
                    found.result("spf").unwrap().properties,
                    [("smtp.mailfrom", address), ("smtp.helo", "b=c")].map(property),
                    "{value}"
                );
                assert_eq!(found.result("x").unwrap().result, "y", "{value}");
            }
        }
        let found = read("mx.a; dkim=pass header.b=\"ab=\" header.s=c= reason=\"d=e\"f.g=h");
        let found = found.result("dkim").unwrap();
        assert_eq!(found.reason.as_deref(), Some("d=e"));
        let values = found.properties.iter().map(|(_, value)| value.as_str());
        assert_eq!(values.collect::<Vec<_>>(), ["ab=", "c=", "h"]);
    }

    #[test]
    fn rfc8601_b_2_none() {
        let found = read("example.org 1; none");
        assert_eq!(
            (&*found.authserv_id, found.results.len()),
            ("example.org", 0)
        );
    }

    #[test]
    fn rfc8617_4_1_1_an_instance_comes_first() {
        let found = read("i=2; example.org; arc=pass; spf=softfail");
        assert_eq!(
            (found.instance, &*found.authserv_id),
            (Some(2), "example.org")
        );
        assert_eq!(found.result("arc").unwrap().result, "pass");
    }

    #[test]
    fn junk_is_passed_over() {
        assert_eq!(read("spf=pass; ; =; ;;").results.len(), 2);
        assert_eq!(read(""), AuthenticationResults::default());
        assert!(read(&"(".repeat(100_000)).results.is_empty());
    }

    #[test]
    fn rfc8601_2_2_a_property_has_a_type_and_a_name() {
        let found = read("a; dkim=pass odd=x header.d=y");
        let found = found.result("dkim").unwrap();
        assert_eq!(found.properties, [("header.d".to_owned(), "y".to_owned())]);
    }

    #[test]
    fn rfc8617_4_1_1_results_of_arc_are_told_apart() {
        let message = Message::parse(
            b"Authentication-Results: a; spf=pass\r\n\
              ARC-Authentication-Results: i=1; b; spf=fail\r\n\r\n",
        );
        let own = message.authentication_results().map(|f| f.authserv_id);
        assert_eq!(own.collect::<Vec<_>>(), ["a"]);
        let arc = message.arc_authentication_results().map(|f| f.authserv_id);
        assert_eq!(arc.collect::<Vec<_>>(), ["b"]);
    }
}
