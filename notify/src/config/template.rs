//! The folder of templates.

use super::document::Section;
use crate::diagnostic::Diagnostic;
use crate::template::{Builder, Origin};
use std::path::Path;

/// The deepest folder that is looked into.
const MAX_DEPTH: usize = 4;

/// Reads `templates/`, or the folder that the file names. It may be missing as long as nothing in it is used.
pub(super) fn folder(top: &Section<'_>, dir: &Path) -> Builder {
    let mut builder = Builder::default();
    let named = top.text("templates");
    let folder = dir.join(named.as_ref().map_or("templates", |text| &text.value));
    if let Some(text) = named.filter(|_| !folder.is_dir()) {
        top.document.fault(
            &text.span,
            format!("there is no folder {}", folder.display()),
        );
    }
    read(&mut builder, &folder, "", MAX_DEPTH);
    builder
}

fn read(builder: &mut Builder, folder: &Path, prefix: &str, depth: usize) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else {
            continue;
        };
        let name = format!("{prefix}{name}");
        if path.is_dir() && depth > 0 {
            read(builder, &path, &format!("{name}/"), depth - 1);
        } else if name.ends_with(".html") || name.ends_with(".txt") {
            let file = path.display().to_string();
            match std::fs::read_to_string(&path) {
                Ok(text) => builder.add(name, Origin::file(&file, &text), &text),
                Err(error) => builder.faults.push(Diagnostic::of_file(
                    &file,
                    format!("cannot be read: {error}"),
                )),
            }
        }
    }
}
