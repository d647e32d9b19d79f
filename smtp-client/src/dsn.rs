//! The parameters of delivery status notifications (RFC 3461).

use crate::text::Xtext;
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

/// A name for the mail that notifications carry back: `ENVID` (RFC 3461 §4.4). Printable ASCII, at most 100 octets as xtext.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EnvelopeId(String);

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

/// The address that the mail was first sent to: `ORCPT` (RFC 3461 §4.2).
///
/// Not supported: the `utf-8` address type (RFC 6533).
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
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidAddress::new(text, "outside ASCII"))
        }
    }
}

impl fmt::Display for OriginalRecipient {
    /// In its wire form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rfc822;{}", Xtext(&self.0))
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
        let path: ForwardPath = "a+b=c@example.org".parse().unwrap();
        let shown = OriginalRecipient::rfc822(&path).unwrap().to_string();
        assert_eq!(shown, "rfc822;a+2Bb+3Dc@example.org");
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
