//! HTML to plain text, for reading and searching.
//!
//! A tokenizer of our own that looks at every byte once: tags become line breaks, list marks and nothing; what is not
//! shown (`head`, `script`, `style`, `template`, comments) is dropped; white space collapses except in `pre`; entities become
//! characters; a link whose text is not its address has the address behind it. A `head` ends where text begins, or an
//! element that stands in none (HTML §13.2.6.4.4).
//!
//! Not supported: tables as columns, style sheets, hidden elements.

mod entities;

use memchr::{memchr, memchr2, memmem};

/// Turns HTML into plain text with LF line ends. Any input is HTML.
///
/// ```
/// use postrider_mime::html_to_text;
///
/// assert_eq!(html_to_text("<p>Hello <b>you</b>&nbsp;&amp; me</p><p>Bye<br>now"), "Hello you & me\n\nBye\nnow\n");
/// ```
pub fn html_to_text(html: &str) -> String {
    to_text(html, Writer::default())
}

/// As [`html_to_text`], of the beginning of a text: what it does not close may be closed behind it.
pub(crate) fn beginning_to_text(html: &str) -> String {
    let out = Writer {
        is_cut: true,
        ..Writer::default()
    };
    to_text(html, out)
}

fn to_text<'h>(html: &'h str, mut out: Writer<'h>) -> String {
    let mut rest = html;
    while !rest.is_empty() {
        let text = memchr(b'<', rest.as_bytes()).unwrap_or(rest.len());
        let (before, from) = rest.split_at(text);
        out.text(before);
        rest = markup(from, &mut out);
    }
    out.finish()
}

/// Reads what begins with `<`, and gives what follows it.
fn markup<'h>(from: &'h str, out: &mut Writer<'h>) -> &'h str {
    let Some(inside) = from.strip_prefix('<') else {
        return from;
    };
    if let Some(comment) = inside.strip_prefix("!--") {
        return after(comment, "-->");
    }
    match inside.as_bytes().first() {
        Some(b'!' | b'?') => after(inside, ">"),
        Some(b'/') => {
            let (name, _, rest) = tag(inside.get(1..).unwrap_or_default(), out.is_cut);
            out.close(name);
            rest
        }
        Some(b) if b.is_ascii_alphabetic() => {
            let (name, attributes, rest) = tag(inside, out.is_cut);
            out.open(name, attributes);
            match (raw_text(name), inert(name, out.hidden)) {
                (Some(end), _) => after_end_tag(rest, end).unwrap_or_default(),
                (None, Some(end)) => out.behind_inert(rest, end),
                (None, None) => rest,
            }
        }
        _ => {
            out.text("<");
            inside
        }
    }
}

fn after<'h>(text: &'h str, end: &str) -> &'h str {
    memmem::find(text.as_bytes(), end.as_bytes())
        .and_then(|at| text.get(at + end.len()..))
        .unwrap_or_default()
}

/// Elements whose content is no HTML, and none of it shown.
fn raw_text(name: &str) -> Option<&'static str> {
    ["script", "style", "title", "textarea"]
        .into_iter()
        .find(|raw| name.eq_ignore_ascii_case(raw))
}

/// Elements whose content is not shown either, but would be HTML. What is there for readers without frames is left out of a head only:
/// behind it, it is the text of a page that has nothing but frames.
fn inert(name: &str, in_head: bool) -> Option<&'static str> {
    match () {
        () if name.eq_ignore_ascii_case("template") => Some("template"),
        () if in_head && name.eq_ignore_ascii_case("noframes") => Some("noframes"),
        () => None,
    }
}

/// What follows the first end tag of an element.
fn after_end_tag<'h>(text: &'h str, name: &str) -> Option<&'h str> {
    let mut rest = text;
    while let Some(at) = memmem::find(rest.as_bytes(), b"</") {
        let inside = rest.get(at + 2..).unwrap_or_default();
        if inside
            .get(..name.len())
            .is_some_and(|n| n.eq_ignore_ascii_case(name))
        {
            return Some(after(inside, ">"));
        }
        rest = inside;
    }
    None
}

