use std::borrow::Cow;

/// A domain as DNS has it. Without the feature `idna` it stays as it is.
pub(crate) fn to_ascii(domain: &str) -> Cow<'_, str> {
    Cow::Borrowed(domain)
}
