//! Mails that are made: of every size and kind, and the same each time.

/// A line of 72 characters that says nothing.
const LINE: &str = "The quick brown fox jumps over the lazy dog and the post is late again.\r\n";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The header of an ordinary mail, without its last, empty line.
fn header(number: usize) -> String {
    format!(
        "Received: from mx{number}.example.net (mx{number}.example.net [192.0.2.{}])\r\n\
         \tby mail.example.org (Postfix) with ESMTPS id 4Xk{number:06}\r\n\
         \tfor <ada@example.org>; Tue, 3 Mar 2026 10:{:02}:17 +0100 (CET)\r\n\
         Received: from localhost (localhost [127.0.0.1]) by mx{number}.example.net\r\n\
         \twith ESMTP id {number}; Tue, 3 Mar 2026 10:{:02}:11 +0100\r\n\
         DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.net; s=k{number};\r\n\
         \th=from:to:subject:date; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\r\n\
         \tb={}\r\n\
         Return-Path: <jo{number}@example.net>\r\n\
         Date: Tue, 3 Mar 2026 10:{:02}:09 +0100\r\n\
         From: =?utf-8?Q?J=C3=BCrgen_Example_{number}?= <jo{number}@example.net>\r\n\
         To: \"Lovelace, Ada\" <ada@example.org>, grace@example.org\r\n\
         Cc: Team <team@example.org>\r\n\
         Subject: =?utf-8?B?w5xiZXIgZGllIFBvc3Q=?= number {number}\r\n\
         Message-ID: <{number}.{:x}@example.net>\r\n\
         References: <one@example.org> <two@example.org>\r\n\
         User-Agent: Example 1.{number}\r\n\
         X-Priority: 3\r\n\
         MIME-Version: 1.0\r\n",
        number % 250,
        number % 60,
        number % 60,
        base64(172, number).trim_end(),
        number % 60,
        number * 7919,
    )
}

/// Plain text of so many lines.
pub fn note(number: usize, lines: usize) -> Vec<u8> {
    let mut mail = header(number);
    mail += "Content-Type: text/plain; charset=utf-8\r\n\r\n";
    mail += &LINE.repeat(lines);
    mail.into()
}

/// Text and HTML in quoted-printable.
pub fn newsletter(number: usize, lines: usize) -> Vec<u8> {
    let mut mail = header(number);
    mail += "Content-Type: multipart/alternative; boundary=\"=_b1\"\r\n\r\n--=_b1\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\r\n";
    mail += &LINE.repeat(lines);
    mail += "--=_b1\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n";
    mail += &qp_html(lines * 80);
    mail += "--=_b1--\r\n";
    mail.into()
}

/// An answer with the mail that it answers attached.
pub fn answer(number: usize, lines: usize) -> Vec<u8> {
    let mut mail = header(number).into_bytes();
    mail.extend(
        b"In-Reply-To: <two@example.org>\r\nContent-Type: multipart/mixed; boundary=outer\r\n\r\n--outer\r\n\
          Content-Type: text/plain\r\n\r\nSee below.\r\n--outer\r\nContent-Type: message/rfc822\r\n\r\n",
    );
    mail.extend(newsletter(number + 1, lines));
    mail.extend(b"\r\n--outer--\r\n");
    mail
}

/// A text and a file of so many encoded bytes.
pub fn with_attachment(number: usize, size: usize) -> Vec<u8> {
    let mut mail = header(number);
    mail += "Content-Type: multipart/mixed; boundary=\"----=_Part_17\"\r\n\r\n------=_Part_17\r\n\
             Content-Type: text/plain; charset=us-ascii\r\n\r\nThe file.\r\n------=_Part_17\r\n\
             Content-Type: application/pdf; name=\"report.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\
             Content-Disposition: attachment; filename*=utf-8''r%C3%A9port.pdf\r\n\r\n";
    mail += &base64(size, number);
    mail += "------=_Part_17--\r\n";
    mail.into()
}

/// Text of about so many bytes.
pub fn text(size: usize) -> Vec<u8> {
    note(1, size / LINE.len())
}

/// HTML in quoted-printable, of about so many bytes.
pub fn quoted_printable(size: usize) -> Vec<u8> {
    let mut mail = header(2);
    mail += "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n";
    mail += &qp_html(size);
    mail.into()
}

fn qp_html(size: usize) -> String {
    let line = "<p style=3D\"margin:0\">Gr=C3=BC=C3=9Fe aus der K=C3=BCche, <b>hei=C3=9F</b>=\r\n\
                 und mit einem <a href=3D\"https://example.org/?a=3Db\">Verweis</a></p>\r\n\
                <td class=3D\"cell\" width=3D\"600\">a plain line of a table, as there are many</td>=\r\n\r\n";
    line.repeat(size / line.len() + 1)
}

