#![no_main]
//! The input is a complaint (RFC 5965), and decides over one: fields that repeat come back, all and in order.

use libfuzzer_sys::fuzz_target;
use postrider_tests::properties;

fuzz_target!(|input: &[u8]| properties::arf(input));
