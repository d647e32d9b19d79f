//! Mailing lists (RFC 2369, RFC 2919, RFC 8058).

use std::borrow::Cow;

use crate::field_name::FieldId;
use crate::message::Message;

/// What a mailing list tells about itself. URIs are without angle brackets, in the order of preference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MailingList<'m> {
    /// The identifier (RFC 2919).
    pub id: Option<Cow<'m, str>>,
    /// Where to write to the list; none where nobody may.
    pub post: Vec<Cow<'m, str>>,
    /// Where to find help.
    pub help: Vec<Cow<'m, str>>,
    /// How to join.
    pub subscribe: Vec<Cow<'m, str>>,
    /// How to leave.
    pub unsubscribe: Vec<Cow<'m, str>>,
    /// How to leave with one POST request and no further question (RFC 8058).
    pub one_click_unsubscribe: Option<Cow<'m, str>>,
    /// Who is in charge.
    pub owner: Vec<Cow<'m, str>>,
    /// Where the old messages are.
    pub archive: Vec<Cow<'m, str>>,
}

impl Message<'_> {
    /// The mailing list that sent it, if one did.
    ///
    /// ```
    /// use postrider_mime::Message;
    ///
    /// let message = Message::parse(b"List-Id: News <news.example.org>\r\n\
    ///     List-Unsubscribe: <mailto:leave@example.org>, <https://example.org/leave?1>\r\n\
    ///     List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\n");
    /// let list = message.mailing_list().ok_or("no list")?;
    /// assert_eq!(list.id.as_deref(), Some("news.example.org"));
    /// assert_eq!(list.one_click_unsubscribe.as_deref(), Some("https://example.org/leave?1"));
    /// # Ok::<(), &str>(())
    /// ```
    pub fn mailing_list(&self) -> Option<MailingList<'_>> {
        let uris = |id| -> Vec<Cow<'_, str>> {
            let field = self.root().field(id).filter(|f| f.raw().contains(&b'<'));
            field.map(|f| f.message_ids().collect()).unwrap_or_default()
        };
        let unsubscribe = uris(FieldId::ListUnsubscribe);
        let one_click = self.root().field(FieldId::ListUnsubscribePost);
        let one_click =
            one_click.is_some_and(|f| f.text().eq_ignore_ascii_case("List-Unsubscribe=One-Click"));
        let https = |uri: &&Cow<'_, str>| {
            uri.get(..8)
                .is_some_and(|s| s.eq_ignore_ascii_case("https://"))
        };
        let list = MailingList {
            id: self
                .root()
                .field(FieldId::ListId)
                .and_then(|f| f.message_ids().last()),
            post: uris(FieldId::ListPost),
            help: uris(FieldId::ListHelp),
            subscribe: uris(FieldId::ListSubscribe),
            one_click_unsubscribe: unsubscribe
                .iter()
                .find(https)
                .filter(|_| one_click)
                .cloned(),
            unsubscribe,
            owner: uris(FieldId::ListOwner),
            archive: uris(FieldId::ListArchive),
        };
        (list != MailingList::default()).then_some(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc2369_3_what_is_in_no_angle_brackets_is_no_uri() {
        let message = Message::parse(
            b"List-Id: News <news.example.org>\r\nList-Post: NO (closed)\r\n\
              List-Help: <mailto:h@x.y>, <https://x.y/h>\r\n\r\n",
        );
        let list = message.mailing_list().unwrap();
        assert_eq!(list.id.as_deref(), Some("news.example.org"));
        assert!(list.post.is_empty());
        assert_eq!(list.help, ["mailto:h@x.y", "https://x.y/h"]);
        let other = Message::parse(b"Subject: List\r\n\r\n");
        assert!(other.mailing_list().is_none());
    }
}
