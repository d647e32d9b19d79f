//! What companies and programs add below a text: confidentiality, the environment, viruses.

use super::is_blank;

/// Words for a mail. A paragraph with one, and with what lawyers of one language write of secrecy and of recipients, is boilerplate.
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

/// What is written below texts in one language, and what is not.
struct Language {
    /// How somebody speaks of themselves alone: no boilerplate does, so what has one of these words is the writer's own.
    oneself: &'static [&'static str],
    /// Words for keeping a mail secret.
    secret: &'static [&'static str],
    /// For whom it is meant. People write of recipients as well, so these are the phrases of lawyers.
    meant: &'static [&'static str],
    /// Sentences that stand alone.
    sentences: &'static [&'static str],
}

const LANGUAGES: [Language; 9] = [
    Language {
        oneself: &["i", "my", "me", "mine", "myself"],
        secret: &["confidential", "privileged"],
        meant: &[
            "intended recipient",
            "named recipient",
            "intended addressee",
            "named addressee",
            "for the addressee",
            "not the addressee",
            "intended only",
            "intended solely",
            "intended exclusively",
            "intended for the person",
            "intended for the individual",
            "intended for the named",
            "for the use of the",
            "for the sole use",
            "for the exclusive use",
            "whom it is addressed",
            "whom they are addressed",
        ],
        sentences: &[
            "consider the environment before printing",
            "think before you print",
            "this email has been checked for viruses",
            "this email was scanned",
            "virus-free. www.",
            "virus-free.www.",
            "confidentiality notice:",
            "registered office:",
            "you received this message because you are subscribed",
        ],
    },
    Language {
        oneself: &[
            "ich", "mich", "mir", "mein", "meine", "meinem", "meinen", "meiner", "meines",
        ],
        secret: &["vertraulich"],
        meant: &[
            "wenn sie nicht der",
            "falls sie nicht der",
            "sollten sie nicht der",
            "bestimmungsgemäße",
            "bestimmungsgemässe",
            "vorgesehene empfänger",
            "vorgesehenen empfänger",
            "beabsichtigte empfänger",
            "beabsichtigten empfänger",
            "nur für den adressaten",
            "nur für den empfänger",
            "nur für die person",
            "ausschließlich für den",
            "ausschließlich für die",
        ],
        sentences: &[
            "denken sie an die umwelt",
            "prüfen sie, ob diese mail wirklich ausgedruckt",
            "virenfrei. www.",
            "virenfrei.www.",
            "diese e-mail wurde von avast",
        ],
    },
    Language {
        oneself: &["je", "j", "moi", "mon", "ma", "mes"],
        secret: &["confidentiel"],
        meant: &[
            "destiné exclusivement",
            "destinés exclusivement",
            "destinée exclusivement",
            "destinées exclusivement",
            "exclusivement destiné",
            "usage exclusif",
            "attention exclusive",
            "intention exclusive",
            "êtes pas le destinataire",
            "êtes pas destinataire",
            "vous avez reçu ce message par erreur",
            "vous recevez ce message par erreur",
            "vous avez reçu ce courriel par erreur",
        ],
        sentences: &["pensez à l'environnement", "pensez à l’environnement"],
    },
    // Spanish and Portuguese.
    Language {
        oneself: &[
            "yo", "mi", "mis", "mí", "me", "eu", "meu", "meus", "minha", "minhas", "mim",
        ],
        secret: &["confidencial"],
        meant: &[
            "dirigido exclusivamente",
            "dirigidos exclusivamente",
            "dirigida exclusivamente",
            "exclusivamente a su destinatari",
            "exclusivamente al destinatari",
            "exclusivamente a la persona",
            "exclusivamente ao",
            "uso exclusivo",
            "usted no es el destinatari",
            "no es usted el destinatari",
            "si no es el destinatari",
            "si ha recibido este",
            "você não é o destinat",
            "não seja o destinat",
            "se não for o destinat",
        ],
        sentences: &[
            "antes de imprimir este mensaje",
            "antes de imprimir este correo",
            "antes de imprimir este e-mail",
            "antes de imprimir este email",
            "antes de imprimir esta mensagem",
        ],
    },
    Language {
        oneself: &["io", "mi", "me", "mio", "mia", "miei", "mie"],
        secret: &["riservat", "confidenzial"],
        meant: &[
            "destinato esclusivamente",
            "destinati esclusivamente",
            "destinate esclusivamente",
            "indirizzato esclusivamente",
            "esclusivamente al destinatari",
            "esclusivamente ai destinatari",
            "esclusivamente alla persona",
            "uso esclusivo",
            "esclusivo uso",
            "se non siete i destinatari",
            "se non è il destinatari",
            "se avete ricevuto questo messaggio per errore",
            "se ha ricevuto questo messaggio per errore",
        ],
        sentences: &[
            "prima di stampare questo messaggio",
            "prima di stampare questa e-mail",
            "prima di stampare questa email",
            "prima di stampare questa mail",
        ],
    },
    Language {
        oneself: &["ik", "mij", "mijn"],
        secret: &["vertrouwelijk"],
        meant: &[
            "uitsluitend bestemd",
            "alleen bestemd",
            "bestemd voor de geadresseerde",
            "indien u dit bericht",
            "indien u niet de",
        ],
        sentences: &[],
    },
    Language {
        oneself: &["ja", "mnie", "mi", "mój", "moja", "moje"],
        secret: &["poufn"],
        meant: &[
            "przeznaczona wyłącznie",
            "przeznaczone wyłącznie",
            "wyłącznie dla adresat",
            "wyłącznie do użytku",
            "nie jesteś adresat",
            "nie są państwo adresat",
        ],
        sentences: &[],
    },
    Language {
        oneself: &["я", "мне", "меня", "мой", "моя", "моё", "мои"],
        secret: &["конфиденциальн"],
        meant: &[
            "предназначено исключительно",
            "предназначена исключительно",
            "предназначено только",
            "предназначена только",
            "не являетесь получател",
            "не являетесь адресат",
        ],
        sentences: &[],
    },
    // Swedish, Danish and Norwegian.
    Language {
        oneself: &["jag", "jeg", "mig", "min", "mitt", "mit", "mina", "mine"],
        secret: &["konfidentiel"],
        meant: &[
            "endast avsett",
            "endast avsedd",
            "avsett endast",
            "avsedda mottagare",
            "avsedde mottagare",
            "inte är rätt mottagare",
            "kun beregnet",
            "udelukkende beregnet",
            "ikke er den rette",
            "ikke er den tiltænkte",
        ],
        sentences: &[],
    },
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
        let lines = own.get(blank + 1..=last).unwrap_or_default();
        let words: Vec<&str> = lines
            .iter()
            .flat_map(|line| line.split_whitespace())
            .collect();
        if blank < first || !is_boilerplate(&words.join(" ").to_lowercase()) {
            return;
        }
        own.truncate(blank);
    }
}

fn is_boilerplate(paragraph: &str) -> bool {
    let has = |words: &[&str]| words.iter().any(|word| paragraph.contains(word));
    let is_mail = has(&MAIL);
    LANGUAGES.iter().any(|language| {
        let legal = is_mail && has(language.secret) && has(language.meant);
        (legal || has(language.sentences)) && !has_word(paragraph, language.oneself)
    })
}

/// True if one of these is a word of the paragraph, also in front of an apostrophe: `I'm`. `i.e.` is another word.
fn has_word(paragraph: &str, words: &[&str]) -> bool {
    let mut said = paragraph.split(|c: char| !c.is_alphanumeric() && c != '.');
    said.any(|word| words.contains(&word.trim_matches('.')))
}
