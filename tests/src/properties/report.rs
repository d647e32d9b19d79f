use super::choices::Choices;
use postrider_mime::{Action, DeliveryStatus, Message, Report, Typed};

/// The input is a delivery report as anybody may write one, and decides over one that is written as RFC 3464 demands.
///
/// * Each line gives one recipient, its action and its status; they are read back, all and in order (§2.1, §2.3).
/// * Whatever is read of any octets is text without CR, LF and NUL.
pub fn dsn(input: &[u8]) {
    let mut choices = Choices::new(input);
    let mut written = String::from("Reporting-MTA: dns; mx.example.org\r\n");
    let mut expected = Vec::new();
    while !choices.is_empty() && expected.len() < 20 {
        let mut line = Choices::new(choices.line());
        let (name, action) = ACTIONS[line.number() % ACTIONS.len()];
        let class = [2, 4, 5][line.number() % 3];
        let (subject, detail) = (line.number(), line.number());
        let said = word(line.rest());
        written += &format!(
            "\r\nFinal-Recipient: rfc822;\r\n {said}@example.org\r\nAction: {name} (a word)\r\n\
             Status: {class}.{subject}.{detail}\r\nDiagnostic-Code: smtp; 550 {said}\r\n"
        );
        expected.push((said, action, format!("{class}.{subject}.{detail}")));
    }
    let Some(Report::Delivery(status)) = report("delivery-status", written.as_bytes()) else {
        panic!("no delivery report: {written}");
    };
    assert_eq!(status.recipients.len(), expected.len(), "{written}");
    for (read, (said, action, code)) in status.recipients.iter().zip(expected) {
        assert_eq!(value(&read.final_recipient), format!("{said}@example.org"));
        assert_eq!(value(&read.diagnostic_code), format!("550 {said}"));
        assert_eq!(read.action, Some(action));
        assert_eq!(read.status.map(|status| status.to_string()), Some(code));
    }
    if let Some(Report::Delivery(status)) = report("delivery-status", input) {
        texts_of(&status).for_each(is_text);
    }
}

/// The input is a disposition notification (RFC 8098): any octets, and a disposition that is written as it demands.
///
/// * Modes, kind and modifiers are read back in lower case (§3.2.6).
/// * Whatever is read of any octets is text without CR, LF and NUL.
pub fn mdn(input: &[u8]) {
    let words: Vec<String> = input.split(|b| *b == b'\n').take(5).map(word).collect();
    if let [action, sending, kind, modifiers @ ..] = words.as_slice() {
        let written = format!(
            "Final-Recipient: rfc822; a@example.org\r\nOriginal-Message-ID: <{kind}@example.org>\r\n\
             Disposition: {action}-action/MDN-sent-{sending} ; {kind}/{}\r\n",
            modifiers.join(" , ")
        );
        let Some(Report::Disposition(read)) =
            report("disposition-notification", written.as_bytes())
        else {
            panic!("no notification: {written}");
        };
        let id = format!("{kind}@example.org");
        assert_eq!(read.original_message_id, Some(id));
        let disposition = read.disposition.expect("a disposition");
        let lower = |text: &str| text.to_ascii_lowercase();
        assert_eq!(disposition.action_mode, lower(&format!("{action}-action")));
        assert_eq!(
            disposition.sending_mode,
            lower(&format!("mdn-sent-{sending}"))
        );
        assert_eq!(disposition.kind, lower(kind));
        assert!(
            disposition.modifiers.iter().eq(modifiers
                .iter()
                .map(|m| lower(m))
                .collect::<Vec<_>>()
                .iter())
        );
    }
    if let Some(Report::Disposition(read)) = report("disposition-notification", input) {
        let ids = read.original_message_id.iter().chain(&read.reporting_ua);
        ids.map(String::as_str).for_each(is_text);
        let recipients = [&read.final_recipient, &read.original_recipient];
        recipients.map(value).into_iter().for_each(is_text);
        if let Some(disposition) = read.disposition {
            is_text(&disposition.kind);
            disposition.modifiers.iter().for_each(|m| is_text(m));
        }
    }
}

/// The input is a complaint (RFC 5965): any octets, and one of a recipient, a domain and an address for each line.
///
/// * Fields that repeat are read back, all and in order (§3.2).
/// * Whatever is read of any octets is text without CR, LF and NUL.
pub fn arf(input: &[u8]) {
    let words: Vec<String> = input.split(|b| *b == b'\n').take(20).map(word).collect();
    let mut written = String::from("Feedback-Type: Abuse\r\nUser-Agent: x/1\r\nVersion: 1\r\n");
    for word in &words {
        written += &format!(
            "Original-Rcpt-To: <{word}@example.org>\r\nReported-Domain:\r\n\t{word}.test\r\n"
        );
    }
    let Some(Report::Feedback(read)) = report("feedback-report", written.as_bytes()) else {
        panic!("no complaint: {written}");
    };
    assert_eq!(read.feedback_type.as_deref(), Some("abuse"));
    assert!(
        read.original_rcpt_to.iter().eq(words
            .iter()
            .map(|w| format!("{w}@example.org"))
            .collect::<Vec<_>>()
            .iter())
    );
    assert!(
        read.reported_domain.iter().eq(words
            .iter()
            .map(|w| format!("{w}.test"))
            .collect::<Vec<_>>()
            .iter())
    );
    if let Some(Report::Feedback(read)) = report("feedback-report", input) {
        let lists = [
            read.original_rcpt_to,
            read.reported_domain,
            read.reported_uri,
        ]
        .concat();
        let more = [
            read.feedback_type,
            read.user_agent,
            read.original_mail_from,
            read.source_ip,
        ];
        lists
            .iter()
            .chain(more.iter().flatten())
            .for_each(|text| is_text(text));
    }
}

const ACTIONS: [(&str, Action); 5] = [
    ("failed", Action::Failed),
    ("Delayed", Action::Delayed),
    ("delivered", Action::Delivered),
    ("relayed", Action::Relayed),
    ("EXPANDED", Action::Expanded),
];

/// The report in a mail whose report part this is.
fn report(kind: &str, content: &[u8]) -> Option<Report> {
    let header = format!(
        "Content-Type: multipart/report; boundary=\"--of the report\"\r\n\r\n\
         ----of the report\r\nContent-Type: message/{kind}\r\n\r\n"
    );
    let mail = [header.as_bytes(), content, b"\r\n----of the report--\r\n"].concat();
    Message::parse(&mail).report()
}

fn texts_of(status: &DeliveryStatus) -> impl Iterator<Item = &str> {
    let recipients = status.recipients.iter().flat_map(|r| {
        let fields = [
            &r.original_recipient,
            &r.final_recipient,
            &r.remote_mta,
            &r.diagnostic_code,
        ];
        fields.map(value)
    });
    let envelope = status.original_envelope_id.as_deref();
    recipients
        .chain(envelope)
        .chain([value(&status.reporting_mta)])
}

fn value(typed: &Option<Typed>) -> &str {
    typed.as_ref().map_or("", |typed| &typed.value)
}

fn is_text(text: &str) {
    assert!(!text.contains(['\r', '\n', '\0']), "{text:?}");
}

/// What of a line can stand in an address; at least one letter.
fn word(line: &[u8]) -> String {
    let letters = line.iter().filter(|b| b.is_ascii_alphanumeric()).take(40);
    std::iter::once('x')
        .chain(letters.map(|b| char::from(*b)))
        .collect()
}
