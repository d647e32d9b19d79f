#![no_main]
//! An encoded query reads back as it was printed, and has an answer for every record.

use libfuzzer_sys::fuzz_target;
use postrider_tests::properties;

fuzz_target!(|input: &[u8]| properties::condition(input));
