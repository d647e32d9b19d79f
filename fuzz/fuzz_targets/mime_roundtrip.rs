#![no_main]
//! The input is what a mail shall have (RFC 5322, RFC 2045, RFC 2231): what is built is read back equal.

use libfuzzer_sys::fuzz_target;
use postrider_tests::properties;

fuzz_target!(|input: &[u8]| properties::mime_roundtrip(input));
