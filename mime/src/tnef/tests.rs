use super::*;

fn attribute_of(level: u8, id: u16, data: &[u8]) -> Vec<u8> {
    let mut out = vec![level];
    out.extend(id.to_le_bytes());
    out.extend([0, 0]);
    out.extend((data.len() as u32).to_le_bytes());
    out.extend(data);
    out.extend(
        data.iter()
            .fold(0_u16, |sum, b| sum.wrapping_add(u16::from(*b)))
            .to_le_bytes(),
    );
    out
}

fn string_property(kind: u16, id: u16, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(kind.to_le_bytes());
    out.extend(id.to_le_bytes());
    out.extend(1_u32.to_le_bytes());
    out.extend((value.len() as u32).to_le_bytes());
    out.extend(value);
    out.resize(out.len().div_ceil(4) * 4, 0);
    out
}

fn sample() -> Vec<u8> {
    let mut bytes = SIGNATURE.to_le_bytes().to_vec();
    bytes.extend([1, 0]);
    bytes.extend(attribute_of(1, 0x800C, b"Hello\0"));
    bytes.extend(attribute_of(2, 0x9002, &[0; 14]));
    bytes.extend(attribute_of(2, 0x8010, b"SHORT~1.TXT\0"));
    bytes.extend(attribute_of(2, 0x800F, b"content"));
    let name: Vec<u8> = "long näme.txt\0"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let mut properties = 3_u32.to_le_bytes().to_vec();
    properties.extend([0x03, 0, 0x20, 0x0E, 1, 0, 0, 0]);
    properties.extend(string_property(UNICODE, 0x3707, &name));
    properties.extend(string_property(0x1E, 0x370E, b"text/plain\0"));
    bytes.extend(attribute_of(2, 0x9005, &properties));
    bytes
}

#[test]
fn bodies_and_attachments_are_unpacked() {
    let tnef = Tnef::parse(&sample()).unwrap();
    assert!(!tnef.damaged);
    assert_eq!(tnef.text.as_deref(), Some("Hello"));
    let [file] = tnef.attachments.as_slice() else {
        panic!("one attachment")
    };
    assert_eq!(file.name.as_deref(), Some("long näme.txt"));
    assert_eq!(file.content_type.as_deref(), Some("text/plain"));
    assert_eq!(file.content, b"content");
}

#[cfg(feature = "charsets")]
#[test]
fn ms_oxtnef_strings_of_octets_are_in_the_code_page_of_the_stream() {
    let name = b"\xCF\xF0\xE8.doc\0";
    let stream = |page: &[u8]| {
        let mut properties = 1_u32.to_le_bytes().to_vec();
        properties.extend(string_property(0x1E, 0x1000, b"\xCF\xF0\xE8\0"));
        let mut bytes = SIGNATURE.to_le_bytes().to_vec();
        bytes.extend([1, 0]);
        bytes.extend(attribute_of(1, 0x9007, page));
        bytes.extend(attribute_of(1, 0x9003, &properties));
        for name in [&name[..], "При.doc\0".as_bytes()] {
            bytes.extend(attribute_of(2, 0x9002, &[0; 14]));
            bytes.extend(attribute_of(2, 0x8010, name));
        }
        let tnef = Tnef::parse(&bytes).unwrap();
        assert!(!tnef.damaged);
        let names = tnef.attachments.iter().filter_map(|file| file.name.clone());
        names.chain(tnef.text.clone()).collect::<Vec<_>>()
    };
    let read = ["При.doc", "При.doc", "При"];
    assert_eq!(stream(&[0xE3, 4, 0, 0, 0, 0, 0, 0]), read);
    assert_eq!(stream(&[0xE3, 4, 0, 0]), read);
    // 866, of DOS.
    assert_eq!(stream(&[0x62, 3, 0, 0])[2], "╧Ёш");
    // None, or one that nobody knows.
    for page in [&[0xE3, 4, 0][..], &[0; 8]] {
        assert_eq!(stream(page), ["Ïðè.doc", "При.doc", "Ïðè"]);
    }
}

