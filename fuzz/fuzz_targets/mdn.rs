#![no_main]
//! The input is a disposition notification (RFC 8098), and decides over one: modes, kind and modifiers come back.

use libfuzzer_sys::fuzz_target;
use postrider_tests::properties;

fuzz_target!(|input: &[u8]| properties::mdn(input));
