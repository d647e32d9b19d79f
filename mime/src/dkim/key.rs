//! Keys: what a domain signs with, and what it publishes.

use std::fmt;

use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};

use super::error::DkimError;
use crate::coding::base64;

/// A private key: RSA of 2048 to 4096 bits (RFC 6376 §3.3.1), or Ed25519 (RFC 8463 §3).
///
/// Its content never comes out of it, not even by `Debug`.
pub struct Key(Pair);

enum Pair {
    Ed25519(Ed25519KeyPair),
    Rsa(Box<RsaKeyPair>),
}

impl Key {
    /// Reads a key from PEM (RFC 7468): `PRIVATE KEY` (PKCS#8) or `RSA PRIVATE KEY` (PKCS#1).
    ///
    /// ```text
    /// openssl genpkey -algorithm ed25519
    /// openssl genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:2048
    /// ```
    pub fn from_pem(pem: &str) -> Result<Self, DkimError> {
        let (label, text) = block(pem).ok_or(DkimError::Key("there is no block of PEM"))?;
        let mut der = Vec::new();
        if base64::decode(text.as_bytes(), &mut der).is_some() {
            return Err(DkimError::Key("the PEM holds no base64"));
        }
        match label {
            "PRIVATE KEY" => Self::from_pkcs8(&der),
            "RSA PRIVATE KEY" => Self::from_pkcs1(&der),
            "ENCRYPTED PRIVATE KEY" => Err(DkimError::Key("it is encrypted; decrypt it first")),
            _ => Err(DkimError::Key("the PEM holds no private key")),
        }
    }

    /// Reads a key from the DER of PKCS#8 (RFC 5958), Ed25519 with or without its public key.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, DkimError> {
        if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
            return Ok(Self(Pair::Ed25519(pair)));
        }
        Self::rsa(RsaKeyPair::from_pkcs8(der))
    }

    /// Reads an RSA key from the DER of PKCS#1 (RFC 8017 A.1.2).
    pub fn from_pkcs1(der: &[u8]) -> Result<Self, DkimError> {
        Self::rsa(RsaKeyPair::from_der(der))
    }

    fn rsa(pair: Result<RsaKeyPair, ring::error::KeyRejected>) -> Result<Self, DkimError> {
        pair.map(|pair| Self(Pair::Rsa(Box::new(pair))))
            .map_err(|_| {
                DkimError::Key("it is no Ed25519 key, and no RSA key of 2048 to 4096 bits")
            })
    }

    /// The name in the tag `a=`: `rsa-sha256` or `ed25519-sha256`.
    pub fn algorithm(&self) -> &'static str {
        match self.0 {
            Pair::Ed25519(_) => "ed25519-sha256",
            Pair::Rsa(_) => "rsa-sha256",
        }
    }

    /// The text to publish in the DNS (RFC 6376 §3.6.1, RFC 8463 §4). With RSA it is longer than the 255 bytes of one
    /// character-string, so it has to be divided into several there.
    ///
    /// ```text
    /// v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
    /// ```
    pub fn record(&self) -> String {
        match &self.0 {
            Pair::Ed25519(pair) => {
                let key = base64::encode_word(pair.public_key().as_ref());
                format!("v=DKIM1; k=ed25519; p={key}")
            }
            Pair::Rsa(pair) => {
                let key = base64::encode_word(&subject_public_key_info(pair.public_key().as_ref()));
                format!("v=DKIM1; k=rsa; p={key}")
            }
        }
    }

    /// Signs the canonical header. RSA signs the SHA-256 hash in PKCS#1 v1.5, Ed25519 the hash as a message.
    pub(super) fn sign(&self, canonical: &[u8]) -> Result<Vec<u8>, DkimError> {
        match &self.0 {
            Pair::Ed25519(pair) => {
                let hash = digest(&SHA256, canonical);
                Ok(pair.sign(hash.as_ref()).as_ref().to_vec())
            }
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                // This padding takes no random numbers; the function asks for them all the same.
                pair.sign(
                    &RSA_PKCS1_SHA256,
                    &SystemRandom::new(),
                    canonical,
                    &mut signature,
                )
                .map_err(|_| DkimError::Signing)?;
                Ok(signature)
            }
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.algorithm())
    }
}

/// The label and the text of the first block.
///
/// ```text
/// textualmsg = preeb *WSP eol *eolWSP base64text posteb *WSP [eol]
/// preeb      = "-----BEGIN " label "-----"
/// posteb     = "-----END " label "-----"
/// ```
fn block(pem: &str) -> Option<(&str, &str)> {
    let (_, rest) = pem.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (text, rest) = rest.split_once("-----END ")?;
    rest.strip_prefix(label)?.strip_prefix("-----")?;
    Some((label, text))
}

/// An RSA key as X.509 writes it: RFC 6376 asks for the bare RSAPublicKey, but erratum 3017 and all verifiers for this.
fn subject_public_key_info(key: &[u8]) -> Vec<u8> {
    // A SEQUENCE of rsaEncryption and NULL.
    const ALGORITHM: [u8; 15] = [
        0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05, 0x00,
    ];
    // A BIT STRING whose last byte is used whole.
    let bits = der(0x03, &[&[0], key]);
    der(0x30, &[&ALGORITHM, &bits])
}

/// A value of DER. Its length takes two bytes, because a key of 2048 bits or more is never shorter than 256.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let [.., high, low] = content.len().to_be_bytes();
    let mut out = vec![tag, 0x82, high, low];
    out.extend(content);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_private_key_is_refused_with_a_reason() {
        for (pem, reason) in [
            ("", "there is no block of PEM"),
            (
                "-----BEGIN PRIVATE KEY-----\nAAAA",
                "there is no block of PEM",
            ),
            (
                "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END KEY-----",
                "there is no block of PEM",
            ),
            (
                "-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----",
                "the PEM holds no base64",
            ),
            (
                "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
                "the PEM holds no private key",
            ),
            (
                "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----",
                "it is encrypted; decrypt it first",
            ),
            (
                "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
                "it is no Ed25519 key, and no RSA key of 2048 to 4096 bits",
            ),
        ] {
            assert_eq!(Key::from_pem(pem).unwrap_err(), DkimError::Key(reason));
        }
    }
}