#[cfg(feature = "charsets")]
#[test]
fn html_in_octets_is_in_its_own_code_page_and_not_in_that_of_the_stream() {
    let html = |kind: u16, octets: &[u8], page: Option<u32>| {
        let count = 1 + u32::from(page.is_some());
        let mut properties = count.to_le_bytes().to_vec();
        properties.extend(string_property(kind, 0x1013, octets));
        if let Some(page) = page {
            properties.extend(INTEGER.to_le_bytes());
            properties.extend(INTERNET_CODE_PAGE.to_le_bytes());
            properties.extend(page.to_le_bytes());
        }
        let mut bytes = SIGNATURE.to_le_bytes().to_vec();
        bytes.extend([1, 0]);
        bytes.extend(attribute_of(1, 0x9007, &1251_u32.to_le_bytes()));
        bytes.extend(attribute_of(1, 0x9003, &properties));
        let tnef = Tnef::parse(&bytes).unwrap();
        assert!(!tnef.damaged);
        tnef.html.unwrap_or_default()
    };
    for (octets, page, read) in [
        (&b"Gr\xFC\xDFe\0"[..], Some(28591), "Grüße"),
        (b"Gr\xFC\xDFe", Some(1252), "Grüße"),
        ("Grüße".as_bytes(), Some(1252), "Grüße"),
        (b"\xEF\xBB\xBFGr\xC3\xBC\xC3\x9Fe", Some(65001), "Grüße"),
        (b"\x1B$BF|K\\\x1B(B", Some(50220), "日本"),
        // Nothing names it: the best guess is that of the stream.
        (b"\xCF\xF0\xE8", None, "При"),
        (b"", Some(1252), ""),
    ] {
        assert_eq!(html(BINARY, octets, page), read, "{page:?}");
    }
    assert_eq!(html(0x1E, b"\xCF\xF0\xE8\0", Some(28591)), "При");
}

/// A `winmail.dat` with a body in RTF that is not compressed.
fn with_rtf(rtf: &[u8]) -> Vec<u8> {
    let mut mela = (rtf.len() as u32 + 12).to_le_bytes().to_vec();
    mela.extend((rtf.len() as u32).to_le_bytes());
    mela.extend(b"MELA\0\0\0\0");
    mela.extend(rtf);
    let mut properties = 1_u32.to_le_bytes().to_vec();
    properties.extend(string_property(0x0102, 0x1009, &mela));
    let mut bytes = SIGNATURE.to_le_bytes().to_vec();
    bytes.extend([1, 0]);
    bytes.extend(attribute_of(1, 0x9003, &properties));
    bytes
}

#[test]
fn a_body_in_rtf_is_the_html_or_the_text_that_it_says() {
    let tnef = Tnef::parse(&with_rtf(b"{\\rtf1 Hello\\par}")).unwrap();
    assert_eq!(tnef.text.as_deref(), Some("Hello\r\n"));
    assert_eq!((tnef.html, tnef.damaged), (None, false));
    assert_eq!(tnef.rtf.as_deref(), Some(&b"{\\rtf1 Hello\\par}"[..]));
    let html = b"{\\rtf1\\fromhtml1 {\\*\\htmltag64 <p>}Hello}";
    let tnef = Tnef::parse(&with_rtf(html)).unwrap();
    assert_eq!(tnef.html.as_deref(), Some("<p>Hello"));
    assert_eq!(tnef.text, None);
    let mut bad = with_rtf(b"{\\rtf1 x}");
    let at = bad.windows(4).position(|w| w == b"MELA").unwrap();
    bad[at] = b'?';
    assert!(Tnef::parse(&bad).unwrap().damaged);
}

#[test]
fn ms_oxtnef_2_1_3_4_properties_with_names_are_passed_over() {
    let named = |kind: u32, name: &[u8]| {
        let mut out = 0x8001_001E_u32.to_le_bytes().to_vec();
        out.extend([7; 16]);
        out.extend(kind.to_le_bytes());
        out.extend(name);
        out.extend([1, 0, 0, 0, 2, 0, 0, 0]);
        out.extend(b"x\0\0\0");
        out
    };
    let words: Vec<u8> = "Key\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut name = (words.len() as u32).to_le_bytes().to_vec();
    name.extend(words);
    let mut properties = 3_u32.to_le_bytes().to_vec();
    properties.extend(named(0, &0x8503_u32.to_le_bytes()));
    properties.extend(named(1, &name));
    properties.extend(string_property(0x1E, 0x1000, b"Behind them\0"));
    let mut bytes = SIGNATURE.to_le_bytes().to_vec();
    bytes.extend([1, 0]);
    bytes.extend(attribute_of(1, 0x9003, &properties));
    let tnef = Tnef::parse(&bytes).unwrap();
    assert_eq!(tnef.text.as_deref(), Some("Behind them"));
    assert!(!tnef.damaged);
}

#[test]
fn every_cut_is_survived() {
    let whole = sample();
    for length in 0..whole.len() {
        if let Some(tnef) = Tnef::parse(&whole[..length]) {
            assert!(tnef.attachments.len() <= 1);
        }
    }
    assert_eq!(Tnef::parse(b"PK"), None);
    let mut huge = SIGNATURE.to_le_bytes().to_vec();
    huge.extend([0, 0, 2, 0x0F, 0x80, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]);
    assert!(Tnef::parse(&huge).unwrap().damaged);
}

#[test]
fn a_count_that_lies_ends_with_the_data() {
    let mut properties = u32::MAX.to_le_bytes().to_vec();
    properties.extend([0x1E, 0, 0, 0x10, 0xFF, 0xFF, 0xFF, 0xFF]);
    let mut bytes = SIGNATURE.to_le_bytes().to_vec();
    bytes.extend([0, 0]);
    bytes.extend(attribute_of(1, 0x9003, &properties));
    assert!(Tnef::parse(&bytes).unwrap().damaged);
}

