#![no_main]
//! The input plays a POP3 server (RFC 1939): no chunking matters, no message is taken for complete before it is.

use libfuzzer_sys::fuzz_target;
use postrider_tests::properties;

fuzz_target!(|input: &[u8]| properties::pop3_session(input));