/// Splits a tag after its `<` or `</` into name, attributes and what follows its `>`; quotes may hold a `>`. One that is open at the
/// end of a text that is cut may be closed behind it.
fn tag(inside: &str, is_cut: bool) -> (&str, &str, &str) {
    let length = inside
        .bytes()
        .take_while(|b| b.is_ascii_alphanumeric())
        .count();
    let (name, rest) = inside.split_at(length);
    let bytes = rest.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'>' => {
                return (
                    name,
                    rest.get(..at).unwrap_or_default(),
                    rest.get(at + 1..).unwrap_or_default(),
                );
            }
            b'"' | b'\'' if at > 0 && bytes.get(at - 1) == Some(&b'=') => {
                match memchr(*byte, bytes.get(at + 1..).unwrap_or_default()) {
                    Some(length) => at += length + 2,
                    None if is_cut => return (name, "", ""),
                    // Never closed: the tag ends where it would without the quote.
                    None => {
                        let end = memchr(b'>', bytes.get(at..).unwrap_or_default())
                            .map_or(rest.len(), |e| at + e);
                        return (name, "", rest.get(end + 1..).unwrap_or_default());
                    }
                }
            }
            _ => at += 1,
        }
    }
    (name, rest, "")
}

/// The value of an attribute, its entities still in it.
fn attribute<'h>(attributes: &'h str, name: &str) -> Option<&'h str> {
    let mut rest = attributes;
    while let Some(equals) = memchr(b'=', rest.as_bytes()) {
        let (before, from) = rest.split_at(equals);
        let key = before
            .trim_end()
            .rsplit(|c: char| c.is_ascii_whitespace())
            .next()
            .unwrap_or_default();
        let value = from.get(1..)?.trim_start();
        let (value, after) = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => value.get(1..)?.split_once(quote)?,
            _ => value
                .split_once(|c: char| c.is_ascii_whitespace())
                .unwrap_or((value, "")),
        };
        if key.eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = after;
    }
    None
}

/// Collects the text.
#[derive(Default)]
struct Writer<'h> {
    out: String,
    /// Line breaks that the next text needs before it.
    breaks: usize,
    space: bool,
    preformatted: usize,
    quote: usize,
    /// The open `blockquote` elements: which of them only indent.
    blockquotes: Vec<bool>,
    /// The open link: its address and where its text begins.
    link: Option<(&'h str, usize)>,
    /// In a `head`.
    hidden: bool,
    /// The text is the beginning of a longer one.
    is_cut: bool,
    /// Inert elements of which no end tag follows.
    never_closed: Vec<&'static str>,
}

