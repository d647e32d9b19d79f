//! MTA-STS: a domain says over HTTPS which hosts take its mail, and that they have TLS (RFC 8461).
//!
//! Not supported: policies kept over a restart; fetching a policy anew before it has run out.

use nom::branch::alt;
use nom::bytes::complete::{tag, take_till, take_while, take_while1};
use nom::character::complete::{char, line_ending, space0};
use nom::combinator::{all_consuming, eof, opt, peek};
use nom::multi::many0;
use nom::sequence::{delimited, separated_pair, terminated};
use nom::{IResult, Parser};
use std::time::Duration;

/// A policy (RFC 8461 §3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What is done where the policy cannot be kept.
    pub mode: Mode,
    /// The hosts that may take mail: names, or `*.` and the rest of a name.
    pub mx: Vec<String>,
    /// How long it holds after it was fetched: at most 31,557,600 seconds.
    pub max_age: Duration,
}

/// The mode of a [`Policy`] (RFC 8461 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Mail does not go to a host that does not keep to the policy.
    Enforce,
    /// It does, and is reported.
    Testing,
    /// There is no policy, though there was one.
    None,
}

/// About a year (RFC 8461 §3.2).
const LONGEST: u64 = 31_557_600;
/// Octets in a policy (RFC 8461 §3.3 suggests 64 KiB).
pub const POLICY_LIMIT: usize = 65_536;
/// Patterns in a policy; nobody has that many hosts.
const PATTERNS: usize = 1_000;

impl Policy {
    /// Reads a policy's text.
    ///
    /// ```abnf
    /// sts-policy-record = sts-policy-field *WSP *( sts-policy-term sts-policy-field *WSP ) [ sts-policy-term ]
    /// sts-policy-field  = sts-policy-version / sts-policy-mode / sts-policy-mx / sts-policy-max-age / extension
    /// sts-policy-term   = LF / CRLF
    /// extension         = name ":" *WSP value
    /// ```
    /// `None` if it is no policy of version 1: no version, mode or max_age, or no host though the mode wants some. Of a field
    /// that comes twice the first counts, unless it is `mx`; fields that nobody knows are skipped.
    ///
    /// ```
    /// use postrider_smtp::direct::{Mode, Policy};
    /// let text = b"version: STSv1\r\nmode: enforce\r\nmx: *.example.org\r\nmax_age: 604800\r\n";
    /// let policy = Policy::parse(text).unwrap();
    /// assert_eq!(policy.mode, Mode::Enforce);
    /// assert!(policy.covers("mx1.example.org") && !policy.covers("example.org"));
    /// ```
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() > POLICY_LIMIT {
            return None;
        }
        let text = std::str::from_utf8(text).ok()?;
        let (_, fields) = all_consuming(many0(field)).parse(text).ok()?;
        let first = |name: &str| {
            let mut named = fields.iter().filter(|(key, _)| *key == name);
            named.next().map(|(_, value)| *value)
        };
        let mode = match (first("version")?, first("mode")?) {
            ("STSv1", "enforce") => Mode::Enforce,
            ("STSv1", "testing") => Mode::Testing,
            ("STSv1", "none") => Mode::None,
            _ => return None,
        };
        let max_age = first("max_age").filter(|age| age.bytes().all(|b| b.is_ascii_digit()))?;
        let max_age = max_age.parse::<u64>().ok()?.min(LONGEST);
        let named = |(key, host): &&(&str, &str)| *key == "mx" && !host.is_empty();
        let mx = fields.iter().filter(named);
        let mx: Vec<String> = mx
            .map(|(_, host)| host.to_ascii_lowercase())
            .take(PATTERNS)
            .collect();
        if mx.is_empty() && mode != Mode::None {
            return None;
        }
        Some(Self {
            mode,
            mx,
            max_age: Duration::from_secs(max_age),
        })
    }

    /// Its lines, as TLS-RPT wants them.
    pub(super) fn lines(&self) -> Vec<String> {
        let mode = match self.mode {
            Mode::Enforce => "enforce",
            Mode::Testing => "testing",
            Mode::None => "none",
        };
        let hosts = self.mx.iter().map(|mx| format!("mx: {mx}"));
        ["version: STSv1".to_owned(), format!("mode: {mode}")]
            .into_iter()
            .chain(hosts)
            .chain([format!("max_age: {}", self.max_age.as_secs())])
            .collect()
    }

    /// Whether it names a host (RFC 8461 §4.1): as it is, or by a pattern that leaves its first label open.
    pub fn covers(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let rest = host.split_once('.').map(|(_, rest)| rest);
        let mut patterns = self.mx.iter();
        patterns.any(|pattern| match pattern.strip_prefix("*.") {
            Some(suffix) => rest == Some(suffix),
            None => *pattern == host,
        })
    }
}

