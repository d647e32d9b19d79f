//! The dialogues of `tests/transcripts`, replayed against the machines in every chunking.

use postrider_tests::transcript::{Dialogue, each};

#[test]
fn pop3_transcripts() {
    assert!(each("pop3", Dialogue::replay_pop3) >= 8);
}

#[test]
fn smtp_transcripts() {
    assert!(each("smtp", Dialogue::replay_smtp) >= 11);
}

#[test]
fn lmtp_transcripts() {
    assert!(each("lmtp", Dialogue::replay_lmtp) >= 1);
}
