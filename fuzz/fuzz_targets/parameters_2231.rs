#![no_main]
//! The input is a file name in sections (RFC 2231 §3): it reads back equal, and is safe to save under.

use libfuzzer_sys::fuzz_target;
use postrider_tests::properties;

fuzz_target!(|input: &[u8]| properties::parameters_2231(input));
