//! The head that Outlook and others put in front of what they quote without marks:
//!
//! ```text
//! From: Support <support@example.org>
//! Sent: Monday, 23 November 2026 10:00
//! To: Ada Lovelace <ada@example.org>
//! Subject: INC0010001: Tea
//! ```

use super::line::{Line, has_address, has_date};

/// Lines that such a head may take; many recipients are wrapped.
const LINES: usize = 12;

/// What a line of a head names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Label {
    From,
    Sent,
    To,
    Subject,
    Other,
}

const LABELS: [(Label, &[&str]); 5] = [
    (
        Label::From,
        &[
            "from",
            "von",
            "de",
            "da",
            "van",
            "fra",
            "från",
            "od",
            "lähettäjä",
            "от",
            "від",
            "kimden",
            "gönderen",
            "από",
            "feladó",
            "de la",
            "差出人",
            "发件人",
            "寄件者",
            "보낸 사람",
            "מאת",
            "من",
            "expéditeur",
            "remitente",
            "mittente",
            "dari",
            "expeditor",
            "送信者",
            "từ",
            "จาก",
        ],
    ),
    (
        Label::Sent,
        &[
            "sent",
            "date",
            "gesendet",
            "datum",
            "envoyé",
            "envoyé le",
            "enviado",
            "enviado el",
            "enviada em",
            "fecha",
            "data",
            "inviato",
            "verzonden",
            "sendt",
            "dato",
            "skickat",
            "wysłano",
            "wysłane",
            "odesláno",
            "lähetetty",
            "päivämäärä",
            "отправлено",
            "дата",
            "надіслано",
            "gönderme tarihi",
            "gönderildi",
            "tarih",
            "στάλθηκε",
            "elküldve",
            "dátum",
            "trimis",
            "送信日時",
            "日付",
            "发送时间",
            "發送時間",
            "日期",
            "寄件日期",
            "보낸 날짜",
            "날짜",
            "נשלח",
            "تاريخ الإرسال",
            "تم الإرسال",
            "đã gửi",
            "dikirim",
            "ส่ง",
            "วันที่",
            "送信",
        ],
    ),
    (
        Label::To,
        &[
            "to",
            "an",
            "à",
            "para",
            "a",
            "aan",
            "til",
            "till",
            "do",
            "komu",
            "vastaanottaja",
            "кому",
            "kime",
            "alıcı",
            "προς",
            "címzett",
            "către",
            "宛先",
            "收件人",
            "收件者",
            "받는 사람",
            "אל",
            "إلى",
            "destinataire",
            "destinatario",
            "kepada",
            "đến",
            "ถึง",
        ],
    ),
    (
        Label::Subject,
        &[
            "subject",
            "betreff",
            "objet",
            "asunto",
            "assunto",
            "oggetto",
            "onderwerp",
            "emne",
            "ämne",
            "temat",
            "předmět",
            "aihe",
            "тема",
            "konu",
            "θέμα",
            "tárgy",
            "subiect",
            "件名",
            "主题",
            "主旨",
            "主題",
            "제목",
            "נושא",
            "الموضوع",
            "chủ đề",
            "เรื่อง",
            "perihal",
        ],
    ),
    (
        Label::Other,
        &[
            "cc",
            "cc to",
            "kopie",
            "kopia",
            "copie",
            "copia",
            "bcc",
            "reply-to",
            "antwort an",
            "importance",
            "attachments",
            "priority",
            "organization",
            "cc:n",
        ],
    ),
];

/// True if the lines begin with such a head.
pub(super) fn is(rest: &[Line<'_>]) -> bool {
    let Some((first, value)) = rest.first().and_then(|line| label(&line.bare)) else {
        return false;
    };
    if !matches!(first, Label::From | Label::Sent) {
        return false;
    }
    let mut found = vec![first];
    let (mut address, mut date) = (has_address(value), has_date(value));
    let lines = rest.iter().take(LINES).skip(1);
    // Lotus leaves empty lines between them, but a paragraph of its own is no head.
    for line in lines.filter(|line| !line.is_blank()) {
        match label(&line.bare) {
            Some((label, value)) => {
                found.push(label);
                address |= has_address(value);
                date |= has_date(value);
            }
            // A wrapped value goes on; two in a row are text.
            None if found.len() < 2 => return false,
            None => {}
        }
    }
    let has = |label| found.contains(&label);
    let named = has(Label::From) && (has(Label::To) || has(Label::Subject));
    let whole = has(Label::Sent) && has(Label::To) && has(Label::Subject);
    let enough = has(Label::Sent) || (has(Label::To) && has(Label::Subject));
    // From one place to another, on a day, is a journey: a mail has an address or a subject.
    named && enough && (whole || address || (date && has(Label::Subject)))
}

/// True if a line names a sender, as the first one of such a head does; also where it is quoted.
pub(super) fn names_a_sender(line: &str) -> bool {
    let line = line.trim_start_matches(['>', ' ', '\t', '\u{a0}']);
    label(line).is_some_and(|(label, _)| label == Label::From)
}

/// The label of a line, and what stands behind it.
fn label(line: &str) -> Option<(Label, &str)> {
    let line = line.trim_start_matches(['*', '_', ' ', '|']);
    let at = match line.is_ascii() {
        true => memchr::memchr(b':', line.as_bytes())?,
        false => line.find([':', '：'])?,
    };
    let (word, value) = line.split_at(at);
    if word.len() > 40 {
        return None;
    }
    // French puts a space in front of a colon, and programs one that does not break.
    let word = word.trim_end_matches(['*', '_', ' ', '|', '\u{a0}', '\u{202f}']);
    let word = word.to_lowercase();
    let (label, _) = LABELS
        .iter()
        .find(|(_, words)| words.contains(&word.as_str()))?;
    Some((*label, value.trim_start_matches([':', '：', '*', '_', ' '])))
}
