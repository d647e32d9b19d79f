//! Lines such as `Sent from my iPhone`, which programs write below a text: of the device, or of themselves.
//!
//! A sentence may begin with the same words. So the line has to name a device or a program that is known, with few words around
//! it, and nothing may follow that says more than an excuse does.

/// Characters that such a line has at most.
const LONGEST: usize = 120;

/// Lines below it that belong to it at most.
const MORE: usize = 2;

/// Words that are no name and stand in front of one at most: `la messagerie sécurisée Proton`.
const BEFORE: usize = 3;

/// What stands in front of the device or the program, and what stands behind it.
const FRAMES: &[(&str, &str)] = &[
    ("sent from ", ""),
    ("sent from the all new ", ""),
    ("sent with ", ""),
    ("sent via ", ""),
    ("get outlook for ", ""),
    ("von ", "gesendet"),
    ("von ", "aus gesendet"),
    ("vom ", "gesendet"),
    ("vom ", "aus gesendet"),
    ("diese nachricht wurde von ", "gesendet"),
    ("gesendet von ", ""),
    ("gesendet vom ", ""),
    ("gesendet mit ", ""),
    ("outlook für ", "beziehen"),
    ("outlook für ", "herunterladen"),
    ("holen sie sich outlook ", ""),
    ("envoyé de ", ""),
    ("envoyé avec ", ""),
    ("envoyé depuis ", ""),
    ("envoyé à partir de ", ""),
    ("obtenir outlook ", ""),
    ("télécharger outlook ", ""),
    ("enviado desde ", ""),
    ("enviado do ", ""),
    ("enviado de ", ""),
    ("obtener outlook ", ""),
    ("obter o outlook ", ""),
    ("inviato da", ""),
    ("scarica outlook ", ""),
    ("verstuurd vanaf ", ""),
    ("verzonden vanaf ", ""),
    ("verzonden met ", ""),
    ("skickat från ", ""),
    ("sendt fra ", ""),
    ("hämta outlook ", ""),
    ("wysłane z ", ""),
    ("отправлено с ", ""),
    ("отправлено из ", ""),
    ("надіслано з ", ""),
    ("lähetetty ", ""),
    ("odesláno z ", ""),
    ("odesláno ze ", ""),
    ("trimis de pe ", ""),
    ("στάλθηκε από ", ""),
    ("发自", ""),
    ("發自", ""),
    ("", "から送信"),
    ("", "에서 보냄"),
    ("", "gönderildi"),
    ("", "küldve"),
];

/// What the words have inside of them that name a device, or a program for mail.
const DEVICES: &[&str] = &[
    "phone",
    "téléphone",
    "telefon",
    "teléfono",
    "telefoon",
    "cellulare",
    "puhelim",
    "телефон",
    "смартфон",
    "устройств",
    "мобильн",
    "手机",
    "手機",
    "휴대폰",
    "cihaz",
    "ipad",
    "android",
    "galaxy",
    "samsung",
    "huawei",
    "xiaomi",
    "motorola",
    "nokia",
    "blackberry",
    "verizon",
    "outlook",
    "windows",
    "yahoo",
    "proton",
    "superhuman",
    "tutanota",
    "thunderbird",
    "bluemail",
    "mailspring",
    "typeapp",
    "fairemail",
    "tapatalk",
    "icloud",
    "gmail",
    "hotmail",
    "mail.ru",
    "yandex",
    "яндекс",
];

/// Words that name one and stand in other words as well.
const WORDS: &[&str] = &[
    "handy",
    "mobil",
    "mobile",
    "mobilen",
    "mobiele",
    "móvil",
    "celular",
    "tablet",
    "ios",
    "mac",
    "aol",
    "gmx",
    "web.de",
    "k-9",
    "spark",
    "tuta",
    "device",
    "devices",
    "app",
    "tablette",
    "dispositivo",
    "gerät",
    "laptop",
    "pc",
    "t-mobile",
    "pixel",
    "oneplus",
    "xperia",
    "redmi",
    "moto",
    "htc",
    "lg",
];

/// Words in small letters that stand behind such a name.
const PARTS: &[&str] = &[
    "device",
    "app",
    "smartphone",
    "network",
    "mail",
    "email",
    "e-mail",
    "secure",
    "mini",
    "pro",
    "plus",
    "max",
];

/// What excuses have inside of them.
const EXCUSES: &[&str] = &[
    "excus",
    "sorry",
    "apolog",
    "typo",
    "brevity",
    "pardon",
    "entschuldig",
    "tippfehler",
    "désolé",
    "disculp",
    "perdon",
    "scusa",
    "desculp",
];

