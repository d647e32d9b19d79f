use super::{Credentials, Mechanism};
use crate::Security;
use crate::escape::Escaped;
use std::fmt;

/// What a listener on the path can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Nothing: TLS is in place.
    Encrypted,
    /// Nothing: TLS is in place, and a login can be bound to it (there is a [`ChannelBinding`](super::ChannelBinding)).
    Bound,
    /// Everything; only mechanisms that do not expose the credentials may be used.
    ClearText,
    /// Everything, and somebody on the path may have brought that about by taking away the offer of TLS. No mechanism may be
    /// used: who chooses the challenge can guess the password from the answer.
    PerhapsStripped,
    /// Everything, and the caller has said loudly that credentials may be sent all the same.
    ClearTextWithCredentialsAllowed,
}

impl Channel {
    /// A connection that has no TLS, or none yet; `allowed` if the caller has said loudly that credentials may be sent all the same.
    pub fn without_tls(security: Security, allowed: bool) -> Self {
        match security {
            _ if allowed => Self::ClearTextWithCredentialsAllowed,
            Security::StartTlsIfOffered => Self::PerhapsStripped,
            _ => Self::ClearText,
        }
    }

    /// Whether the credentials themselves may be sent over it.
    pub fn may_show_credentials(self) -> bool {
        !matches!(self, Self::ClearText | Self::PerhapsStripped)
    }
}

/// The strongest mechanism that the server offers, the credentials fit and the channel permits.
///
/// # Errors
/// [`NoMechanism`] lists every mechanism that was offered, and why it was not taken.
pub fn select<'a>(
    offered: impl IntoIterator<Item = &'a str>,
    credentials: &Credentials,
    channel: Channel,
) -> Result<Mechanism, NoMechanism> {
    let mut best = None;
    let mut skipped = Vec::new();
    for name in offered {
        match usable(name, credentials, channel) {
            Ok(mechanism) => best = best.max(Some(mechanism)),
            Err(why) => skipped.push((Escaped(name.as_bytes()).to_string(), why)),
        }
    }
    best.ok_or(NoMechanism { skipped })
}

fn usable(name: &str, credentials: &Credentials, channel: Channel) -> Result<Mechanism, Skipped> {
    let mechanism = Mechanism::from_name(name).ok_or(Skipped::Unknown)?;
    if !mechanism.accepts(credentials) {
        Err(Skipped::OtherCredentials)
    } else if !credentials.permits(mechanism) {
        Err(Skipped::NotWanted)
    } else if mechanism.exposes_credentials() && !channel.may_show_credentials() {
        Err(Skipped::ClearText)
    } else if channel == Channel::PerhapsStripped {
        Err(Skipped::NoTls)
    } else if channel != Channel::Bound && mechanism.binds_channel() {
        Err(Skipped::NoBinding)
    } else {
        Ok(mechanism)
    }
}

/// Why an offered mechanism was not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Skipped {
    /// We do not have it.
    Unknown,
    /// It takes another kind of credentials than those given.
    OtherCredentials,
    /// It would show the credentials on an unencrypted channel.
    ClearText,
    /// There is no TLS, and somebody on the path may have seen to that.
    NoTls,
    /// It is bound to TLS 1.3, and that is not in use.
    NoBinding,
    /// The credentials are for other mechanisms [only](Credentials::only).
    NotWanted,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "not supported here",
            Self::OtherCredentials => "needs another kind of credentials",
            Self::ClearText => "would send the credentials in clear text",
            Self::NoTls => "only with TLS, of which the offer may have been taken away",
            Self::NoBinding => "needs TLS 1.3",
            Self::NotWanted => "not asked for",
        })
    }
}

/// No offered mechanism could be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoMechanism {
    /// Each mechanism offered, with the reason against it; empty if the server offered none.
    pub skipped: Vec<(String, Skipped)>,
}

