use super::choices::Choices;
use super::file_name::is_safe_file_name;
use postrider_mime::Message;

/// The first line decides, the rest is a file name.
///
/// * A name cut into sections anywhere, each plain or percent-encoded, in any order, is read back equal (RFC 2231 §3, §4).
/// * Words without quotes are one name, also where the field is folded between them; of any other value a fold is the end.
/// * A safe name has no separator, control, drive, device, `..` or character that turns text; it is never empty.
/// * Any octets as the field are survived, and give a safe name as well.
pub fn parameters_2231(input: &[u8]) {
    let mut choices = Choices::new(input);
    let mut decisions = Choices::new(choices.line());
    let raw = choices.rest();
    let name: String = String::from_utf8_lossy(raw).chars().take(200).collect();
    let name = name.replace(['\r', '\n', '\0'], "");
    let mail = format!(
        "Content-Disposition: attachment{}\r\n\r\n",
        sections(&name, &mut decisions)
    );
    let message = Message::parse(mail.as_bytes());
    let read = message.root().file_name();
    if !name.is_empty() && name.trim() == name {
        assert_eq!(read.as_deref(), Some(&*name), "{mail}");
    }
    is_safe_file_name(&message.root().safe_file_name());
    let words: Vec<_> = name
        .split(|c| !is_plain(c))
        .filter(|word| !word.is_empty())
        .collect();
    if !words.is_empty() {
        let folded: String = words
            .iter()
            .map(|word| blank(&mut decisions).to_owned() + word)
            .collect();
        let mail = format!("Content-Disposition: attachment; filename={folded} ; x=y\r\n\r\n");
        let read = Message::parse(mail.as_bytes())
            .root()
            .file_name()
            .map(String::from);
        assert_eq!(read.as_deref(), Some(&*words.join(" ")), "{mail}");
        let mail = format!("Content-Disposition: attachment; other={folded} ; x=y\r\n\r\n");
        let message = Message::parse(mail.as_bytes());
        let disposition = message.root().content_disposition().unwrap();
        let line = folded.trim_start().lines().next().map(str::trim_end);
        assert_eq!(disposition.parameter("other").as_deref(), line, "{mail}");
        assert_eq!(disposition.parameter("x").as_deref(), Some("y"), "{mail}");
    }
    for field in [
        "Content-Disposition: attachment; filename=",
        "Content-Type: a/b; name*0*=",
    ] {
        let mail = [field.as_bytes(), raw, b"\r\n\r\n"].concat();
        is_safe_file_name(&Message::parse(&mail).root().safe_file_name());
    }
}

/// The sections of a name, the first one encoded because it says the charset.
fn sections(name: &str, decisions: &mut Choices<'_>) -> String {
    let mut written = Vec::new();
    let mut rest = name;
    while !rest.is_empty() || written.is_empty() {
        let characters = decisions.number() % 9 + 1;
        let cut = rest
            .char_indices()
            .nth(characters)
            .map_or(rest.len(), |(at, _)| at);
        let (piece, after) = rest.split_at(cut);
        rest = after;
        let section = written.len();
        let plain = section > 0
            && piece.bytes().all(|b| b.is_ascii_alphanumeric())
            && decisions.number() % 2 == 1;
        written.push(match (section, plain) {
            (_, true) => format!("filename*{section}={piece}"),
            (0, _) => format!("filename*0*=utf-8''{}", percent(piece)),
            _ => format!("filename*{section}*={}", percent(piece)),
        });
    }
    let turn = decisions.number() % written.len();
    written.rotate_left(turn);
    if decisions.number() % 2 == 1 {
        written.reverse();
    }
    written
        .iter()
        .map(|section| format!(";\r\n {section}"))
        .collect()
}

/// What no parameter is made of by itself, and no comment.
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.,:@[]<>".contains(c)
}

fn blank(decisions: &mut Choices<'_>) -> &'static str {
    [" ", "\r\n ", "\n "][decisions.number() % 3]
}

fn percent(piece: &str) -> String {
    piece
        .bytes()
        .map(|octet| match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(octet).to_string(),
            other => format!("%{other:02x}"),
        })
        .collect()
}
