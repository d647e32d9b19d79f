//! SCRAM: a password proved without being shown, in both directions (RFC 5802, RFC 7677).
//!
//! Not supported: channel binding other than `tls-exporter` (RFC 9266), and SASLprep (RFC 4013): names and passwords outside ASCII are used as they are.

use super::credentials::Proof;
use super::{ChannelBinding, Credentials, Mechanism, SaslError};
use crate::Secret;
use crate::escape::Escaped;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::ops::RangeInclusive;

/// Rounds of hashing that a server may ask for. Fewer protect nothing (RFC 7677 §4); more only keep us busy.
const ITERATIONS: RangeInclusive<u32> = 4_096..=1_000_000;

/// One SCRAM dialogue.
#[derive(Debug)]
pub(super) struct Scram {
    hash: Hash,
    /// `gs2-header`: what we know of channel binding, and perhaps whom to act as.
    header: String,
    /// What the login is bound to, if it is.
    binding: Option<ChannelBinding>,
    /// `client-first-message-bare`.
    first: String,
    nonce: String,
    password: Secret,
    progress: Progress,
}

#[derive(Debug)]
enum Progress {
    Begun,
    /// The proof is sent; the server owes this signature.
    Proved {
        server_signature: Secret,
    },
    Verified,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    Sha1,
    Sha256,
}

impl Scram {
    /// `None` if the mechanism is another, the credentials are of another kind, or there is no randomness to be had.
    pub(super) fn new(
        mechanism: Mechanism,
        credentials: &Credentials,
        binding: Option<ChannelBinding>,
    ) -> Option<Self> {
        if !mechanism.is_scram() {
            return None;
        }
        let mut random = [0; 18];
        getrandom::getrandom(&mut random).ok()?;
        Self::with_nonce(mechanism, credentials, binding, STANDARD.encode(random))
    }

    fn with_nonce(
        mechanism: Mechanism,
        credentials: &Credentials,
        binding: Option<ChannelBinding>,
        nonce: String,
    ) -> Option<Self> {
        let hash = match mechanism {
            Mechanism::ScramSha1 | Mechanism::ScramSha1Plus => Hash::Sha1,
            Mechanism::ScramSha256 | Mechanism::ScramSha256Plus => Hash::Sha256,
            _ => return None,
        };
        let Proof::Password(password) = credentials.proof() else {
            return None;
        };
        let flag = gs2_flag(mechanism, binding.as_ref())?;
        let identity = credentials.acting_as();
        let identity = identity.map(|identity| format!("a={}", saslname(identity)));
        Some(Self {
            hash,
            header: format!("{flag},{},", identity.unwrap_or_default()),
            binding: binding.filter(|_| mechanism.binds_channel()),
            first: format!("n={},r={nonce}", saslname(credentials.user())),
            nonce,
            password: password.clone(),
            progress: Progress::Begun,
        })
    }

    /// `client-first-message = gs2-header client-first-message-bare`
    pub(super) fn client_first(&self) -> Secret {
        Secret::from([&self.header[..], &self.first].concat())
    }

    /// Answers a message of the server; `None` if nothing was left to be said.
    pub(super) fn respond(
        &mut self,
        step: usize,
        message: &[u8],
    ) -> Result<Option<Secret>, SaslError> {
        match (step, &self.progress) {
            (1, Progress::Begun) => self.client_final(message).map(Some),
            (2, Progress::Proved { server_signature }) => {
                self.hash.verify(server_signature, message)?;
                self.progress = Progress::Verified;
                Ok(Some(Secret::new([])))
            }
            _ => Ok(None),
        }
    }

    pub(super) fn is_verified(&self) -> bool {
        matches!(self.progress, Progress::Verified)
    }

    /// `client-final-message = channel-binding "," nonce "," proof`
    fn client_final(&mut self, server_first: &[u8]) -> Result<Secret, SaslError> {
        let server = ServerFirst::parse(server_first)?;
        if !server.nonce.starts_with(&self.nonce) || server.nonce == self.nonce {
            return Err(SaslError::BadChallenge("the nonce does not continue ours"));
        }
        if !ITERATIONS.contains(&server.iterations) {
            return Err(SaslError::BadChallenge(
                "the iteration count is not between 4,096 and 1,000,000",
            ));
        }
        let bound_to = self.binding.as_ref().map_or(&[][..], ChannelBinding::data);
        let binding = STANDARD.encode([self.header.as_bytes(), bound_to].concat());
        let without_proof = format!("c={binding},r={}", server.nonce);
        let auth_message = format!("{},{},{without_proof}", self.first, server.text);
        let keys = self.keys(&server, auth_message.as_bytes());
        let proof = Secret::new(STANDARD.encode(keys.client_proof.expose_secret()));
        self.progress = Progress::Proved {
            server_signature: keys.server_signature,
        };
        let start = [without_proof.as_bytes(), b",p="].concat();
        Ok(Secret::new([&start, proof.expose_secret()].concat()))
    }

