use crate::Reply;
use crate::error::{Error, ErrorKind};
use crate::extension::{Extension, Limit};
use crate::parameters::{DeliverBy, Hold, MailParameters, ReleaseTime};
use nom::bytes::complete::{take_while, take_while1};
use nom::character::complete::{one_of, space0};
use nom::combinator::{opt, recognize, rest};
use nom::{IResult, Parser, sequence::preceded};

/// What a server said it can do in its last answer to EHLO (RFC 5321 §4.1.1.1).
///
/// Empty before EHLO was answered, after HELO, and again once TLS is in place (RFC 3207 §4.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    server_name: String,
    offered: Vec<(String, String)>,
    known: u64,
    size: Option<u64>,
}

impl Capabilities {
    /// The capabilities in a reply to EHLO. Lines that are no capability are skipped.
    pub fn parse(reply: &Reply) -> Self {
        let mut lines = reply.lines();
        let first = lines.next().unwrap_or_default();
        let name = first.split(|&b| b == b' ').next().unwrap_or_default();
        let mut capabilities = Self {
            server_name: String::from_utf8_lossy(name).into_owned(),
            ..Self::default()
        };
        for line in lines {
            if let Ok((_, (keyword, parameters))) = ehlo_line(line) {
                capabilities.add(keyword, parameters);
            }
        }
        capabilities
    }

    /// The name that the server gave itself, as it said it: control characters are not escaped.
    pub fn server_name(&self) -> &str {
        &self.server_name
    }

    /// Whether the server offers an extension.
    pub fn offers(&self, extension: Extension) -> bool {
        self.known & extension.bit() != 0
    }

    /// The parameters of a keyword, letters compared without case; empty if it has none, `None` if it was not offered.
    pub fn keyword(&self, keyword: &str) -> Option<&str> {
        let offered = |(offered, _): &&(String, String)| offered.eq_ignore_ascii_case(keyword);
        let (_, parameters) = self.offered.iter().find(offered)?;
        Some(parameters)
    }

    /// Every keyword with its parameters, in the server's order and words: control characters are not escaped.
    pub fn keywords(&self) -> impl Iterator<Item = (&str, &str)> {
        self.offered.iter().map(|(k, p)| (k.as_str(), p.as_str()))
    }

    /// The largest message that the server takes, in octets (RFC 1870); `None` if it names none.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// The SASL mechanisms that the server offers (RFC 4954), also those of the old form `AUTH=LOGIN`.
    pub fn auth(&self) -> impl Iterator<Item = &str> {
        let auth = |(k, _): &(&str, &str)| k.eq_ignore_ascii_case("AUTH");
        let offered = self.keywords().filter(auth);
        offered.flat_map(|(_, mechanisms)| mechanisms.split_ascii_whitespace())
    }

    /// A value of the LIMITS extension (RFC 9422); zero and what is not a number count as absent.
    pub fn limit(&self, limit: Limit) -> Option<u64> {
        let values = self.keyword("LIMITS")?.split_ascii_whitespace();
        let mut named = values.filter_map(|value| value.split_once('='));
        let (_, value) = named.find(|(name, _)| name.eq_ignore_ascii_case(limit.name()))?;
        value.parse().ok().filter(|&n| n > 0)
    }

    /// The extension whose bounds a mail's parameters do not keep to: held for longer or until later than the server holds
    /// mail (FUTURERELEASE, RFC 4865 §4), or returned sooner than it promises to deliver (DELIVERBY, RFC 2852 §3). What a
    /// server says in another form bounds nothing; it refuses by itself.
    fn exceeded(&self, parameters: &MailParameters) -> Option<Extension> {
        let mut values = self.values(Extension::FutureRelease);
        let (longest, latest) = (values.next(), values.next());
        let shortest = self.values(Extension::DeliverBy).next();
        let number = |value: Option<&str>| value.and_then(|v| v.parse::<i64>().ok());
        let held = match &parameters.hold {
            Some(Hold::For { seconds }) => number(longest).is_some_and(|n| i64::from(*seconds) > n),
            Some(Hold::Until(time)) => {
                let latest = latest.and_then(|latest| latest.parse::<ReleaseTime>().ok());
                latest.is_some_and(|latest| *time > latest)
            }
            None => false,
        };
        let returned = parameters.deliver_by.and_then(DeliverBy::returned_after);
        let early = |seconds: i32| number(shortest).is_some_and(|n| i64::from(seconds) < n);
        match (held, returned.is_some_and(early)) {
            (true, _) => Some(Extension::FutureRelease),
            (_, true) => Some(Extension::DeliverBy),
            _ => None,
        }
    }

    /// # Errors
    /// [`ErrorKind::OutOfBounds`], with the bound that [`exceeded`](Self::exceeded) found.
    pub(crate) fn check_bounds(&self, parameters: &MailParameters) -> Result<(), Error> {
        let Some(extension) = self.exceeded(parameters) else {
            return Ok(());
        };
        let bound = self.keyword(extension.keyword()).unwrap_or_default().into();
        Err(Error::local(ErrorKind::OutOfBounds { extension, bound }))
    }

    fn values(&self, extension: Extension) -> impl Iterator<Item = &str> {
        let parameters = self.keyword(extension.keyword()).unwrap_or_default();
        parameters.split_ascii_whitespace()
    }

