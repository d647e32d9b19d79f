#![no_main]
//! The input is a text (RFC 2047): written in encoded words it is read back equal.

use libfuzzer_sys::fuzz_target;
use postrider_tests::properties;

fuzz_target!(|input: &[u8]| properties::encoded_word(input));
