//! The parameters of delivery status notifications (RFC 3461).

use crate::text::{Xtext, from_xtext};
use crate::{ForwardPath, InvalidAddress};
use std::fmt;
use std::str::FromStr;

/// How much of the message a failure notification gives back (RFC 3461 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Return {
    /// All of it: `RET=FULL`.
    Full,
    /// Its header only: `RET=HDRS`.
    Headers,
}

impl fmt::Display for Return {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "FULL",
            Self::Headers => "HDRS",
        })
    }
}

impl FromStr for Return {
    type Err = InvalidAddress;

    /// `FULL` or `HDRS`, in letters of either case.
    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        match text.to_ascii_uppercase().as_str() {
            "FULL" => Ok(Self::Full),
            "HDRS" => Ok(Self::Headers),
            _ => Err(InvalidAddress::new(text, "neither FULL nor HDRS")),
        }
    }
}

/// When a notification about a recipient is wanted (RFC 3461 §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Notify {
    /// Under no circumstances.
    Never,
    /// In these cases; all false says nothing, and the server does what is customary.
    On {
        /// The message was delivered.
        success: bool,
        /// It was not.
        failure: bool,
        /// It takes long.
        delay: bool,
    },
}

impl fmt::Display for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::On {
            success,
            failure,
            delay,
        } = *self
        else {
            return f.write_str("NEVER");
        };
        let cases = [(success, "SUCCESS"), (failure, "FAILURE"), (delay, "DELAY")];
        let wanted = cases.iter().filter(|(wanted, _)| *wanted);
        for (i, (_, name)) in wanted.enumerate() {
            write!(f, "{}{name}", if i == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl FromStr for Notify {
    type Err = InvalidAddress;

    /// `NEVER`, or of `SUCCESS,FAILURE,DELAY` those that matter, in letters of either case.
    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        if text.eq_ignore_ascii_case("NEVER") {
            return Ok(Self::Never);
        }
        let (mut success, mut failure, mut delay) = (false, false, false);
        for case in text.split(',') {
            match case.to_ascii_uppercase().as_str() {
                "SUCCESS" => success = true,
                "FAILURE" => failure = true,
                "DELAY" => delay = true,
                _ => {
                    let why = "neither NEVER nor a list of SUCCESS, FAILURE and DELAY";
                    return Err(InvalidAddress::new(text, why));
                }
            }
        }
        Ok(Self::On {
            success,
            failure,
            delay,
        })
    }
}

/// A name for the mail that notifications carry back: `ENVID` (RFC 3461 §4.4). Printable ASCII, at most 100 octets as xtext.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EnvelopeId(String);

impl EnvelopeId {
    /// The name in its wire form, as a mail came in with it.
    ///
    /// # Errors
    /// [`InvalidAddress`] if it is no xtext, or stands for something that is no name.
    pub fn from_xtext(text: &str) -> Result<Self, InvalidAddress> {
        let name = from_xtext(text).and_then(|octets| String::from_utf8(octets).ok());
        let name = name.ok_or_else(|| InvalidAddress::new(text, "not xtext"))?;
        name.parse()
    }
}

impl FromStr for EnvelopeId {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let printable = !text.is_empty() && text.bytes().all(|b| matches!(b, b' '..=b'~'));
        if printable && Xtext(text).to_string().len() <= 100 {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidAddress::new(text, "not an envelope identifier"))
        }
    }
}

impl fmt::Display for EnvelopeId {
    /// In its wire form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Xtext(&self.0).fmt(f)
    }
}

/// The address that the mail was first sent to: `ORCPT` (RFC 3461 §4.2). In its wire form, a type and an xtext.
///
/// ```abnf
/// original-recipient-address = addr-type ";" xtext
/// ```
///
/// Not supported: addresses of the type `utf-8` in raw UTF-8 (RFC 6533 §3); in ASCII they are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OriginalRecipient(String);

