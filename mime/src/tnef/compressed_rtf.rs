//! Compressed RTF (Microsoft, MS-OXRTFCP): how a `winmail.dat` holds a body in Rich Text Format.
//!
//! ```text
//! CompressedRtf = COMPSIZE RAWSIZE COMPTYPE CRC contents      ; each four bytes, little-endian
//! COMPTYPE      = "LZFu" / "MELA"                             ; compressed, or as it is
//! contents      = *(control 1*8token)                         ; of LZFu
//! token         = literal / reference                         ; a bit of control each, the lowest first
//! reference     = offset:12 length:4                          ; big-endian; two is added to the length
//! ```
//!
//! We also accept contents that break off, sizes that are wrong, and a CRC that is: what can be read is. A reference of two bytes
//! stands for seventeen at the most, which bounds the output.

/// What a dictionary of 4096 bytes begins with (MS-OXRTFCP §2.1.2.1).
const DICTIONARY: &[u8] = b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \
    \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \
    \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";

/// How many bytes a dictionary has.
const SIZE: usize = 4096;

const HEADER: usize = 16;

/// RTF that was compressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rtf {
    pub(super) bytes: Vec<u8>,
    /// Whether all of it is there and as it was.
    pub(super) whole: bool,
}

/// Takes the compression off. `None` for what is not compressed RTF.
pub(super) fn decompress(bytes: &[u8]) -> Option<Rtf> {
    let word = |at: usize| {
        let word = bytes.get(at..at + 4)?.first_chunk()?;
        Some(u32::from_le_bytes(*word))
    };
    let (size, raw_size, crc) = (word(0)?, word(4)? as usize, word(12)?);
    let kind = bytes.get(8..12)?;
    // The size counts what follows it.
    let end = (size as usize).saturating_add(4).min(bytes.len());
    let contents = bytes.get(HEADER..end).unwrap_or_default();
    let (mut bytes, whole) = match kind {
        b"LZFu" => {
            let (bytes, ended) = expand(contents);
            (bytes, ended && crc == crc_of(contents))
        }
        b"MELA" => (contents.to_vec(), true),
        _ => return None,
    };
    let whole = whole && bytes.len() >= raw_size;
    bytes.truncate(raw_size);
    Some(Rtf { bytes, whole })
}

/// Reads the tokens. The output, and whether its end was told.
fn expand(contents: &[u8]) -> (Vec<u8>, bool) {
    let mut window = Window::new();
    let mut rest = contents;
    while let Some((control, tokens)) = rest.split_first() {
        rest = tokens;
        for bit in 0..u8::BITS {
            if control >> bit & 1 == 0 {
                let Some((literal, after)) = rest.split_first() else {
                    return (window.out, false);
                };
                window.push(*literal);
                rest = after;
            } else {
                let Some(([high, low], after)) = rest.split_first_chunk() else {
                    return (window.out, false);
                };
                let reference = u16::from_be_bytes([*high, *low]);
                let offset = usize::from(reference >> 4);
                if offset == window.next {
                    return (window.out, true);
                }
                window.copy(offset, usize::from(reference & 15) + 2);
                rest = after;
            }
        }
    }
    (window.out, false)
}

/// The last bytes of the output, behind what every dictionary begins with.
struct Window {
    dictionary: [u8; SIZE],
    next: usize,
    out: Vec<u8>,
}

impl Window {
    fn new() -> Self {
        let mut dictionary = [0; SIZE];
        for (place, byte) in dictionary.iter_mut().zip(DICTIONARY) {
            *place = *byte;
        }
        Self {
            dictionary,
            next: DICTIONARY.len(),
            out: Vec::new(),
        }
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.dictionary.get_mut(self.next) {
            *place = byte;
        }
        self.next = (self.next + 1) % SIZE;
        self.out.push(byte);
    }

    /// Byte by byte: what is copied may be what was written just before.
    fn copy(&mut self, offset: usize, length: usize) {
        for at in offset..offset + length {
            let byte = self.dictionary.get(at % SIZE).copied();
            self.push(byte.unwrap_or_default());
        }
    }
}

/// The CRC of MS-OXRTFCP §2.1.3.2: that of IEEE 802.3, from zero and not inverted.
fn crc_of(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |crc, byte| {
        let at = (crc ^ u32::from(*byte)) & 0xFF;
        crc >> 8 ^ TABLE.get(at as usize).copied().unwrap_or_default()
    })
}

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let mut crc = at as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = crc >> 1 ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 };
            bit += 1;
        }
        table[at] = crc;
        at += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<_> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
        digits
            .chunks(2)
            .map(|pair| (pair[0] * 16 + pair[1]) as u8)
            .collect()
    }

    const HELLO: &str = "2d000000 2b000000 4c5a4675 f1c5c7a7 03000a00 72637067 31323542 320af320 \
                         68656c09 00206277 05b06c64 7d0a800f a0";

    fn whole(text: &[u8]) -> Option<Rtf> {
        Some(Rtf {
            bytes: text.to_vec(),
            whole: true,
        })
    }

    #[test]
    fn ms_oxrtfcp_2_1_2_1_the_dictionary_begins_with_207_bytes() {
        assert_eq!(DICTIONARY.len(), 207);
    }

    #[test]
    fn ms_oxrtfcp_4_1_1_simple_compressed_rtf() {
        let text = b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n";
        assert_eq!(decompress(&bytes(HELLO)), whole(text));
    }

    #[test]
    fn ms_oxrtfcp_4_1_2_a_reference_that_crosses_the_write_position() {
        let hex = "1a000000 1c000000 4c5a4675 e2d44b51 41000420 5758595a 0d6e7d01 0eb0";
        let text = b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}";
        assert_eq!(decompress(&bytes(hex)), whole(text));
    }

    #[test]
    fn ms_oxrtfcp_2_1_3_1_1_mela_is_as_it_is() {
        let mut mela = bytes("12000000 06000000 4d454c41 00000000");
        mela.extend(b"{\\rtf}");
        assert_eq!(decompress(&mela), whole(b"{\\rtf}"));
    }

    #[test]
    fn what_is_damaged_is_told_and_read_as_far_as_it_goes() {
        let hello = bytes(HELLO);
        for length in HEADER..hello.len() {
            let cut = decompress(&hello[..length]).unwrap();
            assert!(
                !cut.whole
                    && b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n".starts_with(&cut.bytes)
            );
        }
        let mut bad = hello.clone();
        bad[12] ^= 1;
        assert!(!decompress(&bad).unwrap().whole);
        assert_eq!(decompress(&hello[..HEADER - 1]), None);
        assert_eq!(decompress(b"{\\rtf1 no compression at all}"), None);
    }

    #[test]
    fn no_more_comes_out_than_references_can_stand_for() {
        let mut bomb = bytes("ffffffff ffffffff 4c5a4675 00000000");
        bomb.extend([&[0xFF][..], &[0x00, 0x0F].repeat(8)].concat().repeat(1000));
        let out = decompress(&bomb).unwrap();
        assert!(!out.whole && out.bytes.len() <= bomb.len() * 9);
    }
}
