//! The code pages of DOS, which the Encoding Standard does not have: old programs still write mail in them.
//!
//! The upper half of each is what the Unicode Consortium publishes as `VENDORS/MICSFT/PC/CPnnn.TXT`; the lower half is ASCII.
//!
//! Not supported: pages in which a byte is no character (857, 864, 869).

use super::single_byte::SingleByte;

/// A code page: the characters of 0x80–0xFF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CodePage(&'static str);

impl CodePage {
    /// Finds a code page by its number.
    pub(super) fn of(number: u32) -> Option<Self> {
        let pages = PAGES.iter();
        let (_, characters) = pages.copied().find(|(page, _)| *page == number)?;
        Some(Self(characters))
    }

    /// Reads text in this code page: every byte is a character.
    pub(super) fn decode(self, bytes: &[u8]) -> String {
        let mut characters = ['\0'; 256];
        let ascii = (0..0x80_u8).map(char::from);
        for (slot, character) in characters.iter_mut().zip(ascii.chain(self.0.chars())) {
            *slot = character;
        }
        SingleByte::new(&characters).decode(bytes)
    }
}

#[rustfmt::skip]
const PAGES: &[(u32, &str)] = &[
    // The United States.
    (437, "\
        ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒ\
        áíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
        └┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
        αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}\
    "),
    // Greek.
    (737, "\
        ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩαβγδεζηθ\
        ικλμνξοπρσςτυφχψ░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
        └┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
        ωάέήϊίόύϋώΆΈΉΊΌΎΏ±≥≤ΪΫ÷≈°∙·√ⁿ²■\u{a0}\
    "),
    // Baltic.
    (775, "\
        ĆüéāäģåćłēŖŗīŹÄÅÉæÆōöĢ¢ŚśÖÜø£Ø×¤\
        ĀĪóŻżź”¦©®¬½¼Ł«»░▒▓│┤ĄČĘĖ╣║╗╝ĮŠ┐\
        └┴┬├─┼ŲŪ╚╔╩╦╠═╬Žąčęėįšųūž┘┌█▄▌▐▀\
        ÓßŌŃõÕµńĶķĻļņĒŅ’\u{ad}±“¾¶§÷„°∙·¹³²■\u{a0}\
    "),
    // Western Europe.
    (850, "\
        ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒ\
        áíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐\
        └┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀\
        ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{ad}±‗¾¶§÷¸°¨·¹³²■\u{a0}\
    "),
    // Central Europe.
    (852, "\
        ÇüéâäůćçłëŐőîŹÄĆÉĹĺôöĽľŚśÖÜŤťŁ×č\
        áíóúĄąŽžĘę¬źČş«»░▒▓│┤ÁÂĚŞ╣║╗╝Żż┐\
        └┴┬├─┼Ăă╚╔╩╦╠═╬¤đĐĎËďŇÍÎě┘┌█▄ŢŮ▀\
        ÓßÔŃńňŠšŔÚŕŰýÝţ´\u{ad}˝˛ˇ˘§÷¸°¨˙űŘř■\u{a0}\
    "),
    // Cyrillic.
    (855, "\
        ђЂѓЃёЁєЄѕЅіІїЇјЈљЉњЊћЋќЌўЎџЏюЮъЪ\
        аАбБцЦдДеЕфФгГ«»░▒▓│┤хХиИ╣║╗╝йЙ┐\
        └┴┬├─┼кК╚╔╩╦╠═╬¤лЛмМнНоОп┘┌█▄Пя▀\
        ЯрРсСтТуУжЖвВьЬ№\u{ad}ыЫзЗшШэЭщЩчЧ§■\u{a0}\
    "),
    // Western Europe with the euro sign.
    (858, "\
        ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒ\
        áíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐\
        └┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈ€ÍÎÏ┘┌█▄¦Ì▀\
        ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{ad}±‗¾¶§÷¸°¨·¹³²■\u{a0}\
    "),
    // Portuguese.
    (860, "\
        ÇüéâãàÁçêÊèÍÔìÃÂÉÀÈôõòÚùÌÕÜ¢£Ù₧Ó\
        áíóúñÑªº¿Ò¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
        └┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
        αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}\
    "),
    // Icelandic.
    (861, "\
        ÇüéâäàåçêëèÐðÞÄÅÉæÆôöþûÝýÖÜø£Ø₧ƒ\
        áíóúÁÍÓÚ¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
        └┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
        αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}\
    "),
    // Hebrew.
    (862, "\
        אבגדהוזחטיךכלםמןנסעףפץצקרשת¢£¥₧ƒ\
        áíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
        └┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
        αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}\
    "),
    // French Canada.
    (863, "\
        ÇüéâÂà¶çêëèïî‗À§ÉÈÊôËÏûù¤ÔÜ¢£ÙÛƒ\
        ¦´óú¨¸³¯Î⌐¬½¼¾«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
        └┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
        αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}\
    "),
    // Nordic.
    (865, "\
        ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø₧ƒ\
        áíóúñÑªº¿⌐¬½¼¡«¤░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
        └┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
        αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}\
    "),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(page: u32, bytes: &[u8]) -> String {
        CodePage::of(page).unwrap().decode(bytes)
    }

    #[test]
    fn every_page_has_128_characters_above_ascii() {
        for (page, characters) in PAGES {
            assert_eq!(characters.chars().count(), 128, "{page}");
            assert!(
                characters.chars().all(|c| !c.is_ascii() && !c.is_control()),
                "{page}"
            );
            let ascii: Vec<u8> = (0..0x80).collect();
            assert_eq!(read(*page, &ascii).as_bytes(), ascii, "{page}");
        }
        assert_eq!(CodePage::of(1252), None);
    }

    #[test]
    fn pages_agree_with_what_unicode_publishes_of_them() {
        for (page, bytes, characters) in [
            (
                437,
                &b"\x80\x87\x9B\x9E\xB0\xC9\xDB\xE1\xE3\xF8\xFE\xFF"[..],
                "Çç¢₧░╔█ßπ°■\u{a0}",
            ),
            (737, b"\x80\x98\xAA\xE0\xF4\xFF", "ΑαςωΪ\u{a0}"),
            (775, b"\x80\x83\xA7\xD0\xD1\xFF", "Ćā¦ąč\u{a0}"),
            (
                850,
                b"\x82\x85\x81\x9B\x9D\xD0\xD5\xE1\xF0\xFF",
                "éàüøØðıß\u{ad}\u{a0}",
            ),
            (
                852,
                b"\x85\x88\x9B\x9C\x9F\xA5\xA9\xD8\xE7\xFF",
                "ůłŤťčąęěš\u{a0}",
            ),
            (855, b"\x80\x84\xA0\xA1\xDE\xEF\xFF", "ђёаАя№\u{a0}"),
            (858, b"\xD5\x80\xF0", "€Ç\u{ad}"),
            (860, b"\x84\x8E\x94\x99\xFF", "ãÃõÕ\u{a0}"),
            (861, b"\x8B\x8C\x8D\x95\x98\xFF", "ÐðÞþý\u{a0}"),
            (862, b"\x80\x9A\xA0\xFF", "אתá\u{a0}"),
            (863, b"\x82\x84\x8E\x9D\xFF", "éÂÀÙ\u{a0}"),
            (865, b"\x86\x8F\x9B\x9D\xAF\xFF", "åÅøØ¤\u{a0}"),
        ] {
            assert_eq!(read(page, bytes), characters, "{page}");
        }
    }
}
