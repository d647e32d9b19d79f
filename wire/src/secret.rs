use std::fmt;
use std::hint::black_box;

/// A password, a token, or anything else that must not be shown.
///
/// `Debug` prints `Secret(…)`, there is no `Display`, and equality is deliberately missing:
/// comparing secrets byte by byte leaks their common prefix through time.
/// The bytes are overwritten when the value is dropped, as far as safe Rust can promise it.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Wraps the bytes of a secret.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes themselves. The name is long so that every use can be found.
    pub fn expose_secret(&self) -> &[u8] {
        &self.0
    }

    /// True if there is nothing to keep secret.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn overwrite(&mut self) {
        self.0.fill(0);
        // The optimiser may not assume that nobody looks at the zeroes.
        black_box(&mut self.0);
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text.into_bytes())
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.overwrite();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_of_the_secret() {
        let secret = Secret::from("hunter2");
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert_eq!(secret.expose_secret(), b"hunter2");
    }

    #[test]
    fn a_secret_is_overwritten() {
        let mut secret = Secret::from("hunter2");
        let place = secret.0.as_ptr();
        secret.overwrite();
        assert_eq!(secret.expose_secret(), [0; 7]);
        assert_eq!(secret.0.as_ptr(), place, "where it stood, not in a copy");
    }
}
