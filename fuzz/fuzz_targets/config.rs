#![no_main]
//! The input is a configuration: it is one, or every mistake says where it is.

use libfuzzer_sys::fuzz_target;
use postrider_tests::properties;

fuzz_target!(|input: &[u8]| properties::config(input));
