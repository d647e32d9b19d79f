use std::borrow::Cow;

use super::body::{Leaf, Node};
use crate::value_error::ValueError;

/// A body that is put together by hand, for what the verbs of the builder do not make.
///
/// ```
/// use postrider_mime::{BodyPart, Message, MessageBuilder};
///
/// let digest = BodyPart::multipart("digest", [
///     BodyPart::content("message/rfc822", &b"Subject: one\r\n\r\nFirst.\r\n"[..])?,
///     BodyPart::content("message/rfc822", &b"Subject: two\r\n\r\nSecond.\r\n"[..])?,
/// ])?;
/// let bytes = MessageBuilder::new().from("list@example.org").body(digest).build()?;
/// let subjects: Vec<_> = Message::parse(&bytes).parts().filter_map(|p| p.header("Subject").map(|f| f.text().into_owned())).collect();
/// assert_eq!(subjects, ["one", "two"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct BodyPart<'a>(pub(super) Node<'a>);

impl<'a> BodyPart<'a> {
    /// Text of a subtype such as `plain` or `html`. Its lines end with CRLF in the message, the last one too.
    pub fn text(subtype: &str, text: impl Into<Cow<'a, str>>) -> Result<Self, ValueError> {
        let leaf = Leaf::of(
            &format!("text/{subtype}; charset=utf-8"),
            Cow::Borrowed(&[]),
        )?;
        Ok(Self(Node::Leaf(Leaf {
            content: Leaf::text(subtype, text).content,
            ..leaf
        })))
    }

    /// Content of a type such as `image/png`.
    pub fn content(
        content_type: &str,
        content: impl Into<Cow<'a, [u8]>>,
    ) -> Result<Self, ValueError> {
        Ok(Self(Node::Leaf(Leaf::of(content_type, content.into())?)))
    }

    /// A file.
    pub fn attachment(
        file_name: impl Into<Cow<'a, str>>,
        content_type: &str,
        content: impl Into<Cow<'a, [u8]>>,
    ) -> Result<Self, ValueError> {
        let file_name = file_name.into();
        if file_name.chars().any(char::is_control) {
            return Err(ValueError::Control);
        }
        Ok(Self(Node::Leaf(
            Leaf::of(content_type, content.into())?.attached(file_name),
        )))
    }

    /// A multipart of a subtype such as `mixed` (RFC 2046 §5.1), with at least one part.
    pub fn multipart(
        subtype: &str,
        parts: impl IntoIterator<Item = Self>,
    ) -> Result<Self, ValueError> {
        let children: Vec<_> = parts.into_iter().map(|part| part.0).collect();
        if subtype.is_empty()
            || children.is_empty()
            || !subtype.bytes().all(super::parameter::is_token)
        {
            return Err(ValueError::ContentType);
        }
        Ok(Self(Node::Multipart {
            subtype: subtype.to_ascii_lowercase().into(),
            children,
        }))
    }
}
