#[cfg(feature = "cram-md5")]
use super::cram_md5;
#[cfg(feature = "scram")]
use super::scram::Scram;
use super::{ChannelBinding, Credentials, MAX_CHALLENGES, Mechanism};
use crate::escape::Escaped;
use crate::{Redactor, Secret};
use std::fmt;

/// One authentication dialogue: challenges in, responses out, both without base64.
#[derive(Debug)]
pub struct Exchange {
    mechanism: Mechanism,
    credentials: Credentials,
    challenges: usize,
    /// What a challenge is shown without.
    secrets: Redactor,
    #[cfg(feature = "scram")]
    scram: Option<Scram>,
}

impl Exchange {
    /// Begins a dialogue. Choose the mechanism with [`select`](super::select).
    pub fn new(mechanism: Mechanism, credentials: &Credentials) -> Self {
        Self::over(mechanism, credentials, None)
    }

    /// The same over a connection that a login can be bound to, as SCRAM-…-PLUS must be.
    ///
    /// SCRAM without PLUS tells the server then that we could have bound it (gs2 flag `y`, RFC 5802 §6): a server that
    /// does offer PLUS, and whose offer somebody has removed, notices and refuses. So a binding may be given only if the
    /// mechanism was chosen for [`Channel::Bound`](super::Channel::Bound), and with one without PLUS only if no other is
    /// offered: [`ChannelBinding::for_mechanism`].
    pub fn over(
        mechanism: Mechanism,
        credentials: &Credentials,
        binding: Option<ChannelBinding>,
    ) -> Self {
        #[cfg(not(feature = "scram"))]
        drop(binding);
        Self {
            mechanism,
            credentials: credentials.clone(),
            challenges: 0,
            secrets: Redactor::of(credentials),
            #[cfg(feature = "scram")]
            scram: Scram::new(mechanism, credentials, binding),
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
            Mechanism::OauthBearer => Some(self.oauth_bearer()),
            Mechanism::External => Some(self.identity()),
            Mechanism::Anonymous => Some(Secret::from(self.credentials.user())),
            #[cfg(feature = "scram")]
            Mechanism::ScramSha1
            | Mechanism::ScramSha256
            | Mechanism::ScramSha1Plus
            | Mechanism::ScramSha256Plus => Some(self.scram.as_ref()?.client_first()),
            #[cfg(feature = "cram-md5")]
            Mechanism::CramMd5 => None,
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
        let said = match (self.mechanism, step) {
            (Mechanism::Login, 0) => Some(Secret::from(self.credentials.user())),
            (Mechanism::Login, 1) => Some(self.proof()),
            #[cfg(feature = "cram-md5")]
            (Mechanism::CramMd5, 0) => Some(self.cram_md5(challenge)),
            #[cfg(feature = "scram")]
            (mechanism, 1..) if mechanism.is_scram() => {
                let scram = self.scram.as_mut().ok_or(SaslError::NoRandomness)?;
                scram.respond(step, challenge)?
            }
            (_, 0) => self.initial_response(),
            // The server explains a refusal in a challenge and wants an answer before it says no (RFC 7628 §3.2.3).
            (Mechanism::OauthBearer, 1) if !challenge.is_empty() => Some(Secret::from("\u{1}")),
            (Mechanism::Xoauth2, 1) if !challenge.is_empty() => Some(Secret::new([])),
            _ => None,
        };
        let response = said.ok_or_else(|| self.unexpected(challenge))?;
        self.secrets.add_proof(&response);
        Ok(response)
    }

    fn unexpected(&self, challenge: &[u8]) -> SaslError {
        let shown = self.secrets.redact(challenge);
        SaslError::UnexpectedChallenge {
            mechanism: self.mechanism,
            challenge: Escaped(shown.get(..80).unwrap_or(&shown)).to_string(),
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
        if said < needed || !self.server_is_verified() {
            return Err(SaslError::PrematureSuccess(self.mechanism));
        }
        Ok(())
    }

    /// Whether the server has proved what the mechanism wants proved.
    fn server_is_verified(&self) -> bool {
        #[cfg(feature = "scram")]
        if self.mechanism.is_scram() {
            return self.scram.as_ref().is_some_and(Scram::is_verified);
        }
        true
    }

    fn proof(&self) -> Secret {
        let secret = self.credentials.secret().cloned();
        secret.unwrap_or_else(|| Secret::new([]))
    }

    /// Whom to act as; nothing means whom the proof is for.
    fn identity(&self) -> Secret {
        Secret::from(self.credentials.acting_as().unwrap_or_default())
    }

    /// `message = [authzid] NUL authcid NUL passwd` (RFC 4616 §2).
    fn plain(&self) -> Secret {
        let user = self.credentials.user().as_bytes();
        let (identity, password) = (self.identity(), self.proof());
        let fields = [identity.expose_secret(), user, password.expose_secret()];
        Secret::new(fields.join(&0))
    }

    /// `client-resp = gs2-header kvsep *kvpair kvsep` (RFC 7628 §3.1). Host and port are left out; they are optional.
    fn oauth_bearer(&self) -> Secret {
        let user = self
            .credentials
            .user()
            .replace('=', "=3D")
            .replace(',', "=2C");
        let token = self.proof();
        let header = ["n,a=", &user, ",\u{1}auth=Bearer "].concat();
        Secret::new([header.as_bytes(), token.expose_secret(), b"\x01\x01"].concat())
    }

    #[cfg(feature = "cram-md5")]
    fn cram_md5(&self, challenge: &[u8]) -> Secret {
        let password = self.proof();
        cram_md5::response(self.credentials.user(), &password, challenge)
    }

    fn xoauth2(&self) -> Secret {
        let user = self.credentials.user().as_bytes();
        let token = self.proof();
        let fields = [
            b"user=",
            user,
            b"\x01auth=Bearer ",
            token.expose_secret(),
            b"\x01\x01",
        ];
        Secret::new(fields.concat())
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
        /// The challenge, decoded, shortened and escaped, without the secret if the server repeated it.
        challenge: String,
    },
    /// The server kept asking.
    TooManyChallenges,
    /// The server reported success before the mechanism was through.
    PrematureSuccess(Mechanism),
    /// The server's message does not follow the mechanism's rules; which one.
    BadChallenge(&'static str),
    /// The server could not prove that it knows the password: it may be somebody else.
    ServerNotVerified,
    /// The server ended the dialogue with this error.
    Rejected(String),
    /// The operating system gave no random octets.
    NoRandomness,
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
            Self::BadChallenge(why) => write!(f, "the server's challenge is wrong: {why}"),
            Self::ServerNotVerified => {
                f.write_str("the server did not prove that it knows the password")
            }
            Self::Rejected(why) => write!(f, "the server rejects the exchange: {why}"),
            Self::NoRandomness => {
                f.write_str("the operating system gave no random octets for a nonce")
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

    #[cfg(feature = "cram-md5")]
    #[test]
    fn rfc2195_2_one_challenge_is_answered_with_a_digest() {
        let mut cram = exchange(Mechanism::CramMd5);
        assert!(cram.initial_response().is_none());
        let challenge = b"<1896.697170952@postoffice.reston.mci.net>";
        let answer = cram.respond(challenge, false).unwrap();
        assert_eq!(text(&answer), b"tim b913a602c7eda7a495b4e6e7334d3890");
        assert!(cram.respond(challenge, false).is_err());
    }

    #[test]
    fn t7_a_challenge_that_repeats_the_password_is_shown_without_it() {
        let mut plain = exchange(Mechanism::Plain);
        let error = plain.respond(b"is it tanstaaftanstaaf?", true).unwrap_err();
        assert_eq!(
            error.to_string(),
            "PLAIN has no answer to the challenge \"is it (…)?\""
        );
    }

    #[cfg(feature = "cram-md5")]
    #[test]
    fn t7_a_challenge_that_repeats_our_digest_is_shown_without_it() {
        let mut cram = exchange(Mechanism::CramMd5);
        let challenge = b"<1896.697170952@postoffice.reston.mci.net>";
        cram.respond(challenge, false).unwrap();
        let again = b"is it b913a602c7eda7a495b4e6e7334d3890?";
        let error = cram.respond(again, false).unwrap_err();
        assert_eq!(
            error.to_string(),
            "CRAM-MD5 has no answer to the challenge \"is it (…)?\""
        );
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
    fn rfc7628_4_1_oauthbearer() {
        let credentials = Credentials::bearer(
            "user@example.com",
            "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==",
        );
        let mut token = Exchange::new(Mechanism::OauthBearer, &credentials.unwrap());
        let initial = token.initial_response().unwrap();
        assert_eq!(
            text(&initial),
            b"n,a=user@example.com,\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01"
        );
        let explanation = b"{\"status\":\"invalid_token\"}";
        assert_eq!(text(&token.respond(explanation, true).unwrap()), b"\x01");
        assert!(token.respond(b"more", true).is_err());
        let odd = Credentials::bearer("a,b=c", "t").unwrap();
        let initial = Exchange::new(Mechanism::OauthBearer, &odd).initial_response();
        assert!(text(&initial.unwrap()).starts_with(b"n,a=a=2Cb=3Dc,\x01"));
    }

    #[test]
    fn rfc4616_plain_with_another_identity() {
        let credentials = Credentials::password("Kurt", "xipj3plmq").unwrap();
        let credentials = credentials.act_as("Ursel").unwrap();
        let plain = Exchange::new(Mechanism::Plain, &credentials);
        let initial = plain.initial_response().unwrap();
        assert_eq!(text(&initial), b"Ursel\0Kurt\0xipj3plmq");
        assert!(!Mechanism::Login.accepts(&credentials));
    }

    #[test]
    fn rfc4422_external_names_the_identity_or_nobody() {
        let nobody = Exchange::new(Mechanism::External, &Credentials::external());
        assert_eq!(text(&nobody.initial_response().unwrap()), b"");
        let ada = Credentials::external().act_as("ada").unwrap();
        let ada = Exchange::new(Mechanism::External, &ada);
        assert_eq!(text(&ada.initial_response().unwrap()), b"ada");
        assert_eq!(ada.succeed(true), Ok(()));
    }

    #[test]
    fn rfc4505_anonymous_sends_its_trace() {
        let credentials = Credentials::anonymous("sirhc").unwrap();
        let mut anonymous = Exchange::new(Mechanism::Anonymous, &credentials);
        assert_eq!(text(&anonymous.respond(b"", false).unwrap()), b"sirhc");
        assert!(Credentials::anonymous("a\r\nb").is_err());
    }

    #[test]
    fn rfc4954_a_challenge_that_is_no_base64_is_an_error() {
        assert_eq!(decode(b"!!!"), Err(SaslError::NotBase64));
        assert_eq!(decode(b""), Ok(Vec::new()));
        assert_eq!(decode(b" VXNlcm5hbWU6 "), Ok(b"Username:".to_vec()));
    }
}
