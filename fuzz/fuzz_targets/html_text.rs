#![no_main]
//! The input is HTML: any is a text, and words that are put into HTML come back (WHATWG HTML §13.2).

use libfuzzer_sys::fuzz_target;
use postrider_tests::properties;

fuzz_target!(|input: &[u8]| properties::html_text(input));
