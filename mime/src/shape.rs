//! What a body is, judged by the content fields of its header (RFC 2045 §5, RFC 2046 §5).

use std::borrow::Cow;

use crate::coding::TransferEncoding;
use crate::grammar::parameters::ContentValue;
use crate::index::{FieldRecord, HeaderState, Shape, Window};

/// What the header of a part says about its body.
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

const LEAF: Content<'_> = Content {
    shape: Shape::Leaf,
    boundary: None,
    encoding_forbidden: false,
};

/// Reads the content type of a header, no further than it takes to know whether the body has a structure.
pub(crate) fn classify<'b>(
    header: &HeaderState,
    window: Window<'b>,
    in_digest: bool,
    parameters: usize,
) -> Content<'b> {
    let value = |field: &Option<FieldRecord>| {
        let field = field.as_ref()?;
        window.range(field.value as usize, field.end as usize)
    };
    let encoded = || {
        value(&header.transfer_encoding)
            .map_or(TransferEncoding::SevenBit, TransferEncoding::parse)
            .is_encoded()
    };
    let Some(value) = value(&header.content_type) else {
        return if in_digest { message(encoded()) } else { LEAF };
    };
    if !may_be_container(value) {
        return LEAF;
    }
    let content_type = ContentValue::parse(value, parameters);
    if content_type.main_is("multipart") {
        let boundary = content_type.parameters.boundary();
        let digest = content_type.sub_is("digest");
        Content {
            shape: Shape::Multipart { digest },
            boundary,
            encoding_forbidden: encoded(),
        }
    } else if content_type.is_message() {
        message(encoded())
    } else {
        LEAF
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

/// A first look: most content types begin with another letter.
fn may_be_container(value: &[u8]) -> bool {
    let first = value.iter().find(|b| !b.is_ascii_whitespace());
    matches!(first, Some(b'm' | b'M' | b'(' | b'"'))
}
