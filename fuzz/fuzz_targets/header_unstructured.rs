#![no_main]
//! The input is the value of a field (RFC 5322 §2.2.1): folding changes nothing, and no line break comes out.

use libfuzzer_sys::fuzz_target;
use postrider_tests::properties;

fuzz_target!(|input: &[u8]| properties::header_unstructured(input));