/// True if the lines say what a mail was written on or with, perhaps with a link and an excuse, and nothing else.
pub(super) fn is_device(block: &[&str]) -> bool {
    let Some((first, rest)) = block.split_first() else {
        return false;
    };
    let line = plain(first);
    if line.chars().count() > LONGEST || rest.len() > MORE {
        return false;
    }
    let (said, aside) = clause(&line);
    let is_one = (names_device(said) && is_aside(aside)) || is_slogan(&line);
    is_one && rest.iter().all(|line| is_aside(&plain(line)))
}

/// The line without links and the marks around it, with single spaces.
fn plain(line: &str) -> String {
    let is_mark = |c: char| c.is_whitespace() || matches!(c, '*' | '_' | '<' | '>');
    let mut inside = false;
    let shown = line.trim_matches(is_mark).chars().filter(|c| {
        inside |= matches!(*c, '<' | '(');
        let is_shown = !inside && !matches!(*c, '[' | ']');
        inside &= !matches!(*c, '>' | ')');
        is_shown
    });
    let shown: String = shown.collect();
    shown.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a line says up to the first mark that ends a part of a sentence, and what follows.
fn clause(line: &str) -> (&str, &str) {
    let from = |at: usize, mark: char| line.get(at + mark.len_utf8()..).unwrap_or_default();
    let ends = |&(at, mark): &(usize, char)| {
        let after = from(at, mark);
        let is_mark = matches!(
            mark,
            '.' | ',' | ';' | ':' | '!' | '?' | '…' | '-' | '–' | '—' | '|'
        );
        is_mark && (after.is_empty() || after.starts_with(' '))
    };
    match line.char_indices().find(ends) {
        Some((at, mark)) => (line.get(..at).unwrap_or_default(), from(at, mark)),
        None => (line, ""),
    }
}

fn names_device(said: &str) -> bool {
    FRAMES.iter().any(|(begin, end)| {
        let inner = behind(said, begin).and_then(|rest| in_front(rest, end));
        let most = if begin.is_empty() { 0 } else { BEFORE };
        inner.is_some_and(|inner| is_name(inner, most))
    })
}

/// True for the name of a device or a program, with so many other words in front of it at most.
fn is_name(inner: &str, most: usize) -> bool {
    let words: Vec<&str> = inner.split_whitespace().collect();
    // `on the Verizon network`
    let end = words.windows(2).position(|two| two == ["on", "the"]);
    let words = words.get(..end.unwrap_or(words.len())).unwrap_or_default();
    let Some(last) = words.iter().rposition(|word| is_device_word(word)) else {
        return false;
    };
    let (name, after) = words.split_at(last + 1);
    let is_other = |word: &&&str| word.starts_with(char::is_lowercase) && !is_device_word(word);
    // Models have capitals or figures; behind `with` stands what the device has.
    let mut model = after
        .iter()
        .take_while(|word| !word.eq_ignore_ascii_case("with"));
    let is_model = |word: &&str| !word.starts_with(char::is_lowercase) || PARTS.contains(word);
    name.iter().filter(is_other).count() <= most && model.all(is_model)
}

fn is_device_word(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_alphanumeric());
    let word = word.to_lowercase();
    WORDS.contains(&word.as_str()) || DEVICES.iter().any(|device| word.contains(device))
}

/// True for what says nothing: an excuse, another such line, a few words that are no sentence.
fn is_aside(text: &str) -> bool {
    let text = text.trim();
    let words = text.split_whitespace().count();
    let lower = text.to_lowercase();
    let excuses = words <= 15 && EXCUSES.iter().any(|word| lower.contains(word));
    let is_short = words <= 3 && !text.ends_with(['.', '?', '!']);
    excuses || is_short || names_device(text.trim_end_matches('.'))
}

/// `Yahoo Mail: Search, Organize, Conquer`, in the language of its user.
fn is_slogan(line: &str) -> bool {
    let words = behind(line, "yahoo mail").and_then(|rest| rest.trim_start().strip_prefix(':'));
    words.is_some_and(|words| {
        words.matches(',').count() == 2 && words.to_lowercase().contains("organi")
    })
}

/// What stands behind these words in small letters, if a text begins with them.
fn behind<'t>(text: &'t str, words: &str) -> Option<&'t str> {
    let mut rest = text.chars();
    for expected in words.chars() {
        if !rest.next()?.to_lowercase().eq([expected]) {
            return None;
        }
    }
    Some(rest.as_str())
}

/// What stands in front of these words in small letters, if a text ends with them.
fn in_front<'t>(text: &'t str, words: &str) -> Option<&'t str> {
    let mut rest = text.chars();
    for expected in words.chars().rev() {
        if !rest.next_back()?.to_lowercase().eq([expected]) {
            return None;
        }
    }
    Some(rest.as_str())
}
