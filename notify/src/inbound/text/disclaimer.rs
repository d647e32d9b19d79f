//! What companies and programs add below a text: confidentiality, the environment, viruses.

use super::is_blank;

/// Words for a mail, for whom it is meant, and for keeping it secret. A paragraph with all three is boilerplate.
const MAIL: [&str; 13] = [
    "e-mail",
    "email",
    "message",
    "communication",
    "nachricht",
    "courriel",
    "mensaje",
    "correo",
    "messaggio",
    "bericht",
    "mensagem",
    "wiadomość",
    "сообщение",
];
const MEANT: [&str; 15] = [
    "intended recipient",
    "recipient",
    "addressee",
    "intended for",
    "intended solely",
    "empfänger",
    "adressat",
    "destinataire",
    "destinatari",
    "geadresseerde",
    "bestemd",
    "adresat",
    "получател",
    "mottagare",
    "modtager",
];
const SECRET: [&str; 11] = [
    "confidential",
    "privileged",
    "vertraulich",
    "confidentiel",
    "confidencial",
    "riservat",
    "confidenzial",
    "vertrouwelijk",
    "poufn",
    "конфиденциальн",
    "konfidentiel",
];

/// Sentences that stand alone.
const SENTENCES: [&str; 16] = [
    "consider the environment before printing",
    "think before you print",
    "denken sie an die umwelt",
    "prüfen sie, ob diese mail wirklich ausgedruckt",
    "pensez à l'environnement",
    "pensez à l’environnement",
    "antes de imprimir",
    "prima di stampare",
    "this email has been checked for viruses",
    "this email was scanned",
    "virus-free.",
    "virenfrei.",
    "diese e-mail wurde von avast",
    "confidentiality notice",
    "registered office:",
    "you received this message because you are subscribed",
];

/// Takes such paragraphs off the end, unless nothing else would be left.
pub(super) fn drop(own: &mut Vec<&str>) {
    let Some(first) = own.iter().position(|line| !is_blank(line)) else {
        return;
    };
    while let Some(last) = own.iter().rposition(|line| !is_blank(line)) {
        let before = own.get(..last).unwrap_or_default();
        let Some(blank) = before.iter().rposition(|line| is_blank(line)) else {
            return;
        };
        let paragraph = own
            .get(blank + 1..=last)
            .unwrap_or_default()
            .join(" ")
            .to_lowercase();
        if blank < first || !is_boilerplate(&paragraph) {
            return;
        }
        own.truncate(blank);
    }
}

fn is_boilerplate(paragraph: &str) -> bool {
    let has = |words: &[&str]| words.iter().any(|word| paragraph.contains(word));
    (has(&MAIL) && has(&MEANT) && has(&SECRET)) || has(&SENTENCES)
}
