use postrider_mime::html_to_text;

/// The input is HTML; then it is text that somebody put into HTML.
///
/// * Any input gives a text that ends with one line feed or is empty, and is not out of proportion.
/// * Words, escaped, come back in their order from inside an element, also behind a head that is never closed.
/// * What stands in a script, a style, a template or a comment is not shown.
pub fn html_text(input: &[u8]) {
    let html = String::from_utf8_lossy(input);
    let text = html_to_text(&html);
    assert!(text.len() <= 8 * html.len() + 16, "{} octets", text.len());
    assert!(text.is_empty() || text.ends_with('\n') && !text.ends_with("\n\n"));
    let escaped = html
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let words = |text: &str| -> Vec<String> {
        let words = text.split(|c: char| c.is_ascii_whitespace());
        words.filter(|w| !w.is_empty()).map(str::to_owned).collect()
    };
    for before in ["", "<head>\n<title>t</title>\n<meta name=m>\n"] {
        let shown = html_to_text(&format!("{before}<p class='a>b'>{escaped}</p>"));
        assert_eq!(words(shown.trim_end()), words(html.trim_end()));
    }
    let inside = html.replace('<', "").replace("--", "");
    for element in ["script", "style", "template"] {
        let hidden = format!("x<{element}>{inside}</{element}>y<!--{inside}-->z");
        assert_eq!(html_to_text(&hidden), "xyz\n", "{hidden}");
    }
}
