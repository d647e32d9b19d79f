//! Which parts are the text, and which are attachments (RFC 8621 §4.1.4).
//!
//! The rule is the algorithm of that section, to the letter, without its recursion. In short: a part is body text when it
//! is not marked as an attachment, is text or media that a reader shows, and is the first of its multipart, or is not in
//! a multipart/related and is media or has no file name. In a multipart/alternative, plain text goes to the text list
//! only and HTML to the HTML list only; where an alternative has one of them only, that one fills both lists.
//! Everything else is an attachment. The parts of a message within the message belong to that message.

use crate::message::Message;
use crate::part::Part;

/// The parts of a message by their use (RFC 8621 §4.1.4).
#[derive(Clone, Debug, Default)]
pub struct Bodies<'m> {
    /// What to show, in order, plain text before HTML (`textBody`).
    pub text: Vec<Part<'m>>,
    /// What to show, in order, HTML before plain text (`htmlBody`).
    pub html: Vec<Part<'m>>,
    /// What to offer beside it (`attachments`).
    pub attachments: Vec<Part<'m>>,
}

/// Where the walk is: the parts of one multipart.
struct Level<'m> {
    next: Option<Part<'m>>,
    first: bool,
    multipart: Kind,
    in_alternative: bool,
    /// Whether the text and the HTML list of the enclosing call are still collected.
    to_text: bool,
    to_html: bool,
    /// The lengths of the lists when this multipart began, if it is an alternative within both lists.
    began: Option<(usize, usize)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Mixed,
    Alternative,
    Related,
}

impl Kind {
    fn of(part: Part<'_>) -> Self {
        match part.content_type().sub() {
            "alternative" => Self::Alternative,
            "related" => Self::Related,
            _ => Self::Mixed,
        }
    }
}

impl<'m> Bodies<'m> {
    pub(crate) fn of(message: &'m Message<'m>) -> Self {
        let mut bodies = Self::default();
        let mut levels = vec![Level {
            next: Some(message.root()),
            first: true,
            multipart: Kind::Mixed,
            in_alternative: false,
            to_text: true,
            to_html: true,
            began: None,
        }];
        while let Some(level) = levels.last_mut() {
            let Some(part) = level.next else {
                bodies.end(level);
                levels.pop();
                continue;
            };
            // The root has no siblings of its own here.
            level.next = if levels_is_root(part) {
                None
            } else {
                part.next_sibling()
            };
            if part.is_multipart() && part.first_child().is_some() {
                let inner = bodies.begin(part, level);
                level.first = false;
                levels.push(inner);
            } else {
                bodies.leaf(part, level);
                level.first = false;
            }
        }
        bodies
    }

    fn begin(&self, part: Part<'m>, outer: &Level<'m>) -> Level<'m> {
        let multipart = Kind::of(part);
        let alternative = multipart == Kind::Alternative;
        Level {
            next: part.first_child(),
            first: true,
            multipart,
            in_alternative: outer.in_alternative || alternative,
            to_text: outer.to_text,
            to_html: outer.to_html,
            began: (alternative && outer.to_text && outer.to_html)
                .then_some((self.text.len(), self.html.len())),
        }
    }

    /// Sorts a part that is no multipart.
    fn leaf(&mut self, part: Part<'m>, level: &mut Level<'m>) {
        let content_type = part.content_type();
        let media = matches!(content_type.main(), "image" | "audio" | "video");
        let plain = content_type.is("text", "plain");
        let html = content_type.is("text", "html");
        let inline = !part
            .content_disposition()
            .is_some_and(|d| d.is_attachment())
            && (plain || html || media)
            && (level.first
                || (level.multipart != Kind::Related && (media || part.file_name().is_none())));
        if !inline {
            self.attachments.push(part);
            return;
        }
        if level.multipart == Kind::Alternative {
            match () {
                () if plain && level.to_text => self.text.push(part),
                () if html && level.to_html => self.html.push(part),
                () => self.attachments.push(part),
            }
            return;
        }
        if level.in_alternative {
            // Within an alternative one kind of text stops the other list.
            level.to_html &= !plain;
            level.to_text &= !html;
        }
        if level.to_text {
            self.text.push(part);
        }
        if level.to_html {
            self.html.push(part);
        }
        if media && !(level.to_text && level.to_html) {
            self.attachments.push(part);
        }
    }

    /// Ends a multipart: an alternative that has one kind of text only fills both lists.
    fn end(&mut self, level: &Level<'m>) {
        let Some((text, html)) = level.began else {
            return;
        };
        if text == self.text.len() {
            self.text
                .extend_from_slice(self.html.get(html..).unwrap_or_default());
        } else if html == self.html.len() {
            self.html
                .extend_from_slice(self.text.get(text..).unwrap_or_default());
        }
    }
}

fn levels_is_root(part: Part<'_>) -> bool {
    part.id() == crate::PartId::ROOT
}