/// Base64 of about so many bytes in lines of 76.
fn base64(size: usize, seed: usize) -> String {
    let mut state = seed as u64 * 2 + 1;
    let mut out = String::with_capacity(size + size / 38 + 2);
    for at in 0..size / 4 * 4 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        out.push(char::from(BASE64[(state >> 58) as usize]));
        if at % 76 == 75 {
            out.push_str("\r\n");
        }
    }
    if !out.ends_with('\n') {
        out.push_str("\r\n");
    }
    out
}

/// 8-bit Russian of about so many bytes.
pub fn koi8(size: usize) -> Vec<u8> {
    let mut mail = header(3).into_bytes();
    mail.extend(b"Content-Type: text/plain; charset=koi8-r\r\nContent-Transfer-Encoding: 8bit\r\n\r\n");
    for line in 0..size / 62 {
        for at in 0..60_usize {
            mail.push(if at % 8 == 7 { b' ' } else { 0xc0 + ((at * 7 + line * 3) % 64) as u8 });
        }
        mail.extend(b"\r\n");
    }
    mail
}

/// 7-bit Japanese of about so many bytes.
pub fn iso_2022_jp(size: usize) -> Vec<u8> {
    let mut mail = header(4).into_bytes();
    mail.extend(b"Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n");
    for line in 0..size / 76 {
        mail.extend(b"\x1b$B");
        for at in 0..34_usize {
            // The syllables of the fourth row.
            mail.extend([0x24, 0x21 + ((at * 5 + line) % 82) as u8]);
        }
        mail.extend(b"\x1b(B\r\n");
    }
    mail
}

/// A multipart of so many parts, of 60 bytes each.
pub fn parts(count: usize) -> Vec<u8> {
    let mut mail = header(5);
    mail += "Content-Type: multipart/mixed; boundary=abc\r\n\r\n";
    for part in 0..count {
        mail += &format!("--abc\r\nContent-Type: text/plain\r\n\r\nPart {part:05}, a short one\r\n");
    }
    mail += "--abc--\r\n";
    mail.into()
}

/// A mail of so many header fields.
pub fn fields(count: usize) -> Vec<u8> {
    let mut mail = header(6);
    for field in 0..count {
        mail += &format!("X-Field-{field}: some value of no use\r\n");
    }
    mail += "\r\nHello\r\n";
    mail.into()
}

/// A mail for so many people.
pub fn mailboxes(count: usize) -> Vec<u8> {
    let people: Vec<String> = (0..count).map(|i| format!("\"Person {i}\" <p{i}@example.org>")).collect();
    format!("From: a@example.org\r\nCc: {}\r\n\r\n", people.join(",\r\n ")).into()
}

/// A mail late in a thread.
pub fn references(count: usize) -> Vec<u8> {
    let ids: Vec<String> = (0..count).map(|i| format!("<{i}.abcdef@example.org>")).collect();
    format!("From: a@example.org\r\nReferences: {}\r\n\r\n", ids.join("\r\n ")).into()
}

/// A subject of so many encoded words.
pub fn encoded_words(count: usize) -> Vec<u8> {
    let words = vec!["=?utf-8?Q?caf=C3=A9_?="; count].join("\r\n ");
    format!("From: a@example.org\r\nSubject: {words}\r\n\r\n").into()
}

/// A file name in so many sections (RFC 2231 §3).
pub fn sections(count: usize) -> Vec<u8> {
    let sections: String = (0..count).map(|i| format!(";\r\n filename*{i}=abc")).collect();
    format!("Content-Disposition: attachment{sections}\r\n\r\n").into()
}

/// Multiparts inside one another.
pub fn nested(levels: usize) -> Vec<u8> {
    let open: String =
        (0..levels).map(|i| format!("Content-Type: multipart/mixed; boundary=b{i}\r\n\r\n--b{i}\r\n")).collect();
    format!("{open}\r\nHello\r\n").into()
}

/// About so many bytes of lines that are nearly the delimiter.
pub fn near_boundaries(size: usize) -> Vec<u8> {
    let line = "--abcdefgh-not\r\n";
    format!(
        "Content-Type: multipart/mixed; boundary=abcdefgh\r\n\r\n{}--abcdefgh--\r\n",
        line.repeat(size / line.len())
    )
    .into()
}

/// About so many dashes in one line.
pub fn dashes(size: usize) -> Vec<u8> {
    format!("Content-Type: multipart/mixed; boundary=--\r\n\r\n{}\r\n------\r\n", "-".repeat(size)).into()
}