fn stream(attributes: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = SIGNATURE.to_le_bytes().to_vec();
    bytes.extend([1, 0]);
    bytes.extend(attributes.concat());
    bytes
}

fn properties(all: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = (all.len() as u32).to_le_bytes().to_vec();
    bytes.extend(all.concat());
    bytes
}

#[test]
fn an_attachment_may_be_told_by_properties_alone() {
    let data = string_property(BINARY, 0x3701, b"x");
    let id = string_property(0x1E, 0x3712, b"1@x\0");
    let told = attribute_of(2, 0x9005, &properties(&[data, id]));
    let begin = attribute_of(2, 0x9002, &[0; 14]);
    let tnef = Tnef::parse(&stream(&[begin.clone(), told.clone()])).unwrap();
    let file = &tnef.attachments[0];
    assert_eq!((&*file.content, tnef.damaged), (&b"x"[..], false));
    assert_eq!(file.content_id.as_deref(), Some("1@x"));
    // The attribute comes before the property.
    let attribute = attribute_of(2, 0x800F, b"whole");
    let tnef = Tnef::parse(&stream(&[begin, attribute, told])).unwrap();
    assert_eq!(tnef.attachments[0].content, b"whole");
}

#[test]
fn what_breaks_off_within_is_damaged() {
    let mut cut = properties(&[string_property(0x1E, 0x3707, b"name\0")]);
    // One more than there is.
    cut[0] += 1;
    let message = stream(&[attribute_of(1, 0x9003, &cut)]);
    let begin = attribute_of(2, 0x9002, &[0; 14]);
    let attachment = stream(&[begin, attribute_of(2, 0x9005, &cut)]);
    let mut rtf = with_rtf(b"{\\rtf1 x}");
    let kind = rtf.windows(4).position(|w| w == b"MELA").unwrap();
    // Its length stands before it.
    rtf[kind - 4] += 1;
    for (bytes, what) in [
        (message, "message"),
        (attachment, "attachment"),
        (rtf, "rtf"),
    ] {
        assert!(Tnef::parse(&bytes).unwrap().damaged, "{what}");
    }
}

#[test]
fn ms_oxtnef_2_1_3_4_values_of_each_size_are_passed_over() {
    let behind = string_property(0x1E, 0x1000, b"Behind it\0");
    let id = 0x0E20_u16.to_le_bytes();
    for (kinds, size) in [
        (&[0x02_u16, INTEGER, 0x04, 0x0A, 0x0B][..], 4),
        (&[0x05, 0x06, 0x07, 0x14, 0x40], 8),
        (&[0x48], 16),
    ] {
        for kind in kinds {
            let one = [&kind.to_le_bytes()[..], &id, &vec![1_u8; size]].concat();
            let many = (kind | 0x1000).to_le_bytes();
            let three = [&many[..], &id, &[3, 0, 0, 0], &vec![1_u8; 3 * size]].concat();
            let all = properties(&[one, three, behind.clone()]);
            let tnef = Tnef::parse(&stream(&[attribute_of(1, 0x9003, &all)])).unwrap();
            assert_eq!(tnef.text.as_deref(), Some("Behind it"), "{kind:#x}");
            assert!(!tnef.damaged);
        }
    }
}

#[cfg(feature = "charsets")]
#[test]
fn a_code_page_that_is_no_number_is_none() {
    let html = string_property(BINARY, 0x1013, b"\xCF\xF0\xE8");
    let page = string_property(0x1E, INTERNET_CODE_PAGE, b"1252\0");
    let tnef = Tnef::parse(&stream(&[
        attribute_of(1, 0x9007, &1251_u32.to_le_bytes()),
        attribute_of(1, 0x9003, &properties(&[html, page])),
    ]));
    assert_eq!(tnef.unwrap().html.as_deref(), Some("При"));
}

#[test]
fn a_part_is_a_winmail_dat_by_its_type_or_by_its_name() {
    for (content_type, is_tnef) in [
        ("application/ms-tnef", true),
        ("application/vnd.ms-tnef", true),
        ("application/octet-stream; name=\"WinMail.dat\"", true),
        ("application/octet-stream; name=\"mail.dat\"", false),
        ("image/ms-tnef", false),
    ] {
        let header = format!("Content-Type: {content_type}\r\n\r\n");
        let mail = [header.as_bytes(), &sample()].concat();
        let tnef = crate::Message::parse(&mail).root().tnef();
        assert_eq!(tnef.is_some(), is_tnef, "{content_type}");
    }
}

#[test]
fn an_attachment_has_a_name_that_is_safe() {
    for (name, safe) in [("a.txt", "a.txt"), ("C:\\x\\a.txt", "a.txt")] {
        let file = TnefAttachment {
            name: Some(name.to_owned()),
            ..TnefAttachment::default()
        };
        assert_eq!(file.safe_name(), safe);
    }
}
