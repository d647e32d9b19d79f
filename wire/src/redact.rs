use crate::Secret;
use crate::sasl::Credentials;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use memchr::memmem;
use std::borrow::Cow;

/// Leaves secrets out of what a server says: some repeat what they were sent, as in `535 bad password hunter2`.
///
/// A secret is found as it is and in base64, also in the middle of a longer base64 text such as the response of PLAIN.
/// One of fewer than four octets is not looked for: it would be found in words that have nothing to do with it.
///
/// ```
/// use postrider_wire::{Redactor, sasl::Credentials};
/// let redactor = Redactor::of(&Credentials::password("tim", "hunter2")?);
/// assert_eq!(&*redactor.redact(b"535 bad password hunter2"), "535 bad password (…)".as_bytes());
/// assert_eq!(&*redactor.redact(b"535 AHRpbQBodW50ZXIy"), "535 AHRpbQB(…)".as_bytes());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    forms: Vec<Secret>,
}

/// The shortest text that is looked for.
const SHORTEST: usize = 4;

/// Digits of an MD5 digest, in hexadecimal.
const DIGEST: usize = 32;

/// What stands before the proof of SCRAM.
const SCRAM_PROOF: &[u8] = b",p=";

/// What stands in the place of a secret.
const MARK: &str = "(…)";

impl Redactor {
    /// Looks for what proves the identity: the password, or the token.
    pub fn of(credentials: &Credentials) -> Self {
        let mut redactor = Self::default();
        if let Some(secret) = credentials.secret() {
            redactor.add(secret);
        }
        redactor
    }

    /// Looks for this secret as well.
    pub fn add(&mut self, secret: &Secret) {
        let base64 = (0..3).map(|before| base64_within(secret, before));
        let forms = std::iter::once(secret.clone()).chain(base64);
        self.forms
            .extend(forms.filter(|form| form.expose_secret().len() >= SHORTEST));
    }

    /// Looks for the proof in a response of a SASL dialogue, which is given without base64: the digest of CRAM-MD5 (RFC 2195
    /// §2), or what SCRAM has in its place (RFC 5802 §7). Whoever reads it can guess at the password. Other responses have none.
    pub fn add_proof(&mut self, response: &Secret) {
        let said = response.expose_secret();
        let hex = |word: &&[u8]| word.len() == DIGEST && word.iter().all(u8::is_ascii_hexdigit);
        let digest = said.rsplit(|octet| *octet == b' ').next().filter(hex);
        let scram = memmem::rfind(said, SCRAM_PROOF);
        let scram = scram.and_then(|at| said.get(at + SCRAM_PROOF.len()..));
        for proof in digest.into_iter().chain(scram) {
            self.add(&Secret::new(proof));
        }
    }

    /// Whether a secret is in the text.
    pub fn finds(&self, text: &[u8]) -> bool {
        let mut forms = self.forms.iter();
        forms.any(|form| memmem::find(text, form.expose_secret()).is_some())
    }

    /// The text without the secrets.
    pub fn redact<'t>(&self, text: &'t [u8]) -> Cow<'t, [u8]> {
        self.forms.iter().fold(Cow::Borrowed(text), |text, form| {
            match without(&text, form.expose_secret()) {
                Some(redacted) => Cow::Owned(redacted),
                None => text,
            }
        })
    }
}

/// The digits that a secret always has in base64, after so many octets (modulo 3) of something else: those at its ends
/// depend on its neighbours.
fn base64_within(secret: &Secret, before: usize) -> Secret {
    let text = Secret::new([&vec![0; before], secret.expose_secret()].concat());
    let digits = Secret::new(STANDARD_NO_PAD.encode(text.expose_secret()));
    let own = (before * 8).div_ceil(6)..text.expose_secret().len() * 8 / 6;
    Secret::new(digits.expose_secret().get(own).unwrap_or_default())
}

/// `None` if it is not in there.
fn without(text: &[u8], form: &[u8]) -> Option<Vec<u8>> {
    memmem::find(text, form)?;
    let mut redacted = Vec::new();
    let mut rest = 0;
    for at in memmem::find_iter(text, form) {
        redacted.extend_from_slice(text.get(rest..at)?);
        redacted.extend_from_slice(MARK.as_bytes());
        rest = at + form.len();
    }
    redacted.extend_from_slice(text.get(rest..)?);
    Some(redacted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    fn redacted(secret: &str, text: &str) -> String {
        let mut redactor = Redactor::default();
        redactor.add(&Secret::from(secret));
        String::from_utf8(redactor.redact(text.as_bytes()).into_owned()).unwrap()
    }

    #[test]
    fn a_secret_is_left_out_wherever_it_stands() {
        assert_eq!(redacted("hunter2", "no secret here"), "no secret here");
        assert_eq!(redacted("hunter2", "hunter2 hunter2!"), "(…) (…)!");
        // The last digit has two bits of the secret, and four of what might follow.
        assert_eq!(redacted("hunter2", "aHVudGVyMg=="), "(…)g==");
        assert_eq!(redacted("secret", "c2VjcmV0"), "(…)");
        assert_eq!(redacted("secret", "AHVzZXIAc2VjcmV0"), "AHVzZXIA(…)");
    }

    #[test]
    fn what_is_too_short_is_not_looked_for() {
        assert!(!Redactor::default().finds(b"+OK"));
        assert_eq!(redacted("", "+OK"), "+OK");
        assert_eq!(redacted("OK", "+OK"), "+OK");
    }

    #[test]
    fn t7_the_proof_in_a_response_is_left_out_also_without_the_rest_of_it() {
        let digest = "b913a602c7eda7a495b4e6e7334d3890";
        let proof = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        for (response, proof) in [
            (format!("tim {digest}"), digest),
            (format!("Ada Lovelace {digest}"), digest),
            (format!("c=biws,r=rOprNGfwEbeRWgbNEkqO,p={proof}"), proof),
        ] {
            let mut redactor = Redactor::default();
            redactor.add_proof(&Secret::from(response));
            let said = format!("535 {proof} is wrong, tim");
            let shown = redactor.redact(said.as_bytes());
            assert_eq!(String::from_utf8_lossy(&shown), "535 (…) is wrong, tim");
        }
        // A name is none.
        let mut redactor = Redactor::default();
        redactor.add_proof(&Secret::from("Ada Lovelace"));
        assert!(!redactor.finds(b"535 who is Ada Lovelace?"));
    }

    proptest! {
        #[test]
        fn base64_betrays_nothing_at_any_place(before in ".{0,5}", secret in "[!-~]{6,20}", after in ".{0,5}") {
            let sent = STANDARD.encode([&before[..], &secret, &after].concat());
            let shown = redacted(&secret, &sent);
            let mut redactor = Redactor::default();
            redactor.add(&Secret::from(&*secret));
            prop_assert!(redactor.finds(sent.as_bytes()) && !redactor.finds(shown.as_bytes()));
            prop_assert!(shown.contains(MARK), "{shown}");
            // What is left at the ends is less than two octets of it.
            let left = shown.len() - MARK.len();
            let theirs = (before.len() + after.len()).div_ceil(3) * 4;
            prop_assert!(left <= theirs + 8, "{shown}");
        }
    }
}
