//! What a body is, judged by the content fields of its header (RFC 2045 §5, RFC 2046 §5).

use std::borrow::Cow;

use crate::coding::TransferEncoding;
use crate::grammar::parameters::ContentValue;
use crate::index::{FieldRecord, HeaderState, Shape, Window};

/// What the header of a part says about a body with a structure.
#[derive(Debug)]
pub(crate) struct Content<'b> {
    pub(crate) shape: Shape,
    pub(crate) boundary: Option<Cow<'b, [u8]>>,
    /// A transfer encoding stands where RFC 2045 §6.4 forbids it.
    pub(crate) encoding_forbidden: bool,
}

impl Content<'_> {
    /// The same, with the boundary copied.
    pub(crate) fn into_owned(self) -> Content<'static> {
        Content {
            shape: self.shape,
            boundary: self.boundary.map(|b| Cow::Owned(b.into_owned())),
            encoding_forbidden: self.encoding_forbidden,
        }
    }
}

/// Whether the content type of a header is none of a body with a structure: most begin with another letter.
#[inline]
pub(crate) fn is_leaf_at_sight<'b>(header: &HeaderState, window: impl Window<'b>) -> bool {
    let Some(value) = header.content_type.and_then(|field| window.value(&field)) else {
        return false;
    };
    let first = match value {
        [b' ', first, ..] if first.is_ascii_alphabetic() => Some(first),
        _ => value.iter().find(|b| !b.is_ascii_whitespace()),
    };
    !matches!(first, Some(b'm' | b'M' | b'(' | b'"'))
}

/// Reads the content type of a header, no further than it takes to know whether the body has a structure. `None` without one.
pub(crate) fn classify<'b>(
    header: &HeaderState,
    window: impl Window<'b>,
    is_in_digest: impl FnOnce() -> bool,
    parameters: usize,
) -> Option<Content<'b>> {
    let value = |field: &Option<FieldRecord>| window.value(field.as_ref()?);
    let encoded = || {
        value(&header.transfer_encoding)
            .map_or(TransferEncoding::SevenBit, TransferEncoding::parse)
            .is_encoded()
    };
    let Some(value) = value(&header.content_type) else {
        return is_in_digest().then(|| message(encoded()));
    };
    let content_type = ContentValue::parse(value, parameters);
    if content_type.main_is("multipart") {
        let boundary = content_type.parameters.boundary();
        let digest = content_type.sub_is("digest");
        Some(Content {
            shape: Shape::Multipart { digest },
            boundary,
            encoding_forbidden: encoded(),
        })
    } else {
        content_type.is_message().then(|| message(encoded()))
    }
}

fn message(encoded: bool) -> Content<'static> {
    let shape = if encoded {
        Shape::EncodedMessage
    } else {
        Shape::Message
    };
    Content {
        shape,
        boundary: None,
        encoding_forbidden: encoded,
    }
}
