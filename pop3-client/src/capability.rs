use std::fmt;
use std::time::Duration;

/// What the server says it can do (RFC 2449 §5).
///
/// A capability is a name and, after blanks, its parameters; names are compared without case. What is asked before
/// TLS or before login may differ from what is asked afterwards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    lines: Vec<Box<str>>,
    /// Asked for with every command.
    pipelining: bool,
}

/// How long messages stay on the server (RFC 2449 §6.7, EXPIRE).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expire {
    /// They are never removed by the server.
    Never,
    /// They may be removed after this many days. With 0, every message that was retrieved may be gone after QUIT.
    Days(u32),
}

impl Capabilities {
    /// Adds a line of the CAPA response, if it is one.
    ///
    /// ```abnf
    /// capability-line = capa-tag *(SP param)
    /// capa-tag        = 1*cchar
    /// cchar           = %x21-2D / %x2F-7F       ; printable, without "."
    /// param           = 1*schar
    /// ```
    ///
    /// A line that is blank, begins with a dot, or has control or 8-bit characters says nothing, and is left out.
    pub(crate) fn add_line(&mut self, line: &[u8]) {
        let plain = line.iter().all(|b| matches!(b, b' '..=b'~'));
        let starts_well = line
            .first()
            .is_some_and(|b| b.is_ascii_graphic() && *b != b'.');
        if let (true, true, Ok(text)) = (plain, starts_well, std::str::from_utf8(line)) {
            self.lines.push(text.trim_end().into());
            self.pipelining = self.has("PIPELINING");
        }
    }

    /// True if nothing is known: CAPA was not asked yet, or the server has none.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// True if the capability is there.
    pub fn has(&self, name: &str) -> bool {
        self.parameters(name).is_some()
    }

    /// The parameters of a capability; `None` if it is not there.
    pub fn parameters(&self, name: &str) -> Option<impl Iterator<Item = &str>> {
        self.lines.iter().find_map(|line| {
            let mut words = line.split_ascii_whitespace();
            words.next()?.eq_ignore_ascii_case(name).then_some(words)
        })
    }

    /// The lines as sent.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(AsRef::as_ref)
    }

    /// The SASL mechanisms on offer (RFC 5034 §3).
    pub fn sasl(&self) -> impl Iterator<Item = &str> {
        self.parameters("SASL").into_iter().flatten()
    }

    /// TOP is there (RFC 2449 §6.1).
    pub fn top(&self) -> bool {
        self.has("TOP")
    }

    /// USER and PASS are there (RFC 2449 §6.2).
    pub fn user(&self) -> bool {
        self.has("USER")
    }

    /// Text in brackets after a status indicator is a response code (RFC 2449 §6.4).
    pub fn resp_codes(&self) -> bool {
        self.has("RESP-CODES")
    }

    /// Several commands may be in flight (RFC 2449 §6.6).
    pub fn pipelining(&self) -> bool {
        self.pipelining
    }

    /// UIDL is there (RFC 2449 §6.8).
    pub fn uidl(&self) -> bool {
        self.has("UIDL")
    }

    /// STLS is there (RFC 2595 §4).
    pub fn stls(&self) -> bool {
        self.has("STLS")
    }

    /// UTF8 is there (RFC 6856 §2).
    pub fn utf8(&self) -> bool {
        self.has("UTF8")
    }

    /// LANG is there (RFC 6856 §3).
    pub fn lang(&self) -> bool {
        self.has("LANG")
    }

    /// How long messages are kept (RFC 2449 §6.7).
    pub fn expire(&self) -> Option<Expire> {
        match self.parameters("EXPIRE")?.next()? {
            never if never.eq_ignore_ascii_case("NEVER") => Some(Expire::Never),
            days => days.parse().ok().map(Expire::Days),
        }
    }

    /// The least time between two logins (RFC 2449 §6.5).
    pub fn login_delay(&self) -> Option<Duration> {
        let seconds = self.parameters("LOGIN-DELAY")?.next()?.parse().ok()?;
        Some(Duration::from_secs(seconds))
    }

    /// What the server calls itself (RFC 2449 §6.9). For people: RFC 2449 forbids to act upon it.
    pub fn implementation(&self) -> Option<&str> {
        let name = "IMPLEMENTATION ";
        self.iter().find_map(|line| {
            let (tag, rest) = line.split_at_checked(name.len())?;
            tag.eq_ignore_ascii_case(name).then_some(rest.trim_start())
        })
    }
}

impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, line) in self.iter().enumerate() {
            write!(f, "{}{line}", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capabilities(lines: &[&[u8]]) -> Capabilities {
        let mut capabilities = Capabilities::default();
        lines.iter().for_each(|line| capabilities.add_line(line));
        capabilities
    }

    #[test]
    fn rfc2449_5_example() {
        let capa = capabilities(&[
            b"TOP",
            b"USER",
            b"SASL CRAM-MD5 KERBEROS_V4",
            b"LOGIN-DELAY 900 USER",
            b"PIPELINING",
            b"EXPIRE 60",
            b"UIDL",
            b"IMPLEMENTATION Shlemazle-Plotz-v302",
        ]);
        assert!(capa.top() && capa.user() && capa.pipelining() && capa.uidl() && !capa.stls());
        assert_eq!(capa.sasl().collect::<Vec<_>>(), ["CRAM-MD5", "KERBEROS_V4"]);
        assert_eq!(capa.expire(), Some(Expire::Days(60)));
        assert_eq!(capa.login_delay(), Some(Duration::from_secs(900)));
        assert_eq!(capa.implementation(), Some("Shlemazle-Plotz-v302"));
    }

    #[test]
    fn rfc2449_6_each_capability_is_known_by_its_own_name() {
        type Known = (&'static str, fn(&Capabilities) -> bool);
        let known: [Known; 8] = [
            ("TOP", Capabilities::top),
            ("USER", Capabilities::user),
            ("RESP-CODES", Capabilities::resp_codes),
            ("PIPELINING", Capabilities::pipelining),
            ("UIDL", Capabilities::uidl),
            ("STLS", Capabilities::stls),
            ("UTF8", Capabilities::utf8),
            ("LANG", Capabilities::lang),
        ];
        for (listed, _) in known {
            let capa = capabilities(&[listed.as_bytes()]);
            for (name, is_there) in known {
                assert_eq!(is_there(&capa), name == listed, "{name} of {listed}");
            }
        }
    }

    #[test]
    fn what_is_not_listed_is_not_there() {
        let none = Capabilities::default();
        assert!(none.is_empty() && !capabilities(&[b"TOP"]).is_empty());
        assert_eq!((none.expire(), none.login_delay()), (None, None));
        assert_eq!((none.implementation(), none.sasl().count()), (None, 0));
        assert!(none.parameters("SASL").is_none());
        let bare = capabilities(&[b"SASL", b"IMPLEMENTATION"]);
        assert!(bare.has("sasl") && bare.sasl().next().is_none());
        assert_eq!(bare.implementation(), None);
    }

    #[test]
    fn they_are_shown_in_one_line_as_they_were_sent() {
        let capa = capabilities(&[b"TOP", b"SASL PLAIN LOGIN ", b"uidl"]);
        assert_eq!(capa.to_string(), "TOP, SASL PLAIN LOGIN, uidl");
        assert_eq!(capabilities(&[b"TOP"]).to_string(), "TOP");
    }

    #[test]
    fn s21_odd_lines_say_nothing_and_harm_nothing() {
        let capa = capabilities(&[
            b"EXPIRENEVER",
            b"CAPA",
            b"",
            b"\xc3\xa9t\xc3\xa9",
            b".x",
            b" TOP",
            b"uidl",
            b"EXPIRE x",
        ]);
        assert_eq!(
            capa.iter().collect::<Vec<_>>(),
            ["EXPIRENEVER", "CAPA", "uidl", "EXPIRE x"]
        );
        assert!(capa.uidl() && !capa.top());
        assert_eq!(capa.expire(), None);
        assert_eq!(
            capabilities(&[b"EXPIRE never"]).expire(),
            Some(Expire::Never)
        );
    }
}