    fn add(&mut self, keyword: &[u8], parameters: &[u8]) {
        let keyword = String::from_utf8_lossy(keyword).into_owned();
        let parameters = String::from_utf8_lossy(parameters).into_owned();
        if let Some(extension) = Extension::from_keyword(&keyword) {
            self.known |= extension.bit();
            if extension == Extension::Size {
                // Zero means no fixed limit (RFC 1870 §4); a number beyond 64 bits is none either.
                self.size = parameters.parse().ok().filter(|&n| n > 0);
            }
        }
        self.offered.push((keyword, parameters));
    }
}

/// ```abnf
/// ehlo-line    = ehlo-keyword *( SP ehlo-param )
/// ehlo-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
/// ehlo-param   = 1*(%d33-126)
/// ```
/// We also accept `AUTH=` in place of `AUTH `, because old servers write it for old clients, and `_` and `.` in keywords.
fn ehlo_line(line: &[u8]) -> IResult<&[u8], (&[u8], &[u8])> {
    let first = take_while1(|b: u8| b.is_ascii_alphanumeric());
    let others = take_while(|b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    let keyword = recognize((first, others));
    let parameters = preceded((opt(one_of(" =")), space0), rest);
    let (rest, (keyword, parameters)) = (keyword, parameters).parse(line)?;
    Ok((rest, (keyword, parameters.trim_ascii_end())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::Late;

    fn capabilities(reply: &str) -> Capabilities {
        Capabilities::parse(&Reply::parse(reply.as_bytes()).unwrap())
    }

    #[test]
    fn rfc5321_4_1_1_1_keywords_have_no_case() {
        let c =
            capabilities("250-mx.example.org hi\r\n250-pipelining\r\n250-Size 1000\r\n250 DSN\r\n");
        assert_eq!(c.server_name(), "mx.example.org");
        assert!(c.offers(Extension::Pipelining) && c.offers(Extension::Dsn));
        assert!(!c.offers(Extension::EightBitMime));
        assert_eq!(c.size(), Some(1000));
    }

    #[test]
    fn t9_tolerated_forms() {
        let c =
            capabilities("250-mx\r\n250-AUTH=LOGIN PLAIN\r\n250-AUTH PLAIN xoauth2\r\n250 \r\n");
        let mechanisms: Vec<&str> = c.auth().collect();
        assert_eq!(mechanisms, ["LOGIN", "PLAIN", "PLAIN", "xoauth2"]);
        assert!(c.offers(Extension::Auth), "said twice");
        assert_eq!(capabilities("250 mx\r\n").keywords().count(), 0);
        assert_eq!(capabilities("250\r\n"), Capabilities::default());
    }

    #[test]
    fn rfc4865_rfc2852_what_a_server_allows_is_kept() {
        let c = capabilities(
            "250-mx\r\n250-FUTURERELEASE 3600 2027-01-31T08:00:00Z\r\n250 DELIVERBY 240\r\n",
        );
        let hold = |hold| MailParameters {
            hold: Some(hold),
            ..MailParameters::default()
        };
        let until = |time: &str| hold(Hold::Until(time.parse().unwrap()));
        assert_eq!(c.exceeded(&hold(Hold::For { seconds: 3600 })), None);
        assert_eq!(c.exceeded(&until("2027-01-31T08:00:00Z")), None);
        let held = Some(Extension::FutureRelease);
        assert_eq!(c.exceeded(&hold(Hold::For { seconds: 3601 })), held);
        assert_eq!(c.exceeded(&until("2027-02-01T00:00:00Z")), held);
        let by = |seconds, late| MailParameters {
            deliver_by: DeliverBy::within(seconds, late),
            ..MailParameters::default()
        };
        let early = Some(Extension::DeliverBy);
        assert_eq!(c.exceeded(&by(239, Late::Return)), early);
        assert_eq!(c.exceeded(&by(240, Late::Return)), None);
        assert_eq!(c.exceeded(&by(-5, Late::Notify)), None);
        let refused = c.check_bounds(&by(239, Late::Return)).unwrap_err();
        let words = "more than the server allows: DELIVERBY 240";
        assert!(refused.to_string().contains(words), "{refused}");
        assert!(c.check_bounds(&by(240, Late::Return)).is_ok());
        let silent = capabilities("250-mx\r\n250-FUTURERELEASE\r\n250 DELIVERBY\r\n");
        assert_eq!(silent.exceeded(&hold(Hold::For { seconds: 9 })), None);
    }

    #[test]
    fn rfc1870_sizes_that_mean_nothing_are_no_limit() {
        for size in ["SIZE", "SIZE 0", "SIZE x", "SIZE 99999999999999999999999"] {
            let c = capabilities(&format!("250-mx\r\n250 {size}\r\n"));
            assert!(c.offers(Extension::Size));
            assert_eq!(c.size(), None, "{size}");
        }
    }

    #[test]
    fn rfc9422_limits() {
        let c = capabilities("250-mx\r\n250 LIMITS MAILMAX=10 rcptmax=2 RCPTDOMAINMAX=x\r\n");
        assert_eq!(c.limit(Limit::MailMax), Some(10));
        assert_eq!(c.limit(Limit::RcptMax), Some(2));
        assert_eq!(c.limit(Limit::RcptDomainMax), None);
        let c = capabilities("250-mx\r\n250 LIMITS MAILMAX=0 RCPTMAX=1\r\n");
        assert_eq!(c.limit(Limit::MailMax), None, "zero counts as absent");
        assert_eq!(c.limit(Limit::RcptMax), Some(1));
    }
}
