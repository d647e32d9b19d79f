#![no_main]
//! The input is a message to sign, and how it is cut (RFC 6376): only what relaxed canonicalisation forgives leaves the
//! signature as it is.

use libfuzzer_sys::fuzz_target;
use postrider_tests::properties;

fuzz_target!(|input: &[u8]| properties::dkim(input));
