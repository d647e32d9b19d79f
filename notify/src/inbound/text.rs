//! What a reply says itself, apart from what it quotes and how it is signed.
//!
//! This is a guess by nature, so the whole text is always kept beside it. Understood are `>` quotes,
//! attributions (`On … wrote:` and its German, French, Spanish, Italian and Dutch kin), the blocks that
//! Outlook puts in front of what it quotes, and signatures behind `-- ` (RFC 3676 §4.3). What stands
//! between two quotes is the writer's own and stays.
//!
//! Not supported: quotes that are marked by colour or indentation only.

/// The writer's own words in a plain text, trimmed; empty if there are none.
pub fn new_text(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .map(|line| line.trim_end_matches('\r'))
        .collect();
    let end = lines
        .iter()
        .enumerate()
        .position(|(at, _)| ends_own_text(&lines, at))
        .unwrap_or(lines.len());
    let lines = lines.get(..end).unwrap_or_default();
    let mut own: Vec<&str> = Vec::with_capacity(lines.len());
    for (at, line) in lines.iter().enumerate() {
        let begins_quote = is_quote(line)
            && !at
                .checked_sub(1)
                .is_some_and(|p| lines.get(p).is_some_and(|l| is_quote(l)));
        if begins_quote {
            drop_attribution(&mut own);
        }
        if !is_quote(line) {
            own.push(line);
        }
    }
    without_device_signature(&mut own);
    tidy(&own)
}

fn is_quote(line: &str) -> bool {
    line.starts_with('>')
}

/// True if nothing from this line on is the writer's own.
fn ends_own_text(lines: &[&str], at: usize) -> bool {
    let Some(line) = lines.get(at) else {
        return false;
    };
    // A signature; many programs lose the space behind the dashes.
    if *line == "-- " || *line == "--" {
        return true;
    }
    let bare = line.trim();
    is_original_message(bare) || is_header_block(lines, at) || is_unquoted_attribution(lines, at)
}

/// `-----Original Message-----`, in several languages.
fn is_original_message(line: &str) -> bool {
    const NAMES: [&str; 6] = [
        "original message",
        "ursprüngliche nachricht",
        "message d'origine",
        "mensaje original",
        "messaggio originale",
        "oorspronkelijk bericht",
    ];
    let name = line.trim_matches('-').trim();
    line.starts_with("--") && line.ends_with("--") && NAMES.contains(&name.to_lowercase().as_str())
}

/// Outlook's block: `From:`, then within a few lines `Sent:` (or `Date:`) and `Subject:` or `To:`.
fn is_header_block(lines: &[&str], at: usize) -> bool {
    const FROM: [&str; 5] = ["from:", "von:", "de:", "da:", "van:"];
    const SENT: [&str; 9] = [
        "sent:",
        "date:",
        "gesendet:",
        "datum:",
        "envoyé:",
        "envoyé :",
        "enviado:",
        "inviato:",
        "verzonden:",
    ];
    const OTHER: [&str; 9] = [
        "to:", "subject:", "an:", "betreff:", "à:", "objet:", "para:", "asunto:", "aan:",
    ];
    let begins = |line: &&str, names: &[&str]| {
        let line = line.trim_start_matches(['*', ' ']).to_lowercase();
        names
            .iter()
            .any(|name| line.starts_with(name) || line.starts_with(&name.replace(':', ":*")))
    };
    let Some((first, rest)) = lines.get(at..).and_then(<[&str]>::split_first) else {
        return false;
    };
    let following = rest.get(..rest.len().min(6)).unwrap_or_default();
    begins(first, &FROM)
        && following.iter().any(|line| begins(line, &SENT))
        && following.iter().any(|line| begins(line, &OTHER))
}

/// `On …, Ada wrote:` with nothing but quoted text behind it that lost its `>` marks.
fn is_unquoted_attribution(lines: &[&str], at: usize) -> bool {
    let Some(line) = lines.get(at) else {
        return false;
    };
    if !begins_attribution(line) {
        return false;
    }
    let joined = match (ends_attribution(line), lines.get(at + 1)) {
        (true, _) => at + 1,
        (false, Some(next)) if ends_attribution(next) => at + 2,
        _ => return false,
    };
    // With marks it is an ordinary quote, and there may be words of the writer's own after it.
    let next = lines
        .iter()
        .skip(joined)
        .find(|line| !line.trim().is_empty());
    next.is_none_or(|line| !is_quote(line))
}

fn begins_attribution(line: &str) -> bool {
    const FIRST: [&str; 7] = ["On ", "Am ", "Le ", "El ", "Il ", "Op ", "Den "];
    FIRST.iter().any(|word| line.starts_with(word)) && line.bytes().any(|b| b.is_ascii_digit())
}

fn ends_attribution(line: &str) -> bool {
    const LAST: [&str; 8] = [
        "wrote:",
        "schrieb:",
        "a écrit :",
        "a écrit:",
        "escribió:",
        "ha scritto:",
        "schreef:",
        "skrev:",
    ];
    let line = line.trim_end();
    LAST.iter().any(|word| line.ends_with(word))
        || (line.contains(" schrieb ") && line.ends_with(':'))
}

/// Takes away the line or two that introduce a quote.
fn drop_attribution(own: &mut Vec<&str>) {
    let filled = own.iter().rposition(|line| !line.trim().is_empty());
    let Some(last) = filled else {
        return;
    };
    if !own.get(last).is_some_and(|line| ends_attribution(line)) {
        return;
    }
    // A long attribution is wrapped; its first line says so by how it begins.
    let first = (last.saturating_sub(2)..=last)
        .rev()
        .find(|&at| own.get(at).is_some_and(|line| begins_attribution(line)));
    own.truncate(first.unwrap_or(last));
}

/// `Sent from my iPhone` is nobody's own word.
fn without_device_signature(own: &mut Vec<&str>) {
    let Some(last) = own.iter().rposition(|line| !line.trim().is_empty()) else {
        return;
    };
    let device = ["Sent from my ", "Von meinem ", "Get Outlook for "];
    if own
        .get(last)
        .is_some_and(|line| device.iter().any(|d| line.starts_with(d)))
    {
        own.truncate(last);
    }
}

/// Trims, drops rules of underscores at the end, and lets at most one empty line stand in a row.
fn tidy(lines: &[&str]) -> String {
    let is_rule = |line: &&str| line.trim().chars().all(|c| c == '_');
    let end = lines
        .iter()
        .rposition(|line| !is_rule(line))
        .map_or(0, |at| at + 1);
    let mut text = String::new();
    let mut gap = false;
    for line in lines.get(..end).unwrap_or_default() {
        let line = line.trim_end();
        if line.is_empty() {
            gap = !text.is_empty();
            continue;
        }
        if !text.is_empty() {
            text.push_str(if gap { "\n\n" } else { "\n" });
        }
        gap = false;
        text.push_str(line);
    }
    text
}

#[cfg(test)]
mod tests {
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
    fn a_from_line_alone_is_not_a_quote() {
        let text = "From: the beginning it failed.\nTo: whom it may concern";
        assert_eq!(new_text(text), text);
    }

    #[test]
    fn a_mail_of_quotes_only_has_no_text_of_its_own() {
        assert_eq!(new_text("> a\n> b\n"), "");
        assert_eq!(new_text(""), "");
    }

    proptest! {
        #[test]
        fn no_line_is_made_up(text in "([a-z>: -]{0,12}\n){0,12}") {
            let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
            for line in new_text(&text).lines() {
                prop_assert!(line.is_empty() || lines.contains(&line), "{line:?}");
            }
        }
    }
}
