//! SHA-256 as text, the way mails and attachments are known by their content.

use sha2::{Digest, Sha256};

/// SHA-256 in lower-case hex.
pub fn sha256(octets: &[u8]) -> String {
    hex(&Sha256::digest(octets))
}

/// Octets in lower-case hex.
pub(crate) fn hex(octets: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |n: u8| {
        DIGITS
            .get(usize::from(n & 15))
            .copied()
            .map_or('0', char::from)
    };
    let pairs = octets
        .iter()
        .flat_map(|octet| [digit(octet >> 4), digit(*octet)]);
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fips180_sha256_of_abc() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(b"abc"), abc);
        assert_eq!(hex(&[0, 0x9f, 0xff]), "009fff");
    }
}