impl OriginalRecipient {
    /// An Internet mail address, of type `rfc822`.
    ///
    /// # Errors
    /// [`InvalidAddress`] if it holds characters outside ASCII.
    pub fn rfc822(address: &ForwardPath) -> Result<Self, InvalidAddress> {
        let text = address.as_str();
        if text.is_ascii() {
            Ok(Self(format!("rfc822;{}", Xtext(text))))
        } else {
            Err(InvalidAddress::new(text, "outside ASCII"))
        }
    }
}

impl FromStr for OriginalRecipient {
    type Err = InvalidAddress;

    /// The wire form of an address of any type, at most 500 octets, as a mail came in with it.
    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let is_atom = |kind: &str| {
            let mut octets = kind.bytes();
            !kind.is_empty() && octets.all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        match text.split_once(';') {
            Some((kind, address))
                if is_atom(kind) && text.len() <= 500 && from_xtext(address).is_some() =>
            {
                Ok(Self(text.to_owned()))
            }
            _ => Err(InvalidAddress::new(text, "not type;address in xtext")),
        }
    }
}

impl fmt::Display for OriginalRecipient {
    /// In its wire form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3461_envid_and_orcpt_are_xtext() {
        let id: EnvelopeId = "QQ 3=1+1".parse().unwrap();
        assert_eq!(id.to_string(), "QQ+203+3D1+2B1");
        assert!("x\r\nRSET".parse::<EnvelopeId>().is_err());
        assert!("".parse::<EnvelopeId>().is_err());
        assert!("=".repeat(34).parse::<EnvelopeId>().is_err());
        assert!(format!("{}x", "=".repeat(33)).parse::<EnvelopeId>().is_ok());
        let path: ForwardPath = "a+b=c@example.org".parse().unwrap();
        let shown = OriginalRecipient::rfc822(&path).unwrap().to_string();
        assert_eq!(shown, "rfc822;a+2Bb+3Dc@example.org");
        let utf8: ForwardPath = "\u{e9}@example.org".parse().unwrap();
        assert!(OriginalRecipient::rfc822(&utf8).is_err());
        assert_eq!(EnvelopeId::from_xtext("QQ+203+3D1+2b1").unwrap(), id);
        for bad in ["", "a b", "a+", "+0D+0A", "+C3+A9", "a=b"] {
            assert!(EnvelopeId::from_xtext(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rfc3461_4_2_what_a_mail_came_with_is_written_as_it_came() {
        for text in [
            "rfc822;a+2Bb@example.org",
            "x400;/S=a/".replace('=', "+3D").as_str(),
        ] {
            assert_eq!(text.parse::<OriginalRecipient>().unwrap().to_string(), text);
        }
        for bad in [
            "a@b",
            ";a@b",
            "rfc822;a b",
            "rfc822;a\r\nRSET",
            "rf c;a",
            "rfc822;+0",
            "",
        ] {
            assert!(bad.parse::<OriginalRecipient>().is_err(), "{bad:?}");
        }
        for text in ["NEVER", "SUCCESS,DELAY", "FAILURE"] {
            assert_eq!(text.parse::<Notify>().unwrap().to_string(), text);
        }
        assert_eq!("never".parse(), Ok(Notify::Never));
        assert!("NEVER,DELAY".parse::<Notify>().is_err());
        assert!("".parse::<Notify>().is_err());
        let address = |octets: usize| format!("rfc822;{}", "a".repeat(octets - 7));
        assert!(address(500).parse::<OriginalRecipient>().is_ok());
        assert!(address(501).parse::<OriginalRecipient>().is_err());
        assert_eq!("Full".parse(), Ok(Return::Full));
        assert_eq!("hdrs".parse(), Ok(Return::Headers));
        assert!("ALL".parse::<Return>().is_err());
    }

    #[test]
    fn rfc3461_4_1_notify() {
        let on = |success, failure, delay| {
            Notify::On {
                success,
                failure,
                delay,
            }
            .to_string()
        };
        assert_eq!(on(true, false, true), "SUCCESS,DELAY");
        assert_eq!(on(false, true, false), "FAILURE");
        assert_eq!(Notify::Never.to_string(), "NEVER");
    }
}
