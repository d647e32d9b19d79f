//! The words of a mail: those of its text parts or, where these say nothing, those of its HTML, else those in its winmail.dat.

use super::text::line::is_blank;
use postrider_mime::tnef::Tnef;
use postrider_mime::{Message, Part, html_to_text};

/// What a mail says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Body {
    /// The whole text: the plain one, or the HTML one as text.
    pub(super) text: String,
    /// The HTML, if there is any.
    pub(super) html: Option<String>,
    /// True if the text is that of the HTML.
    pub(super) only_html: bool,
}

impl Body {
    pub(super) fn read(message: &Message<'_>) -> Self {
        let body = Self::of_parts(message);
        if !body.is_blank() {
            return body;
        }
        let attached = message.attachments();
        let mut inside = attached
            .into_iter()
            .filter_map(Part::tnef)
            .map(Self::of_tnef);
        inside.find(|inside| !inside.is_blank()).unwrap_or(body)
    }

    fn of_parts(message: &Message<'_>) -> Self {
        let texts = message.bodies().text;
        let is_html = |part: &Part<'_>| part.content_type().is("text", "html");
        let body = Self {
            text: message.body_text().unwrap_or_default(),
            html: message.body_html(),
            only_html: !texts.is_empty() && texts.iter().all(is_html),
        };
        body.or_html()
    }

    /// Some programs write an empty text beside their HTML.
    fn or_html(self) -> Self {
        let html = self.html.as_deref().filter(|_| self.is_blank());
        let text = html.map(html_to_text).unwrap_or_default();
        if is_blank(&text) {
            return self;
        }
        Self {
            text,
            only_html: true,
            ..self
        }
    }

    /// What a winmail.dat says: a body in RTF has become one of the two already.
    fn of_tnef(tnef: Tnef) -> Self {
        let text = tnef.text.map(|text| text.replace("\r\n", "\n"));
        let text = text.filter(|text| !text.trim().is_empty());
        let of_html = || tnef.html.as_deref().map(html_to_text).unwrap_or_default();
        Self {
            only_html: text.is_none(),
            text: text.unwrap_or_else(of_html),
            html: tnef.html,
        }
    }

    fn is_blank(&self) -> bool {
        is_blank(&self.text)
    }
}
