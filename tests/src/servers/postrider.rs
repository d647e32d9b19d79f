//! The `postrider` program itself.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The program: the one that POSTRIDER_PROGRAM names, else built here.
///
/// # Panics
/// If it cannot be built.
pub fn postrider() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| std::env::var_os("POSTRIDER_PROGRAM").map_or_else(build, PathBuf::from))
}

fn build() -> PathBuf {
    let test = std::env::current_exe().expect("the path of the test");
    let folder = test.ancestors().nth(2).expect("target/debug/deps");
    let build = Command::new(env!("CARGO"))
        .args([
            "build",
            "--quiet",
            "--package",
            "postrider-notify",
            "--bin",
            "postrider",
        ])
        .arg("--target-dir")
        .arg(folder.parent().expect("target/debug"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .expect("cargo");
    assert!(build.success());
    folder.join("postrider")
}
