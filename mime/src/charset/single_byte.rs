//! Charsets in which every byte is a character.
//!
//! Each byte becomes the UTF-8 of its character through a table, without a question about how long that is: as many bytes are
//! written for each as the longest one needs, and the next one begins where the character ended.

/// How many bytes become text in one step.
const STEP: usize = 1024;
/// How long the UTF-8 of a character may be.
const LONGEST: usize = 4;

/// The characters of all bytes.
pub(super) struct SingleByte {
    utf_8: [[u8; LONGEST]; 256],
    length: [u8; 256],
}

impl SingleByte {
    pub(super) const fn new(characters: &[char; 256]) -> Self {
        let mut table = Self {
            utf_8: [[0; LONGEST]; 256],
            length: [0; 256],
        };
        let mut byte = 0;
        while byte < 256 {
            let mut utf_8 = [0; LONGEST];
            table.length[byte] = characters[byte].encode_utf8(&mut utf_8).len() as u8;
            table.utf_8[byte] = utf_8;
            byte += 1;
        }
        table
    }

    /// The text of all bytes.
    pub(super) fn decode(&self, bytes: &[u8]) -> String {
        let mut text = String::with_capacity(bytes.len() + bytes.len() / 4);
        let mut block = [0; STEP * LONGEST];
        for step in bytes.chunks(STEP) {
            let mut filled = 0;
            for byte in step {
                let byte = usize::from(*byte);
                if let (Some(utf_8), Some(length)) = (self.utf_8.get(byte), self.length.get(byte)) {
                    if let Some(space) = block.get_mut(filled..filled + LONGEST) {
                        space.copy_from_slice(utf_8);
                    }
                    filled += usize::from(*length);
                }
            }
            let utf_8 = block.get(..filled).and_then(super::utf_8);
            text.push_str(utf_8.unwrap_or_default());
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_of_any_length_follow_one_another() {
        let mut characters = ['\0'; 256];
        for (byte, character) in (0..).zip(&mut characters) {
            *character = ['a', 'é', '€', '😀'][byte % 4];
        }
        let bytes: Vec<u8> = (0..5000).map(|at| (at * 7 + at / 13) as u8).collect();
        let expected: String = bytes.iter().map(|b| characters[usize::from(*b)]).collect();
        assert_eq!(SingleByte::new(&characters).decode(&bytes), expected);
    }
}
