#![no_main]
//! The input is content, or a body in some transfer encoding (RFC 2045 §6): it is what a naive twin makes of it.

use libfuzzer_sys::fuzz_target;
use postrider_tests::properties;

fuzz_target!(|input: &[u8]| properties::transfer_decode(input));
