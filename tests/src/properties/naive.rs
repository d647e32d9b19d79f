//! Naive twins: the same rules as the crates', written the short and slow way, to be compared with.

/// Takes a line from the front, its LF included; `None` if there is no whole line.
pub fn line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = rest.iter().position(|octet| *octet == b'\n')? + 1;
    let (line, after) = rest.split_at(end);
    *rest = after;
    Some(line)
}

/// A line without its CRLF or LF.
pub fn trimmed(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Takes a multi-line body from the front (RFC 1939 §3): `ending` ends its lines, a lone dot the body.
pub fn dotted(rest: &mut &[u8], ending: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let length = rest.windows(ending.len()).position(|w| w == ending)?;
        let line = &rest[..length];
        *rest = &rest[length + ending.len()..];
        if line == b"." {
            return Some(body);
        }
        body.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        body.extend_from_slice(ending);
    }
}

/// Takes the lines of a listing from the front, each without its ending and its stuffed dot.
pub fn listing(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let mut lines = Vec::new();
    loop {
        let line = trimmed(line(rest)?);
        if line == b"." {
            return Some(lines);
        }
        lines.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        lines.push(b'\n');
    }
}

/// A message with every CR, LF and CRLF turned into CRLF, and one at its end unless it is empty.
pub fn normalised(message: &[u8]) -> Vec<u8> {
    let text = message.to_vec();
    let mut out: Vec<u8> = Vec::new();
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b'\r' => {
                out.extend_from_slice(b"\r\n");
                at += usize::from(text.get(at + 1) == Some(&b'\n'));
            }
            b'\n' => out.extend_from_slice(b"\r\n"),
            other => out.push(other),
        }
        at += 1;
    }
    if !out.is_empty() && !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// How often `needle` stands in `text`, overlaps included.
pub fn occurrences(text: &[u8], needle: &[u8]) -> usize {
    text.windows(needle.len()).filter(|w| *w == needle).count()
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64 in lines of `width` characters (RFC 2045 §6.8).
pub fn base64(octets: &[u8], width: usize) -> Vec<u8> {
    let mut text = Vec::new();
    for group in octets.chunks(3) {
        let bits = (0..3).fold(0_usize, |bits, at| {
            bits << 8 | usize::from(group.get(at).copied().unwrap_or(0))
        });
        for place in 0..4 {
            text.push(match place <= group.len() {
                true => ALPHABET[bits >> (18 - 6 * place) & 63],
                false => b'=',
            });
        }
    }
    text.chunks(width)
        .flat_map(|line| [line, b"\r\n"].concat())
        .collect()
}

/// What base64 says, whatever stands between: up to the padding, six bits a character.
pub fn from_base64(text: &[u8]) -> Vec<u8> {
    let (mut octets, mut bits, mut held) = (Vec::new(), 0_usize, 0);
    for character in text.iter().take_while(|c| **c != b'=') {
        if let Some(value) = ALPHABET.iter().position(|a| a == character) {
            bits = (bits << 6 | value) & 0xFFF;
            held += 6;
            if held >= 8 {
                held -= 8;
                octets.push((bits >> held & 0xFF) as u8);
            }
        }
    }
    octets
}

/// Quoted-printable in lines of about `width` characters; line ends of the content are encoded too (RFC 2045 §6.7).
pub fn quoted_printable(octets: &[u8], width: usize) -> Vec<u8> {
    let (mut text, mut column) = (Vec::new(), 0);
    for octet in octets {
        let written = match octet {
            b'!'..=b'<' | b'>'..=b'~' => vec![*octet],
            other => format!("={other:02X}").into_bytes(),
        };
        if column + written.len() > width.clamp(3, 75) {
            text.extend_from_slice(b"=\r\n");
            column = 0;
        }
        column += written.len();
        text.extend_from_slice(&written);
    }
    text
}

/// What quoted-printable says, line by line.
pub fn from_quoted_printable(text: &[u8]) -> Vec<u8> {
    let mut octets = Vec::new();
    for line in text.split_inclusive(|b| *b == b'\n') {
        let (rest, ending) = match line.strip_suffix(b"\n") {
            None => (line, &b""[..]),
            Some(start) => match start.strip_suffix(b"\r") {
                None => (start, &b"\n"[..]),
                Some(start) => (start, &b"\r\n"[..]),
            },
        };
        let without_blanks = without_blanks_at_the_end(rest);
        let (rest, ending) = match without_blanks.strip_suffix(b"=") {
            Some(start) => (start, &b""[..]),
            None if ending.is_empty() => (rest, ending),
            None => (without_blanks, ending),
        };
        octets.extend(unescaped(rest));
        octets.extend_from_slice(ending);
    }
    octets
}

fn without_blanks_at_the_end(mut line: &[u8]) -> &[u8] {
    while let [start @ .., b' ' | b'\t'] = line {
        line = start;
    }
    line
}

fn unescaped(mut rest: &[u8]) -> Vec<u8> {
    let mut octets = Vec::new();
    let digit = |b: u8| char::from(b).to_digit(16);
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let pair =
            (*first == b'=').then(|| Some((digit(*after.first()?)?, digit(*after.get(1)?)?)));
        match pair.flatten() {
            Some((high, low)) => {
                octets.push((high << 4 | low) as u8);
                rest = &after[2..];
            }
            None => octets.push(*first),
        }
    }
    octets
}