    /// RFC 5802 §3.
    fn keys(&self, server: &ServerFirst<'_>, auth_message: &[u8]) -> Keys {
        let hash = self.hash;
        let salted_password = hash.hi(&self.password, &server.salt, server.iterations);
        let client_key = hash.hmac(&salted_password, b"Client Key");
        let stored_key = hash.digest(&client_key);
        let client_signature = hash.hmac(&stored_key, auth_message);
        let server_key = hash.hmac(&salted_password, b"Server Key");
        let pairs = client_key.expose_secret().iter();
        let proof = pairs.zip(client_signature.expose_secret());
        Keys {
            client_proof: Secret::new(proof.map(|(a, b)| a ^ b).collect::<Vec<u8>>()),
            server_signature: hash.hmac(&server_key, auth_message),
        }
    }
}

struct Keys {
    client_proof: Secret,
    server_signature: Secret,
}

/// `server-first-message = nonce "," salt "," iteration-count ["," extensions]`
///
/// A message that begins with `m=` has an extension that must be understood; there is none that we do.
struct ServerFirst<'a> {
    text: &'a str,
    nonce: &'a str,
    salt: Vec<u8>,
    iterations: u32,
}

impl<'a> ServerFirst<'a> {
    fn parse(message: &'a [u8]) -> Result<Self, SaslError> {
        let bad = SaslError::BadChallenge("it is not nonce, salt and iteration count");
        Self::fields(message).ok_or(bad)
    }

    fn fields(message: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(message).ok()?;
        let mut fields = text.split(',');
        let nonce = fields.next()?.strip_prefix("r=")?;
        let salt = fields.next()?.strip_prefix("s=")?;
        let iterations = fields.next()?.strip_prefix("i=")?;
        Some(Self {
            text,
            nonce,
            salt: STANDARD.decode(salt).ok()?,
            // Larger numbers than fit are as wrong as those that do and are too large.
            iterations: iterations.parse().unwrap_or(u32::MAX),
        })
    }
}

impl Hash {
    fn hmac(self, key: &Secret, text: &[u8]) -> Secret {
        match self {
            Self::Sha1 => hmac::<Hmac<Sha1>>(key, text),
            Self::Sha256 => hmac::<Hmac<Sha256>>(key, text),
        }
    }

    fn digest(self, text: &Secret) -> Secret {
        match self {
            Self::Sha1 => Secret::new(Sha1::digest(text.expose_secret()).to_vec()),
            Self::Sha256 => Secret::new(Sha256::digest(text.expose_secret()).to_vec()),
        }
    }

    fn hi(self, password: &Secret, salt: &[u8], iterations: u32) -> Secret {
        match self {
            Self::Sha1 => hi::<Hmac<Sha1>>(password, salt, iterations),
            Self::Sha256 => hi::<Hmac<Sha256>>(password, salt, iterations),
        }
    }

    /// `server-final-message = (server-error / verifier) ["," extensions]`
    fn verify(self, expected: &Secret, message: &[u8]) -> Result<(), SaslError> {
        let field = message.split(|&b| b == b',').next().unwrap_or_default();
        if let Some(error) = field.strip_prefix(b"e=") {
            let error = error.get(..80).unwrap_or(error);
            return Err(SaslError::Rejected(Escaped(error).to_string()));
        }
        let signature = field
            .strip_prefix(b"v=")
            .and_then(|signature| STANDARD.decode(signature).ok())
            .ok_or(SaslError::ServerNotVerified)?;
        // Compared as digests, which tells a listener nothing about where they differ.
        let same = self.digest(&Secret::new(signature)).expose_secret()
            == self.digest(expected).expose_secret();
        if same {
            Ok(())
        } else {
            Err(SaslError::ServerNotVerified)
        }
    }
}

fn keyed<M: Mac + KeyInit>(key: &[u8]) -> Option<M> {
    // HMAC takes keys of any length.
    <M as KeyInit>::new_from_slice(key).ok()
}

