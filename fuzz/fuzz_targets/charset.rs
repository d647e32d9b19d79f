#![no_main]
//! The input is a charset and a body (RFC 2046 §4.1.2): it is read as a naive reading does, and Unicode comes back.

use libfuzzer_sys::fuzz_target;
use postrider_tests::properties;

fuzz_target!(|input: &[u8]| properties::charset(input));
