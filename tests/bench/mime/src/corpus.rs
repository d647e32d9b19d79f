//! A mix of mails: collected ones where `POSTRIDER_CORPUS` leads to some, made ones otherwise.

use std::path::Path;
use std::{env, fs};

/// The mails, and where they are from.
pub fn mix() -> (Vec<Vec<u8>>, String) {
    let folder = env::var_os("POSTRIDER_CORPUS").unwrap_or_default();
    let mut mails = Vec::new();
    collect(Path::new(&folder), &mut mails);
    if mails.is_empty() {
        let mails = made();
        let told = told(&mails, "made here: POSTRIDER_CORPUS leads to no mails");
        return (mails, told);
    }
    let told = told(&mails, "collected");
    (mails, told)
}

fn told(mails: &[Vec<u8>], origin: &str) -> String {
    let bytes: usize = mails.iter().map(Vec::len).sum();
    format!("the mix is {} mails of {:.2} MB in all, {origin}", mails.len(), bytes as f64 / 1e6)
}

fn collect(folder: &Path, mails: &mut Vec<Vec<u8>>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let mut paths: Vec<_> = entries.flatten().map(|e| e.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, mails);
        } else if is_mail(&path) {
            mails.extend(fs::read(&path));
        }
    }
}

fn is_mail(path: &Path) -> bool {
    let licence = path.file_stem().is_some_and(|s| s.to_string_lossy().starts_with("LICENSE"));
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    !licence && matches!(extension, "eml" | "txt" | "raw" | "msg")
}

/// Mails such as people get: notes, newsletters, answers, attachments; mostly small.
fn made() -> Vec<Vec<u8>> {
    let mut mails = Vec::new();
    for i in 0..240_usize {
        let lines = 4 + i * 7 % 60;
        mails.push(match i % 6 {
            0 | 1 => crate::made::note(i, lines),
            2 => crate::made::newsletter(i, lines),
            3 => crate::made::answer(i, lines),
            4 => crate::made::with_attachment(i, lines * 400),
            _ => crate::made::koi8(lines * 60),
        });
    }
    mails
}