fn hmac<M: Mac + KeyInit>(key: &Secret, text: &[u8]) -> Secret {
    let Some(mut mac) = keyed::<M>(key.expose_secret()) else {
        return Secret::new([]);
    };
    mac.update(text);
    Secret::new(mac.finalize().into_bytes().to_vec())
}

/// `Hi(str, salt, i)`: PBKDF2 with one block (RFC 5802 §2.2).
fn hi<M: Mac + KeyInit + Clone>(password: &Secret, salt: &[u8], iterations: u32) -> Secret {
    let Some(keyed) = keyed::<M>(password.expose_secret()) else {
        return Secret::new([]);
    };
    let round = |text: &[&[u8]]| {
        let mut mac = keyed.clone();
        text.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes()
    };
    let mut last = round(&[salt, &1u32.to_be_bytes()]);
    let mut result = last.to_vec();
    for _ in 1..iterations {
        last = round(&[&last]);
        result.iter_mut().zip(&last).for_each(|(r, u)| *r ^= u);
    }
    Secret::new(result)
}

/// `gs2-cbind-flag = "p=" cb-name / "n" / "y"`: bound; cannot be; could be, but the server does not offer it. `None` if
/// the mechanism wants it, and there is nothing to bind to.
fn gs2_flag(mechanism: Mechanism, binding: Option<&ChannelBinding>) -> Option<String> {
    match (mechanism.binds_channel(), binding) {
        (true, Some(binding)) => Some(format!("p={}", binding.name())),
        (true, None) => None,
        (false, Some(_)) => Some("y".to_owned()),
        (false, None) => Some("n".to_owned()),
    }
}

