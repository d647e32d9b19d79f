#![no_main]
//! The input plays a POP3 server while a session is opened (RFC 2595 §4): no password in clear text where TLS is wanted.

use libfuzzer_sys::fuzz_target;
use postrider_tests::properties;

fuzz_target!(|input: &[u8]| properties::pop3_opening(input));
