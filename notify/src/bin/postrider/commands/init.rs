//! `postrider init DIR`: an example configuration to start from.

use crate::exit::{Code, Failure, Result};
use crate::output;
use postrider_notify::config::{self, ExampleParts};
use std::path::PathBuf;

/// Write an example configuration.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder; it is made if need be
    dir: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result {
    let files = config::example(&ExampleParts::default());
    let failed = |path: &std::path::Path, error: std::io::Error| {
        let sentence = format!("cannot write {}: {error}", path.display());
        Failure::new(Code::CannotCreate, sentence)
    };
    // Nothing is written where something would be overwritten.
    if let Some((name, _)) = files.iter().find(|(name, _)| args.dir.join(name).exists()) {
        let path = args.dir.join(name);
        let sentence = format!(
            "{} exists already (choose another folder, or remove it)",
            path.display()
        );
        return Err(Failure::new(Code::CannotCreate, sentence));
    }
    for (name, text) in &files {
        let path = args.dir.join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|e| failed(folder, e))?;
        }
        std::fs::write(&path, text).map_err(|e| failed(&path, e))?;
        output::line(path.display());
    }
    let dir = args.dir.display();
    output::remark(format!(
        "\nNext: put your mail server into {dir}/postrider.toml, then run `postrider -C {dir} check`."
    ));
    Ok(())
}