/// `saslname`: `=` and `,` as `=3D` and `=2C` (RFC 5802 §5.1).
fn saslname(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scram(mechanism: Mechanism, nonce: &str) -> Scram {
        let credentials = Credentials::password("user", "pencil").unwrap();
        Scram::with_nonce(mechanism, &credentials, None, nonce.to_owned()).unwrap()
    }

    fn sha256() -> Scram {
        scram(Mechanism::ScramSha256, "rOprNGfwEbeRWgbNEkqO")
    }

    const SERVER_FIRST: &[u8] =
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    const SERVER_FINAL: &[u8] = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

    #[test]
    fn rfc5802_5_example() {
        let mut scram = scram(Mechanism::ScramSha1, "fyko+d2lbbFgONRv9qkxdawL");
        assert_eq!(
            scram.client_first().expose_secret(),
            b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL"
        );
        let first = b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096";
        let response = scram.respond(1, first).unwrap().unwrap();
        assert_eq!(
            response.expose_secret(),
            b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="
        );
        assert!(!scram.is_verified());
        let last = scram.respond(2, b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=").unwrap();
        assert!(last.unwrap().is_empty());
        assert!(scram.is_verified());
    }

    #[test]
    fn rfc7677_3_example() {
        let mut scram = sha256();
        let response = scram.respond(1, SERVER_FIRST).unwrap().unwrap();
        assert_eq!(
            response.expose_secret(),
            b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        scram.respond(2, SERVER_FINAL).unwrap();
        assert!(scram.is_verified());
    }

    #[test]
    fn t8_a_server_that_does_not_know_the_password_is_found_out() {
        for last in [
            &b"v=AAAATRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="[..],
            b"v=",
            b"v=!!!",
            b"",
            b"x=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        ] {
            let mut scram = sha256();
            scram.respond(1, SERVER_FIRST).unwrap();
            let refused = scram.respond(2, last).unwrap_err();
            assert_eq!(refused, SaslError::ServerNotVerified);
            assert!(!scram.is_verified());
        }
        let mut scram = sha256();
        scram.respond(1, SERVER_FIRST).unwrap();
        let rejected = scram.respond(2, b"e=invalid-proof").unwrap_err();
        assert_eq!(rejected, SaslError::Rejected("invalid-proof".to_owned()));
    }

    #[test]
    fn t8_no_proof_is_given_to_a_server_that_breaks_the_rules() {
        let nonce = "rOprNGfwEbeRWgbNEkqO";
        for first in [
            "r=another,s=W22Z,i=4096".to_owned(),
            format!("r={nonce},s=W22Z,i=4096"),
            format!("r={nonce}x,s=W22Z,i=1"),
            format!("r={nonce}x,s=W22Z,i=4095"),
            format!("r={nonce}x,s=W22Z,i=1000001"),
            format!("r={nonce}x,s=W22Z,i=2147483648"),
            format!("r={nonce}x,s=W22Z,i=99999999999999999999"),
            format!("r={nonce}x,s=!,i=4096"),
            format!("m=x,r={nonce}x,s=W22Z,i=4096"),
            format!("r={nonce}x"),
            String::new(),
        ] {
            let refused = sha256().respond(1, first.as_bytes()).unwrap_err();
            assert!(matches!(refused, SaslError::BadChallenge(_)), "{first}");
        }
    }

    #[test]
    fn t8_success_before_the_server_proved_itself_is_none() {
        use super::super::Exchange;
        let credentials = Credentials::password("user", "pencil").unwrap();
        let mut exchange = Exchange::new(Mechanism::ScramSha256, &credentials);
        let first = exchange.initial_response().unwrap();
        let premature = Err(SaslError::PrematureSuccess(Mechanism::ScramSha256));
        assert_eq!(exchange.succeed(true), premature);
        let nonce = std::str::from_utf8(first.expose_secret()).unwrap();
        let nonce = nonce.rsplit_once("r=").unwrap().1;
        let server_first = format!("r={nonce}x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
        exchange.respond(server_first.as_bytes(), true).unwrap();
        assert_eq!(exchange.succeed(true), premature);
    }

    #[test]
    fn rfc5802_6_the_flag_says_what_we_know_of_channel_binding() {
        let credentials = Credentials::password("user", "pencil").unwrap();
        let first = |mechanism, binding: Option<&[u8]>| {
            let binding = binding.map(|data| ChannelBinding::tls_exporter(Secret::new(data)));
            let scram = Scram::with_nonce(mechanism, &credentials, binding, "N".to_owned())?;
            Some(String::from_utf8(scram.client_first().expose_secret().to_vec()).unwrap())
        };
        let (sha, plus) = (Mechanism::ScramSha256, Mechanism::ScramSha256Plus);
        assert_eq!(first(sha, None).unwrap(), "n,,n=user,r=N");
        assert_eq!(first(sha, Some(b"x")).unwrap(), "y,,n=user,r=N");
        assert_eq!(
            first(plus, Some(b"x")).unwrap(),
            "p=tls-exporter,,n=user,r=N"
        );
        assert_eq!(first(plus, None), None, "nothing to bind to");
    }

    #[test]
    fn rfc5802_7_the_proof_covers_flag_and_binding() {
        let credentials = Credentials::password("user", "pencil").unwrap();
        let proof_of = |mechanism, data: Option<&[u8]>| {
            let binding = data.map(|data| ChannelBinding::tls_exporter(Secret::new(data)));
            let nonce = "rOprNGfwEbeRWgbNEkqO".to_owned();
            let scram = Scram::with_nonce(mechanism, &credentials, binding, nonce);
            let last = scram.unwrap().respond(1, SERVER_FIRST).unwrap().unwrap();
            let last = String::from_utf8(last.expose_secret().to_vec()).unwrap();
            let (start, proof) = last.split_once(",p=").unwrap();
            let channel = start.strip_prefix("c=").unwrap().split(',').next().unwrap();
            (STANDARD.decode(channel).unwrap(), proof.to_owned())
        };
        let (plus, sha) = (Mechanism::ScramSha256Plus, Mechanism::ScramSha256);
        let (ours, proof) = proof_of(plus, Some(b"ours"));
        assert_eq!(ours, b"p=tls-exporter,,ours");
        let (theirs, other) = proof_of(plus, Some(b"theirs"));
        assert_eq!(theirs, b"p=tls-exporter,,theirs");
        assert_ne!(proof, other, "the server in the middle has another binding");
        assert_eq!(proof_of(sha, Some(b"ours")).0, b"y,,");
        assert_ne!(proof_of(sha, Some(b"ours")).1, proof_of(sha, None).1);
    }

    #[test]
    fn names_and_identities_are_escaped() {
        let credentials = Credentials::password("a,b=c", "x").unwrap();
        let credentials = credentials.act_as("d,e").unwrap();
        let scram = Scram::with_nonce(Mechanism::ScramSha1, &credentials, None, "N".to_owned());
        let scram = scram.unwrap();
        assert_eq!(
            scram.client_first().expose_secret(),
            b"n,a=d=2Ce,n=a=2Cb=3Dc,r=N"
        );
    }

    #[test]
    fn nonces_differ_and_debug_shows_no_password() {
        let credentials = Credentials::password("user", "pencil").unwrap();
        let nonce = || {
            Scram::new(Mechanism::ScramSha256, &credentials, None)
                .unwrap()
                .nonce
        };
        assert_ne!(nonce(), nonce());
        assert!(!format!("{:?}", sha256()).contains("pencil"));
    }
}