impl<'h> Writer<'h> {
    /// What follows the content of an inert element. One that is never closed hides nothing; its end is looked for once, as many of
    /// them would take quadratic time.
    fn behind_inert(&mut self, content: &'h str, name: &'static str) -> &'h str {
        if self.never_closed.contains(&name) {
            return content;
        }
        match after_end_tag(content, name) {
            Some(rest) => rest,
            None if self.is_cut => "",
            None => {
                self.never_closed.push(name);
                content
            }
        }
    }

    fn text(&mut self, text: &str) {
        if self.hidden && text.trim_ascii().is_empty() {
            return;
        }
        self.hidden = false;
        let mut rest = text;
        while let Some(at) = memchr(b'&', rest.as_bytes()) {
            let (before, from) = rest.split_at(at);
            self.plain(before);
            let (decoded, length) = entities::decode(from);
            match decoded {
                Some(c) => self.character(c),
                None => self.plain("&"),
            }
            rest = from.get(length..).unwrap_or_default();
        }
        self.plain(rest);
    }

    fn plain(&mut self, text: &str) {
        if self.preformatted > 0 {
            for line in text.split_inclusive('\n') {
                let ended = line.ends_with('\n');
                self.write(line.trim_end_matches(['\r', '\n']));
                self.breaks += usize::from(ended);
            }
            return;
        }
        let mut rest = text;
        loop {
            let word = rest.trim_start_matches(|c: char| c.is_ascii_whitespace());
            self.space |= word.len() < rest.len();
            if word.is_empty() {
                return;
            }
            let length = word
                .find(|c: char| c.is_ascii_whitespace())
                .unwrap_or(word.len());
            let (word, after) = word.split_at(length);
            self.write(word);
            rest = after;
        }
    }

    /// Writes a character that came out of an entity: it is text whatever it is.
    fn character(&mut self, c: char) {
        match c {
            '\u{A0}' | '\t' | '\n' | '\r' => {
                self.write("");
                self.out.push(' ');
            }
            '\u{AD}' | '\u{200B}' => {}
            c if c.is_control() => {}
            c => self.write(c.encode_utf8(&mut [0; 4])),
        }
    }

    /// Writes text after the breaks or the space that it needs before it.
    fn write(&mut self, text: &str) {
        if text.is_empty() && self.breaks == 0 && !self.space {
            return;
        }
        if self.breaks > 0 {
            while self.out.ends_with(' ') {
                self.out.pop();
            }
            if !self.out.is_empty() {
                self.out.extend(std::iter::repeat_n('\n', self.breaks));
            }
            self.out
                .extend(std::iter::repeat_n("> ", self.quote.min(8)));
        } else if self.out.is_empty() {
            self.out
                .extend(std::iter::repeat_n("> ", self.quote.min(8)));
        } else if self.space && !self.out.ends_with(' ') {
            self.out.push(' ');
        }
        self.breaks = 0;
        self.space = false;
        self.out.push_str(text);
    }

    fn open(&mut self, name: &str, attributes: &'h str) {
        let name = name.to_ascii_lowercase();
        self.hidden = self.hidden && may_stand_in_head(&name);
        match &*name {
            "br" => self.breaks += 1,
            "hr" => {
                self.block(1);
                self.write("----");
                self.block(1);
            }
            "li" => {
                self.block(1);
                self.write("* ");
            }
            "pre" => {
                self.block(2);
                self.preformatted += 1;
            }
            "blockquote" => {
                let indents = only_indents(attributes);
                self.block(2);
                self.quote += usize::from(!indents);
                self.blockquotes.push(indents);
            }
            "td" | "th" => self.space = true,
            "img" => {
                if let Some(alt) = attribute(attributes, "alt") {
                    self.text(alt);
                }
            }
            "a" => {
                let href = attribute(attributes, "href").filter(|h| is_worth_telling(h));
                self.link = href.map(|href| (href, self.out.len()));
            }
            "head" => self.hidden = true,
            other => self.block(lines_around(other)),
        }
    }

    fn close(&mut self, name: &str) {
        match &*name.to_ascii_lowercase() {
            "a" => self.end_link(),
            "head" => self.hidden = false,
            "pre" => {
                self.preformatted = self.preformatted.saturating_sub(1);
                self.block(2);
            }
            "blockquote" => {
                let quoted = self.blockquotes.pop() == Some(false);
                self.quote = self.quote.saturating_sub(usize::from(quoted));
                self.block(2);
            }
            "li" => self.block(1),
            other => self.block(lines_around(other)),
        }
    }

    fn end_link(&mut self) {
        let Some((href, start)) = self.link.take() else {
            return;
        };
        let shown = self.out.get(start..).unwrap_or_default().trim();
        let target = href.trim();
        let known = shown.contains(target.trim_start_matches("mailto:"));
        if known || shown.is_empty() {
            return;
        }
        self.write(" <");
        self.text(target);
        self.write(">");
    }

    fn block(&mut self, lines: usize) {
        self.breaks = self.breaks.max(lines);
        self.space &= lines == 0;
    }

    fn finish(mut self) -> String {
        let length = self.out.trim_end().len();
        self.out.truncate(length);
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        self.out
    }
}

/// True for the `blockquote` that editors write to indent the writer's own words: it is no citation, has no class that would
/// say so, and its style takes away the border that quotes have.
fn only_indents(attributes: &str) -> bool {
    let has = |name: &str| attribute(attributes, name).is_some();
    if has("class") || has("type") || has("cite") {
        return false;
    }
    let style = attribute(attributes, "style").unwrap_or_default();
    style.split(';').any(|declaration| {
        let (name, value) = declaration.split_once(':').unwrap_or_default();
        let none = ["none", "0", "0px"];
        name.trim().eq_ignore_ascii_case("border")
            && none
                .iter()
                .any(|none| value.trim().eq_ignore_ascii_case(none))
    })
}

/// Whether a `head` goes on behind the start tag of this element (HTML §13.2.6.4.4); any other ends it.
fn may_stand_in_head(name: &str) -> bool {
    let all = [
        "html", "head", "base", "basefont", "bgsound", "link", "meta", "title", "noscript",
        "noframes", "style", "script", "template",
    ];
    all.contains(&name)
}

fn is_worth_telling(href: &str) -> bool {
    let href = href.trim();
    ["http:", "https:", "mailto:"].iter().any(|s| {
        href.get(..s.len())
            .is_some_and(|h| h.eq_ignore_ascii_case(s))
    }) && memchr2(b'<', b'>', href.as_bytes()).is_none()
}

/// How many line breaks separate an element from what stands around it.
fn lines_around(name: &str) -> usize {
    match name {
        "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "ul" | "ol" | "dl" | "table" => 2,
        "div" | "tr" | "dt" | "dd" | "section" | "article" | "header" | "footer" | "main"
        | "nav" | "aside" | "address" | "center" | "form" | "fieldset" | "figure"
        | "figcaption" | "caption" | "tbody" | "thead" => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