/// One line.
fn field(input: &str) -> IResult<&str, (&str, &str)> {
    let name = take_while1(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    let value = take_till(|c| matches!(c, '\r' | '\n'));
    let (rest, (name, value)) = separated_pair(name, (char(':'), space0), value).parse(input)?;
    let end = alt((line_ending, eof));
    let (rest, _) = (peek(end), opt(line_ending)).parse(rest)?;
    Ok((rest, (name, value.trim_end_matches([' ', '\t']))))
}

/// The `id` of the TXT record at `_mta-sts` (RFC 8461 §3.1): another one means that the policy has changed. `None` unless
/// there is exactly one record of version 1.
///
/// ```abnf
/// sts-text-record = sts-version 1*( sts-field-delim sts-field ) [ sts-field-delim ]
/// sts-version     = %s"v=STSv1"
/// sts-field-delim = *WSP ";" *WSP
/// sts-id          = %s"id=" 1*32( ALPHA / DIGIT )
/// ```
pub fn policy_id(records: &[Vec<u8>]) -> Option<String> {
    let texts = records
        .iter()
        .filter_map(|record| std::str::from_utf8(record).ok());
    let mut found = texts.filter(|text| text.starts_with("v=STSv1"));
    let text = found.next().filter(|_| found.next().is_none())?;
    let (_, fields) = text_record(text).ok()?;
    let mut ids = fields.into_iter().filter(|(name, _)| *name == "id");
    let (_, id) = ids.next()?;
    let valid = (1..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric());
    valid.then(|| id.to_owned())
}

fn text_record(input: &str) -> IResult<&str, Vec<(&str, &str)>> {
    let blank = |input| take_while(|c| matches!(c, ' ' | '\t'))(input);
    let name = take_while1(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    let value = take_while1(|c: char| c.is_ascii_graphic() && !matches!(c, ';' | '='));
    let delimiter = || delimited(blank, char(';'), blank);
    let field = (delimiter(), separated_pair(name, char('='), value)).map(|(_, field)| field);
    let (rest, _) = tag("v=STSv1").parse(input)?;
    let end = (opt(delimiter()), blank);
    all_consuming(terminated(many0(field), end)).parse(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Option<Policy> {
        Policy::parse(text.as_bytes())
    }

    #[test]
    fn rfc8461_3_2_example() {
        let text = "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\nmx: backupmx.example.com\r\nmax_age: 604800\r\n";
        let policy = parse(text).unwrap();
        assert_eq!(policy.mode, Mode::Enforce);
        assert_eq!(
            policy.mx,
            ["mail.example.com", "*.example.net", "backupmx.example.com"]
        );
        assert_eq!(policy.max_age.as_secs(), 604_800);
        assert_eq!(parse(&text.replace("\r\n", "\n")), Some(policy.clone()));
        assert_eq!(parse(text.trim_end()), Some(policy));
    }

    #[test]
    fn rfc8461_3_2_a_line_without_a_host_names_none() {
        let policy = |mode| parse(&format!("version: STSv1\nmode: {mode}\nmx:\nmax_age: 1\n"));
        assert_eq!(policy("enforce"), None, "it would let no mail out");
        assert!(policy("none").unwrap().mx.is_empty());
    }

    #[test]
    fn rfc8461_4_1_a_pattern_leaves_one_label_open() {
        let policy =
            parse("version: STSv1\nmode: testing\nmx: *.Example.com\nmx: a.org\nmax_age: 1\n")
                .unwrap();
        for host in ["mx.example.com", "MX.example.com.", "a.org"] {
            assert!(policy.covers(host), "{host}");
        }
        for host in [
            "example.com",
            "a.b.example.com",
            "b.org",
            "x.a.org",
            "com",
            "",
        ] {
            assert!(!policy.covers(host), "{host}");
        }
    }

    #[test]
    fn what_is_no_policy_is_none() {
        for text in [
            "",
            "version: STSv2\nmode: enforce\nmx: a\nmax_age: 1\n",
            "version: STSv1\nmode: enforce\nmax_age: 1\n",
            "version: STSv1\nmode: force\nmx: a\nmax_age: 1\n",
            "version: STSv1\nmode: enforce\nmx: a\n",
            "version: STSv1\nmode: enforce\nmx: a\nmax_age: -1\n",
            "version: STSv1\nmode: enforce\nmx: a\nmax_age: +1\n",
            "version: STSv1\nmode: enforce\nmx a\nmax_age: 1\n",
            "<html>\n",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
        let year = parse("version: STSv1\nmode: none\nmax_age: 99999999999\n").unwrap();
        assert_eq!((year.mode, year.max_age.as_secs()), (Mode::None, LONGEST));
    }

    #[test]
    fn rfc8461_3_2_the_first_of_two_fields_counts_and_unknown_ones_are_skipped() {
        let text = "version: STSv1\nmode: testing \nmode: enforce\nx-new: a: b\nmx: a\nmax_age: 5\nmax_age: 6\n";
        let policy = parse(text).unwrap();
        assert_eq!((policy.mode, policy.max_age.as_secs()), (Mode::Testing, 5));
    }

    #[test]
    fn rfc8461_3_1_the_record_has_an_id() {
        let id = |records: &[&str]| {
            let records: Vec<Vec<u8>> = records.iter().map(|r| r.as_bytes().to_vec()).collect();
            policy_id(&records)
        };
        assert_eq!(
            id(&["v=STSv1; id=20160831085700Z;"]).unwrap(),
            "20160831085700Z"
        );
        assert_eq!(id(&["v=spf1 -all", "v=STSv1;x=y ; id=a"]).unwrap(), "a");
        for records in [
            &["v=STSv1; id=a", "v=STSv1; id=b"][..],
            &["v=STSv1"],
            &["v=STSv1; id="],
            &["v=STSv1; id=a-b"],
            &["v=STSv10; id=a"],
            &[" v=STSv1; id=a"],
            &["v=STSv1; id=123456789012345678901234567890123"],
            &[],
        ] {
            assert_eq!(id(records), None, "{records:?}");
        }
    }

    #[test]
    fn rfc8461_3_3_a_policy_has_64_kib_at_most() {
        let text = "version: STSv1\nmode: none\nmax_age: 1\nx: ";
        let of = |octets: usize| format!("{text}{}", "x".repeat(octets - text.len()));
        assert!(parse(&of(65_536)).is_some());
        assert_eq!(parse(&of(65_537)), None);
    }

    #[test]
    fn rfc8460_4_4_a_policy_is_reported_line_by_line() {
        for mode in ["mode: enforce", "mode: testing", "mode: none"] {
            let lines = [
                "version: STSv1",
                mode,
                "mx: *.example.net",
                "mx: a.org",
                "max_age: 5",
            ];
            assert_eq!(parse(&lines.join("\n")).unwrap().lines(), lines);
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in proptest::collection::vec(any::<u8>(), 0..200), lines in "(version: STSv1|mode: none|max_age: [0-9]{0,25}|mx: [*.a]{0,5}|[a:\r]{0,4}|\n)*") {
            let _ = (Policy::parse(&text), Policy::parse(lines.as_bytes()), policy_id(&[text]));
        }
    }
}
