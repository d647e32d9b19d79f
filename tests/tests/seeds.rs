//! Every seed of every fuzz target, on any compiler: the properties hold for what the fuzzers start from.

use postrider_tests::properties;
use std::fs;
use std::path::{Path, PathBuf};

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The panic has said what does not hold; this says for which seed.
fn holds(property: properties::Property, input: &[u8], seed: &Path) {
    let held = std::panic::catch_unwind(|| property(input)).is_ok();
    assert!(held, "{}, {} octets of it", seed.display(), input.len());
}

#[test]
fn every_property_holds_for_its_seeds() {
    for (name, property) in properties::ALL {
        let seeds = files(&fuzz().join("seeds").join(name));
        assert!(seeds.len() >= 3, "{name} has {} seeds", seeds.len());
        for seed in seeds {
            let input = fs::read(&seed).unwrap();
            holds(*property, &input, &seed);
        }
    }
}

#[test]
fn every_property_holds_for_its_seeds_cut_short() {
    for (name, property) in properties::ALL {
        for seed in files(&fuzz().join("seeds").join(name)) {
            let whole = fs::read(&seed).unwrap();
            for length in 0..whole.len().min(400) {
                holds(*property, &whole[..length], &seed);
            }
        }
    }
}

/// What others read in them is compared where their parsers are built; what we read holds on any compiler.
#[test]
fn the_mails_for_other_parsers_hold_the_property_of_our_own() {
    let seeds = files(&fuzz().join("seeds/peers"));
    assert!(seeds.len() >= 3, "peers have {} seeds", seeds.len());
    for seed in seeds {
        let mail = fs::read(&seed).unwrap();
        // In front of a mail stands how it is cut, and how small the limits are.
        for how in 0..32_u8 {
            let input = [&[how][..], &mail[..]].concat();
            holds(properties::mime_parse, &input, &seed);
        }
    }
}

#[test]
fn every_folder_of_seeds_is_replayed() {
    // The one of them in its own crate, the other above.
    let elsewhere = ["pop3_sync", "peers"];
    for folder in files(&fuzz().join("seeds")) {
        let name = folder.file_name().and_then(|name| name.to_str()).unwrap();
        let has_property = properties::ALL.iter().any(|(known, _)| *known == name);
        assert!(has_property || elsewhere.contains(&name), "{name}");
    }
}

#[test]
fn every_property_has_a_target_a_dictionary_and_a_line_in_the_table() {
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    let table = fs::read_to_string(fuzz().join("README.md")).unwrap();
    let names = properties::ALL.iter().map(|(name, _)| *name);
    for name in names.chain(["pop3_sync"]) {
        let target = fuzz().join(format!("fuzz_targets/{name}.rs"));
        let target = fs::read_to_string(target).unwrap_or_default();
        assert!(target.contains(&format!("properties::{name}(")), "{name}");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
        assert!(table.contains(&format!("| `{name}` |")), "{name}");
        let dictionary = fuzz().join(format!("dictionaries/{name}.dict"));
        assert!(dictionary.is_file(), "{}", dictionary.display());
    }
    let targets = files(&fuzz().join("fuzz_targets")).len();
    assert_eq!(
        targets,
        properties::ALL.len() + 1,
        "a target without a property"
    );
}
