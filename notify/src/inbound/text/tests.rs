//! The rules one by one; whole mails are in `tests/replies`.

use super::*;
use proptest::prelude::*;

#[test]
fn a_quote_below_and_its_attribution_are_left_out() {
    let text = "It is fixed.\r\n\r\nOn Mon, 23 Nov 2026 at 10:00, Support <support@example.org> wrote:\r\n> INC0010001\r\n>\r\n> Please look.\r\n";
    assert_eq!(new_text(text), "It is fixed.");
}

#[test]
fn a_wrapped_attribution_is_left_out_whole() {
    let text = "Yes.\n\nOn Mon, 23 Nov 2026 at 10:00, Support <support@example.org>\nwrote:\n\n> Question?\n";
    assert_eq!(new_text(text), "Yes.");
}

#[test]
fn words_between_quotes_stay() {
    let text = "> one?\nYes.\n> two?\nNo.\n";
    assert_eq!(new_text(text), "Yes.\nNo.");
}

#[test]
fn a_signature_ends_the_text() {
    assert_eq!(new_text("Done.\n\n-- \nAda Lovelace\n> x\n"), "Done.");
    assert_eq!(new_text("Done.\n--\nAda\n"), "Done.");
    assert_eq!(new_text("Done.\n\nSent from my iPhone\n"), "Done.");
    assert_eq!(new_text("a -- b\n-- not one\n"), "a -- b\n-- not one");
}

#[test]
fn outlook_blocks_end_the_text() {
    let block = "Thanks!\n\n________________________________\nFrom: Support <s@example.org>\nSent: Monday, 23 November 2026\nTo: Ada\nSubject: INC0010001\n\nold text\n";
    assert_eq!(new_text(block), "Thanks!");
    let german = "Danke!\n\nVon: Support\nGesendet: Montag\nAn: Ada\nBetreff: INC\n\nalt\n";
    assert_eq!(new_text(german), "Danke!");
    let old = "Thanks!\n\n-----Original Message-----\nFrom: Support\n\nold\n";
    assert_eq!(new_text(old), "Thanks!");
    let bold = "Thanks!\n*From:* S <s@x>\n*Sent:* Monday\n*To:* Ada\n\nold";
    assert_eq!(new_text(bold), "Thanks!");
}

#[test]
fn an_attribution_before_a_quote_without_marks_ends_the_text() {
    let text = "Fine.\n\nOn 23 Nov 2026, Support wrote:\n\nPlease look.\n";
    assert_eq!(new_text(text), "Fine.");
    let own = "On 3 May she wrote: hello\nand I agree";
    assert_eq!(new_text(own), own);
}

#[test]
fn an_answer_in_lower_case_under_a_quoted_question_stays() {
    let text = "> When shall we come to replace the kettle on the second floor?\nnot before noon\n> Is the tea cold?\nyes";
    assert_eq!(new_text(text), "not before noon\nyes");
    let wrapped = "> When shall we come to replace the kettle on the second floor of the\nhouse?\n> Well?\nyes";
    assert_eq!(new_text(wrapped), "yes");
}

#[test]
fn a_form_with_places_and_a_date_is_the_writers_own() {
    for form in [
        "Please book:\n\nFrom: Vienna\nTo: Berlin\nDate: 24.12.2026\nSeats: 2",
        "It is down.\n\n--- Details ---\nUser: ada@example.org\nSince: 10:30\nHost: db1",
    ] {
        assert_eq!(new_text(form), form);
    }
    for head in [
        "From: Support\nDate: 24.12.2026\nSubject: Tea",
        "--- Nachricht von oben ---\nVon: Support <support@example.org>\nAm: 24.12.2026",
    ] {
        assert_eq!(new_text(&format!("Thanks!\n\n{head}\n\nold")), "Thanks!");
    }
}

