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
        overwrite(&mut self.0);
    }
}

/// Overwrites octets in their place, as far as safe Rust can promise it.
pub(crate) fn overwrite(octets: &mut [u8]) {
    octets.fill(0);
    #[cfg(test)]
    overwritten::note(octets);
    // The optimiser may not assume that nobody looks at the zeroes.
    black_box(octets);
}

/// What this thread has overwritten, for tests: what was dropped cannot be looked at any more.
#[cfg(test)]
pub(crate) mod overwritten {
    use std::cell::RefCell;

    thread_local! {
        static NOTED: RefCell<Vec<(*const u8, Vec<u8>)>> = const { RefCell::new(Vec::new()) };
    }

    pub(super) fn note(octets: &[u8]) {
        let place = (octets.as_ptr(), octets.to_vec());
        // A thread that ends may drop a secret after this.
        let _ = NOTED.try_with(|noted| noted.borrow_mut().push(place));
    }

    /// Where something was overwritten since the last call, and what has stood there since.
    pub(crate) fn places() -> Vec<(*const u8, Vec<u8>)> {
        NOTED.take()
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
    fn a_secret_that_is_dropped_is_overwritten_where_it_stood() {
        let secret = Secret::from("hunter2");
        let place = secret.expose_secret().as_ptr();
        overwritten::places();
        drop(secret);
        assert_eq!(overwritten::places(), [(place, vec![0_u8; 7])]);
    }
}
