//! Mail that no person wrote (RFC 3834).

use std::borrow::Cow;

use crate::field_name::FieldId;
use crate::grammar::cfws::skip_cfws;
use crate::message::Message;

/// The value of Auto-Submitted (RFC 3834 §5).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AutoSubmitted<'m> {
    /// `no`: a person sent it.
    No,
    /// `auto-generated`: sent by a program, answering nothing.
    Generated,
    /// `auto-replied`: sent by a program as an answer.
    Replied,
    /// Another word, in lower case.
    Other(Cow<'m, str>),
}

impl Message<'_> {
    /// Whether a program sent it, as it says itself (RFC 3834 §5).
    ///
    /// ```
    /// use postrider_mime::{AutoSubmitted, Message};
    ///
    /// let message = Message::parse(b"Auto-Submitted: auto-replied (vacation)\r\n\r\n");
    /// assert_eq!(message.auto_submitted(), Some(AutoSubmitted::Replied));
    /// ```
    pub fn auto_submitted(&self) -> Option<AutoSubmitted<'_>> {
        let (rest, ()) = skip_cfws(self.root().field(FieldId::AutoSubmitted)?.raw());
        let length = rest
            .iter()
            .take_while(|b| b.is_ascii_graphic() && !b";(".contains(b))
            .count();
        let word = String::from_utf8_lossy(rest.get(..length)?);
        Some(match word.to_ascii_lowercase() {
            word if word == "no" => AutoSubmitted::No,
            word if word == "auto-generated" => AutoSubmitted::Generated,
            word if word == "auto-replied" => AutoSubmitted::Replied,
            word if word.is_empty() => return None,
            word => AutoSubmitted::Other(word.into()),
        })
    }
}
