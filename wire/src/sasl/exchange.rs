use super::credentials::Proof;
use super::{Credentials, MAX_CHALLENGES, Mechanism};
use crate::Secret;
use crate::escape::Escaped;
use std::fmt;

/// One authentication dialogue: challenges in, responses out, both without base64.
#[derive(Debug)]
pub struct Exchange {
    mechanism: Mechanism,
    credentials: Credentials,
    challenges: usize,
}

impl Exchange {
    /// Begins a dialogue. Choose the mechanism with [`select`](super::select).
    pub fn new(mechanism: Mechanism, credentials: &Credentials) -> Self {
        Self {
            mechanism,
            credentials: credentials.clone(),
            challenges: 0,
        }
    }

    /// The mechanism in use.
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// What the client says first, if it speaks first. It may go with the AUTH command or in answer to an empty challenge.
    pub fn initial_response(&self) -> Option<Secret> {
        match self.mechanism {
            Mechanism::Plain => Some(self.plain()),
            Mechanism::Xoauth2 => Some(self.xoauth2()),
            Mechanism::Login => None,
        }
    }

    /// Answers a challenge. `initial_sent` says whether the initial response went with the command already.
    ///
    /// # Errors
    /// The server asked for more than the mechanism has to say; the caller cancels with `*`.
    pub fn respond(&mut self, challenge: &[u8], initial_sent: bool) -> Result<Secret, SaslError> {
        let step = self.challenges + usize::from(initial_sent);
        self.challenges += 1;
        if self.challenges > MAX_CHALLENGES {
            return Err(SaslError::TooManyChallenges);
        }
        match (self.mechanism, step) {
            (Mechanism::Plain, 0) => Ok(self.plain()),
            (Mechanism::Xoauth2, 0) => Ok(self.xoauth2()),
            // The server explains a refusal in a challenge and wants an empty answer before it says no.
            (Mechanism::Xoauth2, 1) if !challenge.is_empty() => Ok(Secret::new(Vec::new())),
            (Mechanism::Login, 0) => Ok(Secret::from(self.credentials.user())),
            (Mechanism::Login, 1) => Ok(self.proof().clone()),
            _ => Err(SaslError::UnexpectedChallenge {
                mechanism: self.mechanism,
                challenge: Escaped(challenge.get(..80).unwrap_or(challenge)).to_string(),
            }),
        }
    }

    /// Called when the server reports success: whether the mechanism agrees that the dialogue is complete.
    ///
    /// # Errors
    /// The server said yes before it could know, or before it proved itself.
    pub fn succeed(&self, initial_sent: bool) -> Result<(), SaslError> {
        let said = self.challenges + usize::from(initial_sent);
        let needed = if self.mechanism == Mechanism::Login {
            2
        } else {
            1
        };
        if said < needed {
            return Err(SaslError::PrematureSuccess(self.mechanism));
        }
        Ok(())
    }

    fn proof(&self) -> &Secret {
        match self.credentials.proof() {
            Proof::Password(secret) | Proof::Bearer(secret) => secret,
        }
    }

    /// `message = [authzid] NUL authcid NUL passwd` (RFC 4616 §2), authzid empty.
    fn plain(&self) -> Secret {
        let user = self.credentials.user().as_bytes();
        Secret::new([b"\0", user, b"\0", self.proof().expose_secret()].concat())
    }

    fn xoauth2(&self) -> Secret {
        let user = self.credentials.user().as_bytes();
        let token = self.proof().expose_secret();
        Secret::new([b"user=", user, b"\x01auth=Bearer ", token, b"\x01\x01"].concat())
    }
}

/// A dialogue that went wrong on the way, before the server gave its verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SaslError {
    /// A challenge was not base64.
    NotBase64,
    /// The mechanism has nothing to say to this challenge.
    UnexpectedChallenge {
        /// The mechanism in use.
        mechanism: Mechanism,
        /// The challenge, decoded, shortened and escaped.
        challenge: String,
    },
    /// The server kept asking.
    TooManyChallenges,
    /// The server reported success before the mechanism was through.
    PrematureSuccess(Mechanism),
}

impl fmt::Display for SaslError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBase64 => f.write_str("the server's challenge is not base64"),
            Self::UnexpectedChallenge {
                mechanism,
                challenge,
            } => {
                write!(
                    f,
                    "{mechanism} has no answer to the challenge {challenge:?}"
                )
            }
            Self::TooManyChallenges => {
                write!(f, "the server sent more than {MAX_CHALLENGES} challenges")
            }
            Self::PrematureSuccess(mechanism) => {
                write!(
                    f,
                    "the server reported success before {mechanism} was complete"
                )
            }
        }
    }
}

impl std::error::Error for SaslError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sasl::{decode, encode};

    fn exchange(mechanism: Mechanism) -> Exchange {
        let credentials = match mechanism {
            Mechanism::Xoauth2 => Credentials::bearer("tim", "tanstaaf"),
            _ => Credentials::password("tim", "tanstaaftanstaaf"),
        };
        Exchange::new(mechanism, &credentials.unwrap())
    }

    fn text(secret: &Secret) -> &[u8] {
        secret.expose_secret()
    }

    #[test]
    fn rfc4616_plain_example() {
        let mut plain = exchange(Mechanism::Plain);
        let initial = plain.initial_response().unwrap();
        assert_eq!(text(&initial), b"\0tim\0tanstaaftanstaaf");
        assert_eq!(text(&encode(&initial)), b"AHRpbQB0YW5zdGFhZnRhbnN0YWFm");
        assert_eq!(text(&plain.respond(b"", false).unwrap()), text(&initial));
        assert!(plain.respond(b"again", false).is_err());
    }

    #[test]
    fn login_answers_name_then_password_whatever_the_prompts_say() {
        let mut login = exchange(Mechanism::Login);
        assert!(login.initial_response().is_none());
        assert_eq!(text(&login.respond(b"Username:", false).unwrap()), b"tim");
        assert_eq!(
            login.succeed(false),
            Err(SaslError::PrematureSuccess(Mechanism::Login))
        );
        assert_eq!(
            text(&login.respond(b"\xff", false).unwrap()),
            b"tanstaaftanstaaf"
        );
        assert_eq!(login.succeed(false), Ok(()));
    }

    #[test]
    fn xoauth2_answers_the_explanation_of_a_refusal_with_nothing() {
        let mut token = exchange(Mechanism::Xoauth2);
        let initial = token.initial_response().unwrap();
        assert_eq!(text(&initial), b"user=tim\x01auth=Bearer tanstaaf\x01\x01");
        assert!(
            token
                .respond(b"{\"status\":\"400\"}", true)
                .unwrap()
                .is_empty()
        );
        assert!(token.respond(b"more", true).is_err());
    }

    #[test]
    fn rfc4954_a_challenge_that_is_no_base64_is_an_error() {
        assert_eq!(decode(b"!!!"), Err(SaslError::NotBase64));
        assert_eq!(decode(b""), Ok(Vec::new()));
        assert_eq!(decode(b" VXNlcm5hbWU6 "), Ok(b"Username:".to_vec()));
    }
}
