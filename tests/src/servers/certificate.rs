use super::NotAvailable;
use super::program::{find, run};
use std::fs;
use std::path::Path;
use std::process::Command;

const LEAF: &str =
    "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\n";
const EC_KEY: [&str; 5] = [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
];

/// Makes a certificate authority (`ca.pem`) and a certificate of it for localhost (`cert.pem`, `key.pem`), valid for two days.
pub(crate) fn make(folder: &Path) -> Result<(), NotAvailable> {
    let openssl = find("openssl")?;
    let run = |arguments: &[&[&str]]| {
        run(Command::new(&openssl)
            .args(arguments.concat())
            .current_dir(folder));
    };
    fs::write(folder.join("leaf.ext"), LEAF).expect("leaf.ext");
    run(&[
        &[
            "req",
            "-x509",
            "-days",
            "2",
            "-subj",
            "/CN=Postrider test authority",
        ],
        &["-keyout", "ca.key", "-out", "ca.pem"],
        &EC_KEY,
    ]);
    run(&[
        &[
            "req",
            "-subj",
            "/CN=localhost",
            "-keyout",
            "key.pem",
            "-out",
            "leaf.csr",
        ],
        &EC_KEY,
    ]);
    run(&[
        &[
            "x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
        ],
        &[
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            "leaf.ext",
            "-out",
            "cert.pem",
        ],
    ]);
    Ok(())
}