#[test]
fn what_is_written_below_the_name_is_no_signature() {
    let signed = |below: &str| {
        let text = format!("The printer burns.\n\nThanks,\nAda\n\n{below}");
        (new_text_of(&text, "Ada Lovelace"), text)
    };
    for below in [
        "PS: room 4 as well, please hurry.\n- and call me before noon",
        "P.S. room 4 as well",
        "NB: it is the one on the left",
        "- the cups\n- the tea",
        "1. first the cups",
        "Could you look at room 4 as well?",
        "Could you also look at the lamp that hangs in\nroom 4?",
        "4号室もお願いします。",
    ] {
        let (found, text) = signed(below);
        assert_eq!(found, text);
    }
    for below in [
        "",
        "Head of Tea\nExample Ltd | 1 High Street | London\nada@example.org | +44 20 7946 0018",
        "• +44 20 7946 0018\n• ada@example.org\n• www.example.org",
        "Example Ltd., 1 High Street, London, U.K.",
        "Head of Tea\nSent from my telephone with its small keys.",
    ] {
        assert_eq!(signed(below).0, "The printer burns.", "{below}");
    }
    let named = "The printer burns.\n\nAda Lovelace\nPS: room 4 as well";
    assert_eq!(new_text_of(named, "Ada Lovelace"), named);
}

#[test]
fn a_sentence_below_the_name_needs_no_full_stop() {
    let found = |below: &str| {
        let text = format!("The printer burns.\n\nThanks,\nAda\n\n{below}");
        (new_text_of(&text, "Ada Lovelace"), text)
    };
    for below in [
        "room 4 is broken as well",
        "Room 4 is broken as well",
        "I need the one in the corner",
        "Zimmer 4 ist auch kaputt",
        "الغرفة الرابعة معطلة أيضا",
        "PPS: and room 5",
        "P.P.S. and room 5",
    ] {
        let (found, text) = found(below);
        assert_eq!(found, text);
    }
    for below in [
        "Head of the Department of Tea and Cups",
        "Responsable du service de la qualité",
        "Leiter der Abteilung für Wasser und Tee",
        "on behalf of Example Ltd",
        "e: ada@example.org, t: +44 20 7946 0018, m: +44 20 7946 0019, w: www.example.org",
        "Please consider the environment before printing this email",
    ] {
        assert_eq!(found(below).0, "The printer burns.", "{below}");
    }
}

#[test]
fn a_sentence_about_what_was_sent_is_the_writers_own() {
    let text = "Hallo,\n\nich habe es gestern gesendet.";
    assert_eq!(new_text(text), text);
    assert_eq!(new_text("Ja.\n\nVom iPhone gesendet"), "Ja.");
}

#[test]
fn a_sentence_that_begins_as_a_device_line_does_is_the_writers_own() {
    for own in [
        "Von meinem Rechner aus kann ich nicht drucken.",
        "Von meinem iPhone aus kann ich mich nicht anmelden.",
        "Von meinem iPhone gesendet, kam aber nie an.",
        "Sent from the warehouse on Monday, it never came.",
        "Sent from my iPhone yesterday, but it never came.",
        "Sent from my iPhone\nPlease look at room 4 as well.",
        "Sent via DHL",
        "Gesendet von Bob am Montag",
        "Die Bilder habe ich gestern mit dem Handy gesendet.",
        "Outlook für Android stürzt ab.",
        "Get Outlook for iOS to work, please.",
        "Yahoo Mail does not open on my phone.",
        "Lähetetty postissa maanantaina.",
        "Отправлено с курьером",
    ] {
        assert_eq!(new_text(own), own);
        let text = format!("Hallo,\n\n{own}");
        assert_eq!(new_text(&text), text);
    }
    let signed = "It is down.\n\nThanks,\nAda\n\nSent from the warehouse on Monday, it never came.";
    assert_eq!(new_text_of(signed, "Ada Lovelace"), signed);
}

