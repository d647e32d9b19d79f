//! SASL as SMTP AUTH (RFC 4954) and POP3 AUTH (RFC 5034) use it: mechanisms as small state machines.
//!
//! [`select`] picks the strongest mechanism that server, credentials and channel allow, and
//! says why each of the others was left out. An [`Exchange`] then answers the server's
//! challenges. Both work on decoded bytes; [`encode`] and [`decode`] are the base64 of the wire.
//!
//! With the feature `scram` there are SCRAM-SHA-1 and SCRAM-SHA-256, and both bound to TLS 1.3 (…-PLUS); with `cram-md5` there is CRAM-MD5.
//!
//! Not supported: GSSAPI, NTLM, DIGEST-MD5 (obsolete by RFC 6331), channel binding before TLS 1.3, SASLprep (names and
//! passwords outside ASCII are used as they are), and security layers.

mod binding;
#[cfg(feature = "cram-md5")]
mod cram_md5;
mod credentials;
mod exchange;
mod mechanism;
#[cfg(feature = "scram")]
mod scram;
mod select;

pub use binding::ChannelBinding;
pub use credentials::{Credentials, InvalidCredentials};
pub use exchange::{Exchange, SaslError};
pub use mechanism::Mechanism;
pub use select::{Channel, NoMechanism, Skipped, select};

use crate::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Challenges answered before an exchange is given up. No mechanism needs more than three.
pub const MAX_CHALLENGES: usize = 16;

/// Encodes a response for the wire. An empty one is `=` only as an initial response, which is the caller's business.
pub fn encode(response: &Secret) -> Secret {
    Secret::new(STANDARD.encode(response.expose_secret()))
}

/// Decodes a challenge from the wire; surrounding blanks are tolerated.
///
/// # Errors
/// [`SaslError::NotBase64`] if it is anything but base64 with padding.
pub fn decode(challenge: &[u8]) -> Result<Vec<u8>, SaslError> {
    STANDARD
        .decode(challenge.trim_ascii())
        .map_err(|_| SaslError::NotBase64)
}
