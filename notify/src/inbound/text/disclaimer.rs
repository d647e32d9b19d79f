//! What companies and programs add below a text: confidentiality, the environment, viruses.

use super::is_blank;
use super::signature::formula;

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
    /// How somebody speaks of themselves alone. Boilerplate hardly does, so what has one of these words is the writer's own.
    oneself: &'static [&'static str],
    /// How people speak of their company. So do its lawyers, but they begin with the mail, and have one of the next words too.
    ourselves: &'static [&'static str],
    /// Words of lawyers: of what is if the mail came to somebody else, and of liability.
    lawyers: &'static [&'static str],
    /// Words for keeping a mail secret.
    secret: &'static [&'static str],
    /// For whom it is meant. People write of recipients as well, so these are the phrases of lawyers.
    meant: &'static [&'static str],
    /// Sentences that stand alone, each by its parts: the first begins it, and the others are somewhere in the paragraph.
    sentences: &'static [&'static [&'static str]],
}

const LANGUAGES: [Language; 9] = [
    Language {
        oneself: &["i", "my", "me", "mine", "myself"],
        ourselves: &["we", "our", "us", "ours"],
        lawyers: &[
            "if",
            "unless",
            "liable",
            "liability",
            "prohibited",
            "unauthorised",
            "unauthorized",
        ],
        secret: &["confidential", "privileged"],
        meant: &[
            "confidentiality notice:",
            "you are not the intended",
            "you are not an intended",
            "you are not the named",
            "you are not the addressee",
            "not be the intended recipient",
            "other than the intended recipient",
            "reader of this message is not",
            "is for the intended recipient",
            "for its intended recipient",
            "only for the intended",
            "solely for the intended",
            "exclusively for the intended",
            "for the addressee",
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
            &["consider the environment before printing"],
            &["think before you print"],
            &["do you really need to print this"],
            &[
                "this email has been checked for viruses",
                "antivirus software",
            ],
            &["this email was scanned by", "antivirus"],
            &["this email was scanned by bitdefender"],
            &["virus-free. www."],
            &["virus-free.www."],
            &["registered office:", "registered in"],
            &["registered office:", "registered n"],
            &["registered office:", "company n"],
            &["you received this message because you are subscribed"],
        ],
    },
    Language {
        oneself: &[
            "ich", "mich", "mir", "mein", "meine", "meinem", "meinen", "meiner", "meines",
        ],
        ourselves: &[
            "wir", "uns", "unser", "unsere", "unserem", "unseren", "unserer", "unseres",
        ],
        lawyers: &["wenn", "falls", "sollten", "sofern", "haftung", "untersagt"],
        secret: &["vertraulich"],
        meant: &[
            "wenn sie nicht der",
            "falls sie nicht der",
            "sollten sie nicht der",
            "bestimmungsgemäße",
            "bestimmungsgemässe",
            "nicht der vorgesehene",
            "nicht der beabsichtigte",
            "für den vorgesehenen empfänger",
            "für den beabsichtigten empfänger",
            "nur für den adressaten",
            "nur für den empfänger",
            "nur für die person",
            "ausschließlich für den",
            "ausschließlich für die",
            "ausschliesslich für den",
            "ausschliesslich für die",
        ],
        sentences: &[
            &["denken sie an die umwelt", "bevor sie diese"],
            &["prüfen sie, ob diese mail wirklich ausgedruckt"],
            &["virenfrei. www."],
            &["virenfrei.www."],
            &["diese e-mail wurde von avast", "auf viren"],
        ],
    },
    Language {
        oneself: &["je", "j", "moi", "mon", "ma", "mes"],
        ourselves: &["nous", "notre", "nos"],
        lawyers: &["si", "s", "responsabilité", "responsable"],
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
        sentences: &[
            &["pensez à l'environnement", "imprimer ce"],
            &["pensez à l'environnement", "imprimez ce"],
        ],
    },
    // Spanish and Portuguese.
    Language {
        oneself: &[
            "yo", "mi", "mis", "mí", "me", "eu", "meu", "meus", "minha", "minhas", "mim",
        ],
        ourselves: &[
            "nosotros",
            "nos",
            "nuestro",
            "nuestra",
            "hemos",
            "nós",
            "nosso",
            "nossa",
            "recebemos",
        ],
        lawyers: &["si", "se", "caso"],
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
            &["antes de imprimir este", "ambiente"],
            &["antes de imprimir esta", "ambiente"],
            &["piense en el medio ambiente", "imprimir este"],
            &["pense no meio ambiente", "imprimir est"],
        ],
    },
    Language {
        oneself: &["io", "mi", "me", "mio", "mia", "miei", "mie"],
        ourselves: &["noi", "nostro", "nostra", "nostri", "nostre", "abbiamo"],
        lawyers: &["se", "qualora"],
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
            &["prima di stampare quest", "ambiente"],
            &["pensa all'ambiente", "stampare quest"],
        ],
    },
    Language {
        oneself: &["ik", "mij", "mijn"],
        ourselves: &["wij", "we", "ons", "onze"],
        lawyers: &["indien", "als", "wanneer"],
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
        ourselves: &["my", "nas", "nam", "nasz", "nasza", "nasze"],
        lawyers: &["jeśli", "jeżeli"],
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
        ourselves: &["мы", "нам", "нас", "наш", "наша", "наше"],
        lawyers: &["если"],
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
        ourselves: &["vi", "oss", "vår", "vårt", "våra", "os", "vores"],
        lawyers: &["om", "hvis", "dersom", "såfremt"],
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
        let above = before.get(..blank).unwrap_or_default();
        let above = above.iter().rfind(|line| !is_blank(line));
        let lines = own.get(blank + 1..=last).unwrap_or_default();
        let words: Vec<&str> = lines
            .iter()
            .flat_map(|line| line.split_whitespace())
            .collect();
        let is_led_to = above.is_some_and(|line| leads_on(line));
        if blank < first || is_led_to || !is_boilerplate(&words.join(" ")) {
            return;
        }
        own.truncate(blank);
    }
}