#[test]
fn a_line_of_a_device_or_of_a_program_is_no_text() {
    for line in [
        "Sent from my iPhone 15 Pro",
        "Sent from my mobile device. Please excuse any typos.",
        "Sent from my Verizon, Samsung Galaxy smartphone",
        "Sent from my Pixel 7",
        "Sent from my T-Mobile 4G LTE Device",
        "Sent from my LG K30, an AT&T smartphone",
        "Sent from my BlackBerry 10 smartphone on the Verizon network.",
        "Gesendet mit der Telekom Mail App",
        "Envoyé depuis ma tablette",
        "Enviado desde mi dispositivo",
        "Sent from my Galaxy\nGet Outlook for Android<https://aka.example/x>",
        "Sent via Superhuman ( https://example.org/?vip=ada )",
        "Sent with [Proton Mail](https://proton.example/) secure email.",
        "Von meinem iPhone aus gesendet",
        "Gesendet mit der mobilen Mail App",
        "Diese Nachricht wurde von meinem Android-Gerät mit K-9 Mail gesendet.",
        "Envoyé avec la messagerie sécurisée Proton Mail.",
        "Yahoo Mail: Search, Organize, Conquer",
        "Отправлено из мобильной Почты Mail.ru",
        "Samsung cihazımdan gönderildi",
        "나의 iPhone에서 보냄",
    ] {
        assert_eq!(new_text(&format!("Yes.\n\n{line}")), "Yes.", "{line}");
    }
}

#[test]
fn a_device_line_with_its_network_below_a_name_does_not_keep_the_signature() {
    let device = "Sent from my BlackBerry 10 smartphone on the Verizon network.";
    let text = format!("Yes.\n\nThanks,\nAda\nCountess\n\n{device}\n");
    assert_eq!(new_text_of(&text, "Ada Lovelace"), "Yes.");
}

#[test]
fn a_paragraph_about_a_confidential_mail_is_the_writers_own() {
    for own in [
        "I sent an e-mail with confidential payroll data to the wrong recipient. Please recall it.",
        "An e-mail with confidential data went to the wrong recipient.",
        "We got this confidential email, and I'm not the intended recipient.",
        "Eine vertrauliche E-Mail ging an den falschen Empfänger.",
        "Un courriel confidentiel est parti au mauvais destinataire.",
        "La impresora se apaga antes de imprimir.",
        "The laptop is virus-free.",
    ] {
        let text = format!("Hello,\n\n{own}");
        assert_eq!(new_text(&text), text);
        let signed = format!("{text}\n\nRegards,\nAda\n");
        assert_eq!(new_text_of(&signed, "Ada Lovelace"), text);
    }
}

#[test]
fn what_people_of_a_company_write_of_mail_and_printing_is_their_own() {
    for own in [
        "Please change our registered office: 1 High Street.",
        "Please change the registered office: 1 High Street.",
        "This email was scanned and held; please release it.",
        "La impresora se apaga antes de imprimir este correo.",
        "Antes de imprimir este correo hay que cambiar el papel.",
        "We got this confidential email and are not the intended recipient. Whose is it?",
        "We got this confidential email, intended only for the board. Please tell them.",
        "Is this confidential email intended only for the board?",
        "The confidential e-mail did not reach the intended recipient.",
        "Please take \"consider the environment before printing\" out of the footer.",
        "Denken Sie an die Umwelt und stellen Sie den Drucker um.",
        "Die vertrauliche Nachricht kam beim vorgesehenen Empfänger nicht an.",
    ] {
        let text = format!("It is down.\n\n{own}");
        assert_eq!(new_text(&text), text);
    }
    // A greeting leads to what somebody has to say; a formula does not.
    let boilerplate = "This email is confidential and intended only for the addressee.";
    let greeting = format!("Hello,\n\n{boilerplate}");
    assert_eq!(new_text(&greeting), greeting);
    let formula = format!("It is down.\n\nRegards,\n\n{boilerplate}");
    assert_eq!(new_text(&formula), "It is down.\n\nRegards,");
}

#[test]
fn what_lawyers_write_below_a_text_is_not_its_writers() {
    for boilerplate in [
        "This email is confidential (i.e. secret) and intended\nonly for the addressee.",
        "Diese Nachricht ist vertraulich und ausschließlich für den Adressaten bestimmt.",
        "Esta mensagem é confidencial e dirigida exclusivamente ao destinatário.",
        "Questo messaggio e i suoi allegati sono riservati e destinati esclusivamente al destinatario.",
        "Ta wiadomość i jej załączniki są poufne i przeznaczone wyłącznie dla adresata.",
        "Это сообщение конфиденциально и предназначено только для получателя.",
        "Denne e-mail er konfidentiel og kun beregnet til modtageren.",
        "Antes de imprimir este mensaje, piense en el medio ambiente.",
        "Virus-free. www.avast.com",
        "Diese Nachricht ist vertraulich und ausschliesslich für den Adressaten bestimmt.",
        "This email is confidential. If you are not the intended recipient, please tell us.",
        "This email is confidential and intended only for the addressee. We accept no liability.",
        "Confidentiality notice: this message may be privileged.",
        "Example Ltd. Registered in England No. 1234. Registered office: 1 High Street.",
        "Do you really need to print this email? Please consider the environment before printing.",
        "Piense en el medio ambiente antes de imprimir este correo.",
        "Pensez à l’environnement avant d’imprimer ce courriel.",
    ] {
        let text = format!("It is down.\n\n{boilerplate}\n");
        assert_eq!(new_text(&text), "It is down.", "{boilerplate}");
    }
}

