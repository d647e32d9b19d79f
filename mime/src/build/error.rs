use std::fmt;
use std::io;

use crate::value_error::ValueError;

/// Why a message cannot be built.
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// A value cannot be written.
    Invalid {
        /// The header field, or what else the value was for.
        field: String,
        /// What is wrong with it.
        reason: ValueError,
    },
    /// There is no From: every message has an author (RFC 5322 §3.6).
    NoFrom,
    /// There is no date, and the target (`wasm32-unknown-unknown`) has no clock to take one from.
    NoClock,
    /// The sink refused the bytes.
    Io(io::Error),
}

impl BuildError {
    pub(crate) fn invalid(field: &str, reason: ValueError) -> Self {
        // A field name may be what is wrong: it must not carry its control characters into a log.
        Self::Invalid {
            field: field.escape_debug().to_string(),
            reason,
        }
    }

    /// Whether the same call may succeed later. Only a sink can fail for a while.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Io(_))
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { field, reason } => write!(f, "{field} cannot be written: {reason}"),
            Self::NoFrom => f.write_str("there is no From: call from() first"),
            Self::NoClock => f.write_str(
                "there is no Date and no clock here to take one from: call date() first",
            ),
            Self::Io(error) => write!(f, "the message could not be written: {error}"),
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Invalid { reason, .. } => Some(reason),
            Self::NoFrom | Self::NoClock => None,
            Self::Io(error) => Some(error),
        }
    }
}

impl From<io::Error> for BuildError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn only_a_sink_can_fail_for_a_while() {
        assert!(BuildError::from(io::Error::other("full")).is_retryable());
        let invalid = BuildError::invalid("To", ValueError::NoAt);
        for error in [invalid, BuildError::NoFrom, BuildError::NoClock] {
            assert!(!error.is_retryable(), "{error}");
        }
    }

    #[test]
    fn an_error_gives_what_it_came_of() {
        for (error, expected) in [
            (
                BuildError::invalid("To", ValueError::NoAt),
                Some(ValueError::NoAt.to_string()),
            ),
            (
                BuildError::from(io::Error::other("full")),
                Some("full".to_owned()),
            ),
            (BuildError::NoFrom, None),
        ] {
            assert_eq!(error.source().map(|source| source.to_string()), expected);
        }
    }
}
