use std::borrow::Cow;
use std::sync::Arc;

use super::source::Source;

/// What a part is made of: bytes, borrowed or owned, or a [`Source`] that is read when the message is written.
///
/// A copy of it is a reference to the same bytes.
#[derive(Clone, Debug)]
pub struct Content<'a>(pub(super) Kind<'a>);

#[derive(Clone, Debug)]
pub(super) enum Kind<'a> {
    Borrowed(&'a [u8]),
    Shared(Arc<Vec<u8>>),
    Source(Source),
}

impl Content<'_> {
    /// The bytes, where they are at hand.
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        match &self.0 {
            Kind::Borrowed(bytes) => Some(bytes),
            Kind::Shared(bytes) => Some(bytes),
            Kind::Source(_) => None,
        }
    }

    /// How many bytes there are, as far as that is known.
    pub(super) fn length(&self) -> Option<u64> {
        match &self.0 {
            Kind::Source(source) => source.length(),
            _ => self.bytes().map(|bytes| bytes.len() as u64),
        }
    }
}

impl<'a> From<&'a [u8]> for Content<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self(Kind::Borrowed(bytes))
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Content<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self(Kind::Borrowed(bytes))
    }
}

impl<'a> From<&'a Vec<u8>> for Content<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self(Kind::Borrowed(bytes))
    }
}

impl<'a> From<&'a str> for Content<'a> {
    fn from(text: &'a str) -> Self {
        Self(Kind::Borrowed(text.as_bytes()))
    }
}

impl From<Vec<u8>> for Content<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Kind::Shared(Arc::new(bytes)))
    }
}

impl From<String> for Content<'_> {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl<'a> From<Cow<'a, [u8]>> for Content<'a> {
    fn from(bytes: Cow<'a, [u8]>) -> Self {
        match bytes {
            Cow::Borrowed(bytes) => bytes.into(),
            Cow::Owned(bytes) => bytes.into(),
        }
    }
}

impl From<Source> for Content<'_> {
    fn from(source: Source) -> Self {
        Self(Kind::Source(source))
    }
}