#[test]
fn a_from_line_alone_is_not_a_quote() {
    let text = "From: the beginning it failed.\nTo: whom it may concern";
    assert_eq!(new_text(text), text);
}

#[test]
fn a_mail_of_quotes_only_has_no_text_of_its_own() {
    assert_eq!(new_text("> a\n> b\n"), "");
    assert_eq!(new_text(""), "");
}

#[test]
fn what_grows_is_read_in_time_that_grows_alike() {
    let pieces = [
        "From: a@b.example\n",
        "-- \n",
        "--\n",
        "> ",
        "On 23 Nov 2026, a@b.example\n",
        "wrote:\n\n",
        "Sent from my x\n\n",
        "yahoo_quoted\"",
        "<div class=\"moz-signature\">",
        "Regards,\nAda\n\n",
        "2026 a@b.example wrote: ",
        "\n",
        "-",
        "confidential email for the intended recipient\n\n",
    ];
    let started = std::time::Instant::now();
    for piece in pieces {
        let text = piece.repeat((1 << 16) / piece.len());
        new_text_of(&text, "Ada Lovelace");
        new_text_of_html(&text, "Ada Lovelace");
    }
    // Without optimization on a busy machine; what grows with the square takes minutes.
    assert!(started.elapsed().as_secs() < 15, "{:?}", started.elapsed());
}

/// What stands above many quotes is not read again for each of them, however long its lines are.
#[test]
fn a_long_line_above_many_quotes_is_read_once() {
    for line in ["1 ", "23 Nov 2026 ", "a@b.example ", "wrote: ", "x"] {
        let above = line.repeat((1 << 18) / line.len());
        for quote in ["said:\n>\n", "10:00\n<a@b.example>:\n> x\n", "x\n>\n\n"] {
            let text = format!("{above}end.\n{}", quote.repeat((1 << 17) / quote.len()));
            let began = std::time::Instant::now();
            new_text_of(&text, "Ada Lovelace");
            // Some hundredths; what is read for each quote takes minutes.
            assert!(began.elapsed().as_secs() < 10, "{line:?} {quote:?}");
        }
    }
}

proptest! {
    #[test]
    fn no_line_is_made_up(text in "([a-z>: -]{0,12}\n){0,12}") {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        for line in new_text(&text).lines() {
            prop_assert!(line.is_empty() || lines.contains(&line.trim()), "{line:?}");
        }
    }
}

/// Each line is looked at a few times, however often such lines follow each other.
#[test]
fn a_long_text_of_endings_costs_little() {
    for ending in [
        "regards\nAda\n",
        "Sent from my iPhone\n\n",
        "This message is confidential and for its intended recipient.\n\n",
        "On 23 Nov 2026 a@b.example wrote:\n\n",
        "-- \nAda\n",
        "________\n\n",
        "\n\n\n1\n",
        ">\nAda\n",
    ] {
        let text = ending.repeat(50_000);
        assert!(new_text(&text).len() <= text.len(), "{ending:?}");
    }
}

#[test]
fn a_text_that_no_one_writes_is_left_as_it_is() {
    let reply = "Done.\n\nOn 23 Nov 2026, Support <s@example.org> wrote:\n";
    let quotes = |count| format!("{reply}{}", "> Please look.\n".repeat(count));
    assert_eq!(new_text(&quotes(60_000)), "Done.");
    let long = quotes(80_000);
    assert_eq!(new_text(&long), long.trim());
}
