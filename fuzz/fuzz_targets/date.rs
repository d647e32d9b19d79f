#![no_main]
//! The input is the value of a Date field (RFC 5322 §3.3): a day that exists, written as it was read.

use libfuzzer_sys::fuzz_target;
use postrider_tests::properties;

fuzz_target!(|input: &[u8]| properties::date(input));
