//! Saving parts: each under its safe name, in one folder, over nothing that is there.

use crate::exit::{Code, Failure, Result};
use crate::private;
use postrider_mime::Part;
use std::collections::HashMap;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// How many files of one name are made way for.
const NAMESAKES: usize = 100_000;

/// A folder that parts are saved in.
pub(super) struct Folder {
    path: PathBuf,
    /// How often each name was met, so that many of one name do not ask for every number again.
    met: HashMap<String, usize>,
}

impl Folder {
    /// The folder; it is made if need be.
    pub(super) fn open(path: &Path) -> Result<Self> {
        private::folder(path).map_err(|e| cannot(path, &e))?;
        Ok(Self {
            path: path.to_owned(),
            met: HashMap::new(),
        })
    }

    /// Saves the content of a part; tells where.
    pub(super) fn save(&mut self, part: Part<'_>) -> Result<PathBuf> {
        let name = part.safe_file_name();
        let met = self.met.entry(name.clone()).or_default();
        while *met < NAMESAKES {
            *met += 1;
            let path = self.path.join(numbered(&name, *met));
            // Neither what is there nor what a link there points to is touched.
            match private::new_file(&path) {
                Ok(mut file) => {
                    let written = file.write_all(&part.content().bytes);
                    return written
                        .map(|()| path.clone())
                        .map_err(|e| cannot(&path, &e));
                }
                Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
                Err(e) => return Err(cannot(&path, &e)),
            }
        }
        let path = self.path.join(&name);
        Err(cannot(&path, &ErrorKind::AlreadyExists.into()))
    }
}

/// `report.pdf`, `report-2.pdf`, …
fn numbered(name: &str, number: usize) -> String {
    match name.rsplit_once('.') {
        _ if number == 1 => name.to_owned(),
        Some((stem, extension)) => format!("{stem}-{number}.{extension}"),
        None => format!("{name}-{number}"),
    }
}

fn cannot(path: &Path, error: &std::io::Error) -> Failure {
    let path = path.display();
    Failure::new(Code::CannotCreate, format!("cannot write {path}: {error}"))
}
