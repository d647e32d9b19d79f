//! CRAM-MD5: the password keys a digest of the server's challenge (RFC 2195).

use crate::Secret;
use md5::Digest;

/// Octets in a block of MD5.
const BLOCK: usize = 64;

/// `user SP digest`, the digest in lower-case hexadecimal.
pub(super) fn response(user: &str, password: &Secret, challenge: &[u8]) -> Secret {
    let digest = hmac(password.expose_secret(), challenge);
    Secret::from(format!("{user} {digest:x}"))
}

/// HMAC over MD5 (RFC 2104).
fn hmac(key: &[u8], text: &[u8]) -> Digest {
    let digest_of_key = md5::compute(key);
    let key = if key.len() > BLOCK {
        &digest_of_key.0[..]
    } else {
        key
    };
    let pad = |with: u8| {
        let mut block = [with; BLOCK];
        block.iter_mut().zip(key).for_each(|(pad, key)| *pad ^= key);
        Secret::new(block)
    };
    let keyed = |pad: Secret, text: &[u8]| {
        let mut context = md5::Context::new();
        context.consume(pad.expose_secret());
        context.consume(text);
        context.finalize()
    };
    keyed(pad(0x5c), &keyed(pad(0x36), text).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc2195_2_example() {
        let challenge = b"<1896.697170952@postoffice.reston.mci.net>";
        let answer = response("tim", &Secret::from("tanstaaftanstaaf"), challenge);
        assert_eq!(
            answer.expose_secret(),
            b"tim b913a602c7eda7a495b4e6e7334d3890"
        );
    }

    #[test]
    fn rfc2104_2_a_key_is_digested_where_it_is_longer_than_a_block() {
        let shown = |octets: usize| format!("{:x}", hmac(&vec![b'k'; octets], b"<1@x>"));
        assert_eq!(shown(BLOCK), "8535477a576f87c2eec80282c5a69b25");
        assert_eq!(shown(BLOCK + 1), "ef11048453b3e504588860b5ef2ef010");
    }

    #[test]
    fn rfc2202_hmac_md5_with_short_and_long_keys() {
        let shown = |key: &[u8], text: &[u8]| format!("{:x}", hmac(key, text));
        assert_eq!(
            shown(&[0x0b; 16], b"Hi There"),
            "9294727a3638bb1c13f48ef8158bfc9d"
        );
        let text = b"Test Using Larger Than Block-Size Key - Hash Key First";
        assert_eq!(shown(&[0xaa; 80], text), "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd");
    }
}