/// Uuencode in lines of `width` octets (POSIX.1).
pub fn uuencode(octets: &[u8], width: usize) -> Vec<u8> {
    let sextet = |bits: usize| b' ' + u8::try_from(bits & 63).unwrap_or(0);
    let mut text = b"begin 644 file\r\n".to_vec();
    for line in octets.chunks(width) {
        text.push(sextet(line.len()));
        for group in line.chunks(3) {
            let bits = (0..3).fold(0_usize, |bits, at| {
                bits << 8 | usize::from(group.get(at).copied().unwrap_or(0))
            });
            text.extend([18, 12, 6, 0].map(|shift| sextet(bits >> shift)));
        }
        text.extend_from_slice(b"\r\n");
    }
    [&text[..], b"`\r\nend\r\n"].concat()
}

/// So many zeroes uuencode may lack for nothing.
pub const FREE_ZEROES: usize = 1 << 20;

/// What uuencode says, line by line: what a line lacks is zeroes, of which there are some for nothing, and eight for each octet read up
/// to there.
pub fn from_uuencode(text: &[u8]) -> Vec<u8> {
    let lines = text.split(|octet| *octet == b'\n');
    let lines: Vec<_> = lines.map(|l| l.strip_suffix(b"\r").unwrap_or(l)).collect();
    let is_begin = |line: &&[u8]| line.starts_with(b"begin ");
    let begin = lines.iter().position(is_begin).unwrap_or(lines.len());
    let (mut octets, mut read, mut filled) = (Vec::new(), 0, 0);
    for (at, line) in lines.into_iter().enumerate() {
        read += line.len();
        if at > begin && line == b"end" {
            break;
        }
        let (true, Some((b' '..=b'`', groups))) = (at > begin, line.split_first()) else {
            continue;
        };
        let length = usize::from(line[0] - b' ') & 63;
        let bit = |at: usize| match groups.get(at / 6).copied() {
            Some(octet @ b' '..=b'`') => (octet - b' ') >> (5 - at % 6) & 1,
            _ => 0,
        };
        let octet = |at: usize| (0..8).fold(0_u8, |octet, i| octet << 1 | bit(at * 8 + i));
        let told = length.min(groups.len().div_ceil(4) * 3);
        octets.extend((0..told).map(octet));
        let zeroes = (length - told).min(FREE_ZEROES + 8 * read - filled);
        octets.resize(octets.len() + zeroes, 0);
        filled += zeroes;
    }
    octets
}

/// yEnc in lines of `width` octets.
pub fn y_enc(octets: &[u8], width: usize) -> Vec<u8> {
    let mut text = format!("=ybegin line={width} size={} name=file\r\n", octets.len()).into_bytes();
    for line in octets.chunks(width) {
        for octet in line {
            match octet.wrapping_add(42) {
                critical @ (0 | b'\t' | b'\n' | b'\r' | b' ' | b'.' | b'=') => {
                    text.extend([b'=', critical.wrapping_add(64)]);
                }
                other => text.push(other),
            }
        }
        text.extend_from_slice(b"\r\n");
    }
    text.extend(format!("=yend size={}\r\n", octets.len()).bytes());
    text
}

/// What yEnc says, line by line: from the line of the beginning to that of the end, without those that tell of a part.
pub fn from_y_enc(text: &[u8]) -> Vec<u8> {
    let lines = text.split(|octet| *octet == b'\n');
    let content = lines
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .skip_while(|line| !line.starts_with(b"=ybegin "))
        .skip(1)
        .take_while(|line| !line.starts_with(b"=yend "))
        .filter(|line| !line.starts_with(b"=ypart "));
    let mut octets = Vec::new();
    for line in content {
        let doubled = line.starts_with(b"..");
        let mut rest = line.iter().skip(usize::from(doubled));
        while let Some(octet) = rest.next() {
            match octet {
                b'=' => octets.extend(rest.next().map(|critical| critical.wrapping_sub(64 + 42))),
                other => octets.push(other.wrapping_sub(42)),
            }
        }
    }
    octets
}
