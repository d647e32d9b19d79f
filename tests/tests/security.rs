//! `SECURITY.md` names a test for each threat: each of them exists, in the file that is named.

use std::fs;
use std::path::Path;

#[test]
fn every_threat_has_a_test_that_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = fs::read_to_string(root.join("SECURITY.md")).unwrap();
    let threats = page
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains(".rs`"));
    let mut checked = 0;
    for threat in threats {
        let tests = threat.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let mut file = String::new();
        let mut found = 0;
        for name in tests.split('`').skip(1).step_by(2) {
            if name.ends_with(".rs") {
                file =
                    fs::read_to_string(root.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
            } else {
                assert!(
                    file.contains(&format!("fn {name}(")),
                    "{name}, in: {threat}"
                );
                found += 1;
            }
        }
        assert!(found > 0, "no test: {threat}");
        checked += found;
    }
    assert!(checked > 30, "{checked}");
}
