#![no_main]
//! The input is a value of a record and a template: what stands in a record is never a template itself.

use libfuzzer_sys::fuzz_target;
use postrider_tests::properties;

fuzz_target!(|input: &[u8]| properties::template(input));
