//! `postrider inspect FILE…`: the MIME structure of mail files.

mod draw;
mod extract;
mod values;

use crate::exit::{Code, Failure, Result};
use crate::output;
pub(super) use draw::described;
use postrider_mime::Message;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Show the structure of mail files.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The mails; `-` reads standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// One JSON object for each file: every field of every part, with SHA-256 of the content
    #[arg(long)]
    json: bool,
    /// Save the parts in this folder, each under a safe name; nothing is overwritten
    #[arg(long, value_name = "DIR")]
    extract: Option<PathBuf>,
}

/// A file that fails does not stop the others; its exit code is that of the last one that failed.
pub(crate) fn run(args: &Args) -> Result {
    let saving = args.extract.as_deref().map(extract::Folder::open);
    let mut saving = saving.transpose()?;
    let mut failed: Option<Failure> = None;
    for (number, file) in args.files.iter().enumerate() {
        if !args.json && args.files.len() > 1 {
            draw::heading(number, file);
        }
        if let Err(failure) = one(args, file, saving.as_mut())
            && let Some(earlier) = failed.replace(failure)
        {
            output::error(&earlier.to_string());
        }
    }
    failed.map_or(Ok(()), Err)
}

fn one(args: &Args, file: &Path, saving: Option<&mut extract::Folder>) -> Result {
    let raw = read(file)?;
    let message = Message::parse(&raw);
    match args.json {
        true => output::line(values::object(file, &message)),
        false => draw::message(&message),
    }
    let Some(folder) = saving else {
        return Ok(());
    };
    // Standard output is for the objects alone.
    let tell = match args.json {
        true => |text: String| output::remark(text),
        false => |text: String| output::line(text),
    };
    for part in message.parts().filter(|part| !part.is_multipart()) {
        let path = folder.save(part)?;
        tell(format!(
            "saved {}",
            output::foreign(&path.to_string_lossy())
        ));
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let mut raw = Vec::new();
    let result = match path == Path::new("-") {
        true => std::io::stdin().lock().read_to_end(&mut raw).map(|_| raw),
        false => std::fs::read(path),
    };
    result.map_err(|e| {
        Failure::new(
            Code::NoInput,
            format!("cannot read {}: {e}", path.display()),
        )
    })
}