/// True for `Hello,`: what follows is what its writer has to say. `Regards,` ends that.
fn leads_on(line: &str) -> bool {
    line.trim_end().ends_with(',') && !formula(line)
}

/// True for a paragraph, or a line of one, that nobody wrote for this mail.
pub(super) fn is_boilerplate(paragraph: &str) -> bool {
    let paragraph = paragraph.to_lowercase().replace('’', "'");
    let has = |words: &[&str]| words.iter().any(|word| paragraph.contains(word));
    // Lawyers ask nobody.
    let may_be_legal = has(&MAIL) && !paragraph.ends_with('?');
    LANGUAGES.iter().any(|language| {
        let legal = may_be_legal && has(language.secret) && has(language.meant);
        let mut sentences = language.sentences.iter();
        (legal || sentences.any(|parts| stands_in(&paragraph, parts)))
            && !language.is_own(&paragraph)
    })
}

impl Language {
    /// True if somebody speaks of themselves in the paragraph, or of their company as no lawyer does.
    fn is_own(&self, paragraph: &str) -> bool {
        let mut words = paragraph.split(|c: char| !c.is_alphanumeric());
        let first = words.find(|word| !word.is_empty()).unwrap_or_default();
        has_word(paragraph, self.oneself)
            || self.ourselves.contains(&first)
            || (has_word(paragraph, self.ourselves) && !has_word(paragraph, self.lawyers))
    }
}

/// True if the first of the parts begins a sentence of the paragraph, and the others are in it.
fn stands_in(paragraph: &str, parts: &[&str]) -> bool {
    let Some((first, others)) = parts.split_first() else {
        return false;
    };
    begins(paragraph, first) && others.iter().all(|part| paragraph.contains(part))
}

/// True if a sentence, or a part of one behind a comma, begins with these words. What is told of them has quotation marks.
fn begins(paragraph: &str, words: &str) -> bool {
    const POLITE: [&str; 5] = ["please", "kindly", "bitte", "por favor", "per favore"];
    let ends = |c: char| !c.is_alphanumeric() && !"\"'“”„‚‘«»`:(".contains(c);
    paragraph.match_indices(words).any(|(at, _)| {
        let before = paragraph.get(..at).unwrap_or_default().trim_end();
        let mut polite = POLITE.iter();
        let asked = polite.find_map(|word| before.strip_suffix(*word));
        let before = asked.unwrap_or(before).trim_end();
        // A letter may be a picture, in a font of its own.
        before.chars().nth(1).is_none() || before.ends_with(ends)
    })
}

/// True if one of these is a word of the paragraph, also in front of an apostrophe: `I'm`. `i.e.` is another word.
fn has_word(paragraph: &str, words: &[&str]) -> bool {
    let mut said = paragraph.split(|c: char| !c.is_alphanumeric() && c != '.');
    said.any(|word| words.contains(&word.trim_matches('.')))
}
