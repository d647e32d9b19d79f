use std::borrow::Cow;

use super::content::Content;
use super::leaf::Leaf;
use crate::value_error::ValueError;

/// A body part that is ready to be written.
#[derive(Clone, Debug)]
pub(super) enum Node<'a> {
    Leaf(Leaf<'a>),
    Multipart {
        subtype: String,
        children: Vec<Node<'a>>,
        /// How many multiparts stand within one another, this one counted.
        depth: usize,
    },
}

impl<'a> Node<'a> {
    /// The parts without parts, in order.
    pub(super) fn leaves(&self) -> impl Iterator<Item = &Leaf<'a>> {
        let mut ahead = vec![self];
        std::iter::from_fn(move || {
            loop {
                match ahead.pop()? {
                    Node::Leaf(leaf) => return Some(leaf),
                    Node::Multipart { children, .. } => ahead.extend(children.iter().rev()),
                }
            }
        })
    }
}

/// How deep a tree may be: as deep as a parser opens one by default.
const DEPTH: usize = 60;

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
        let named = Leaf::of(&format!("text/{subtype}; charset=utf-8"), b"".into())?;
        let leaf = Leaf::text("text/plain", text.into());
        Ok(Self(Node::Leaf(leaf.with_type_of(named))))
    }

    /// Content of a type such as `image/png`.
    ///
    /// A message (`message/rfc822`, `message/delivery-status`, …) is never encoded (RFC 2046 §5.2.1): it is written as `7bit`,
    /// `8bit` or, with NULs, long lines or line ends that are none, `binary`, and the multiparts around it say so. Where it has
    /// LF only, CRLF is written. It cannot be a [`Source`](crate::Source).
    pub fn content(
        content_type: &str,
        content: impl Into<Content<'a>>,
    ) -> Result<Self, ValueError> {
        Ok(Self(Node::Leaf(Leaf::of(content_type, content.into())?)))
    }

    /// A file.
    pub fn attachment(
        file_name: impl Into<Cow<'a, str>>,
        content_type: &str,
        content: impl Into<Content<'a>>,
    ) -> Result<Self, ValueError> {
        let file_name = file_name.into();
        if file_name.chars().any(char::is_control) {
            return Err(ValueError::Control);
        }
        Ok(Self(Node::Leaf(
            Leaf::of(content_type, content.into())?.attached(file_name),
        )))
    }

    /// A multipart of a subtype such as `mixed` (RFC 2046 §5.1), with at least one part. No more than 60 may stand within one
    /// another.
    pub fn multipart(
        subtype: &str,
        parts: impl IntoIterator<Item = Self>,
    ) -> Result<Self, ValueError> {
        let children: Vec<_> = parts.into_iter().map(|part| part.0).collect();
        if !(1..=127).contains(&subtype.len())
            || children.is_empty()
            || !subtype.bytes().all(super::parameter::is_token)
        {
            return Err(ValueError::ContentType);
        }
        let below = children.iter().map(|child| match child {
            Node::Leaf(_) => 0,
            Node::Multipart { depth, .. } => *depth,
        });
        let depth = below.max().unwrap_or(0) + 1;
        if depth > DEPTH {
            return Err(ValueError::TooDeep);
        }
        Ok(Self(Node::Multipart {
            subtype: subtype.to_ascii_lowercase(),
            children,
            depth,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_has_a_depth() {
        let leaf = BodyPart::text("plain", "x").unwrap();
        let deep = (0..DEPTH).try_fold(leaf, |part, _| BodyPart::multipart("mixed", [part]));
        let deep = deep.unwrap();
        assert_eq!(
            BodyPart::multipart("mixed", [deep]).unwrap_err(),
            ValueError::TooDeep
        );
    }

    fn written(part: &BodyPart<'_>) -> String {
        let mut out: Vec<u8> = Vec::new();
        let mut writer = super::super::body::BodyWriter::new(&mut out, "=_x");
        writer.node(&part.0).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_has_the_subtype_that_it_was_given() {
        let html = BodyPart::text("html", "<p>").unwrap();
        let expected = "Content-Type: text/html; charset=utf-8\r\n\
                        Content-Transfer-Encoding: 7bit\r\n\r\n<p>\r\n";
        assert_eq!(written(&html), expected);
        let long = written(&BodyPart::text(&"x".repeat(60), "y").unwrap());
        assert!(long.split("\r\n").all(|line| line.len() <= 78), "{long}");
    }

    #[test]
    fn rfc2046_5_1_a_multipart_has_a_subtype_and_a_part() {
        let part = || BodyPart::text("plain", "x").unwrap();
        for (subtype, parts) in [
            ("mixed", vec![]),
            ("", vec![part()]),
            ("a b", vec![part()]),
            ("a/b", vec![part()]),
        ] {
            let refused = BodyPart::multipart(subtype, parts);
            assert_eq!(refused.unwrap_err(), ValueError::ContentType, "{subtype}");
        }
    }
}