impl fmt::Display for NoMechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.skipped.is_empty() {
            return f.write_str("the server offers no authentication mechanism");
        }
        f.write_str("no common authentication mechanism; the server offers ")?;
        for (i, (name, why)) in self.skipped.iter().enumerate() {
            write!(f, "{}{name} ({why})", if i == 0 { "" } else { ", " })?;
        }
        f.write_str("; we have ")?;
        for (i, mechanism) in Mechanism::ALL.iter().rev().enumerate() {
            write!(f, "{}{mechanism}", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl std::error::Error for NoMechanism {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_asked_for_is_used() {
        let password = Credentials::password("ada", "pw").unwrap();
        let login = password.only([Mechanism::Login]);
        let offered = ["PLAIN", "LOGIN"];
        let chosen = select(offered, &login, Channel::Encrypted);
        assert_eq!(chosen, Ok(Mechanism::Login));
        let none = select(["PLAIN"], &login, Channel::Encrypted).unwrap_err();
        assert_eq!(none.skipped, [("PLAIN".to_owned(), Skipped::NotWanted)]);
    }

    #[test]
    fn the_strongest_common_mechanism_wins() {
        let password = Credentials::password("ada", "pw").unwrap();
        let bearer = Credentials::bearer("ada", "tok").unwrap();
        let offered = ["login", "GSSAPI", "PLAIN", "XOAUTH2"];
        assert_eq!(
            select(offered, &password, Channel::Encrypted),
            Ok(Mechanism::Plain)
        );
        assert_eq!(
            select(offered, &bearer, Channel::Encrypted),
            Ok(Mechanism::Xoauth2)
        );
    }

    #[test]
    fn t6d_the_order_is_scram_then_tokens_then_plain_then_login() {
        let names: Vec<&str> = Mechanism::ALL.iter().rev().map(|m| m.name()).collect();
        let wanted = [
            "EXTERNAL",
            "SCRAM-SHA-256-PLUS",
            "SCRAM-SHA-1-PLUS",
            "SCRAM-SHA-256",
            "SCRAM-SHA-1",
            "OAUTHBEARER",
            "XOAUTH2",
            "PLAIN",
            "LOGIN",
            "CRAM-MD5",
            "ANONYMOUS",
        ];
        let ours = wanted.into_iter().filter(|name| names.contains(name));
        assert_eq!(names, ours.collect::<Vec<_>>());
        assert!(Mechanism::ALL.is_sorted());
    }

    #[cfg(feature = "scram")]
    #[test]
    fn rfc5802_6_a_bound_channel_takes_plus_and_any_other_does_not() {
        let password = Credentials::password("ada", "pw").unwrap();
        let offered = ["SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "PLAIN"];
        let taken = |channel| select(offered, &password, channel);
        assert_eq!(taken(Channel::Bound), Ok(Mechanism::ScramSha1Plus));
        assert_eq!(taken(Channel::Encrypted), Ok(Mechanism::ScramSha256));
        assert_eq!(taken(Channel::ClearText), Ok(Mechanism::ScramSha256));
        let only = select(["SCRAM-SHA-256-PLUS"], &password, Channel::Encrypted);
        let shown = only.unwrap_err().to_string();
        assert!(
            shown.contains("SCRAM-SHA-256-PLUS (needs TLS 1.3)"),
            "{shown}"
        );
    }

    #[test]
    fn nothing_that_shows_the_password_is_taken_in_clear_text() {
        let password = Credentials::password("ada", "pw").unwrap();
        let refused = select(["PLAIN", "NTLM"], &password, Channel::ClearText).unwrap_err();
        let shown = refused.to_string();
        assert!(
            shown.contains("PLAIN (would send the credentials in clear text)"),
            "{shown}"
        );
        assert!(shown.contains("NTLM (not supported here)"), "{shown}");
        let stripped = select(
            ["CRAM-MD5", "SCRAM-SHA-256", "PLAIN", "XOAUTH2"],
            &password,
            Channel::PerhapsStripped,
        );
        let skipped = stripped.unwrap_err().skipped;
        let usable = skipped
            .iter()
            .filter(|(name, _)| Mechanism::from_name(name).is_some_and(|m| m.accepts(&password)));
        assert!(usable.clone().count() > 0);
        for (name, why) in usable {
            let exposes = Mechanism::from_name(name).unwrap().exposes_credentials();
            let expected = match exposes {
                true => Skipped::ClearText,
                false => Skipped::NoTls,
            };
            assert_eq!(*why, expected, "{name}");
        }
        let allowed = Channel::ClearTextWithCredentialsAllowed;
        assert_eq!(select(["PLAIN"], &password, allowed), Ok(Mechanism::Plain));
    }
}
