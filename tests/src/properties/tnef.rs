use super::choices::Choices;
use super::file_name::is_safe_file_name;
use postrider_mime::tnef::Tnef;

/// The input is a `winmail.dat`; then, line by line, attachments that a naive writer puts into one.
///
/// * What is read was there: no more octets of content than the input has, names that are safe.
/// * Attachments come back, all and in order, with their names and octets.
/// * One that breaks off gives those before the break, and says that it is damaged.
pub fn tnef(input: &[u8]) {
    if let Some(tnef) = Tnef::parse(input) {
        let content: usize = tnef.attachments.iter().map(|a| a.content.len()).sum();
        assert!(content <= input.len());
        for attachment in &tnef.attachments {
            is_safe_file_name(&attachment.safe_name());
        }
    }
    let (mut choices, mut attachments) = (Choices::new(input), Vec::new());
    while !choices.is_empty() && attachments.len() < 20 {
        let name = String::from_utf8_lossy(choices.line()).replace('\0', "");
        attachments.push((name, choices.line()));
    }
    let mut file = vec![0x78, 0x9F, 0x3E, 0x22, 1, 0];
    let mut ends = Vec::new();
    for (name, content) in &attachments {
        attribute(&mut file, 0x9002, b"");
        attribute(&mut file, 0x8010, &[name.as_bytes(), b"\0"].concat());
        attribute(&mut file, 0x800F, content);
        ends.push(file.len());
    }
    let read = Tnef::parse(&file).expect("a winmail.dat");
    assert!(!read.damaged && read.attachments.len() == attachments.len());
    for (read, (name, content)) in read.attachments.iter().zip(&attachments) {
        assert_eq!(
            (read.name.as_ref(), &read.content[..]),
            (Some(name), *content)
        );
        is_safe_file_name(&read.safe_name());
    }
    let cut = 6 + input.len() % (file.len() - 5);
    let part = Tnef::parse(&file[..cut]).expect("a winmail.dat");
    let whole = ends.iter().filter(|end| **end <= cut).count();
    assert!(part.attachments.len() >= whole);
    assert_eq!(part.attachments[..whole], read.attachments[..whole]);
    assert!(part.damaged || is_between(&file, cut), "cut at {cut}");
}

fn attribute(file: &mut Vec<u8>, id: u16, data: &[u8]) {
    file.push(2);
    file.extend(id.to_le_bytes());
    file.extend([0, 0]);
    file.extend((data.len() as u32).to_le_bytes());
    file.extend(data);
    let sum = data
        .iter()
        .fold(0_u16, |sum, octet| sum.wrapping_add(u16::from(*octet)));
    file.extend(sum.to_le_bytes());
}

/// Whether an attribute ends there.
fn is_between(file: &[u8], cut: usize) -> bool {
    let mut at = 6;
    while at < cut {
        let length = file[at + 5..at + 9].try_into().expect("four octets");
        at += 11 + u32::from_le_bytes(length) as usize;
    }
    at == cut
}
