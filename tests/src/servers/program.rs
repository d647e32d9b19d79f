use super::{NotAvailable, wanted};
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Where servers live that a user's PATH may not name.
const ELSEWHERE: [&str; 4] = ["/usr/local/bin", "/usr/local/sbin", "/usr/sbin", "/sbin"];

/// The path of an installed program.
pub(crate) fn find(name: &str) -> Result<PathBuf, NotAvailable> {
    wanted()?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(ELSEWHERE.iter().map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| NotAvailable::new(format!("{name} is not installed")))
}

/// Whether this process may do everything. Without libc, /proc is the one that knows.
pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// A folder under /tmp that a server's own user can search.
pub(crate) fn folder(name: &str) -> TempDir {
    tempfile::Builder::new()
        .prefix(&format!("postrider-{name}-"))
        .permissions(fs::Permissions::from_mode(0o755))
        .tempdir_in("/tmp")
        .expect("a folder under /tmp")
}

/// Runs a command to its end; what it said is part of the panic if it failed.
pub(crate) fn run(command: &mut Command) -> Output {
    let output = command
        .output()
        .unwrap_or_else(|e| panic!("{command:?} cannot be started: {e}"));
    assert!(
        output.status.success(),
        "{command:?} ended with {}:\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// Runs a command that leaves a daemon behind. What it says goes to a file: the daemon may hold a pipe open for ever.
pub(crate) fn launch(command: &mut Command, said: &Path) {
    let file = fs::File::create(said).expect("a file for what is said");
    let again = file.try_clone().expect("the same file");
    let status = command
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(again)
        .status()
        .unwrap_or_else(|e| panic!("{command:?} cannot be started: {e}"));
    let said = fs::read_to_string(said).unwrap_or_default();
    assert!(status.success(), "{command:?} ended with {status}:\n{said}");
}

/// What a command printed, without the line end.
pub(crate) fn say(command: &mut Command) -> String {
    String::from_utf8_lossy(&run(command).stdout)
        .trim()
        .to_owned()
}

/// Ports that were free a moment ago, chosen by the system, all different.
///
/// The listeners are held until all are chosen. Servers that take their ports from a file leave no better way.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    let held = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    held.each_ref()
        .map(|listener| listener.local_addr().expect("a bound port").port())
}

/// Waits until somebody answers on a port. Nothing but asking again tells us when another process listens.
pub(crate) fn await_port(port: u16, patience: Duration) -> bool {
    let end = Instant::now() + patience;
    while Instant::now() < end {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return true;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
    false
}

/// Writes a configuration with its `{NAMES}` filled in. A name that was forgotten is an error here, not in the server.
pub(crate) fn fill_in(template: &str, file: &Path, values: &[(&str, &str)]) {
    let mut text = template.to_owned();
    for (name, value) in values {
        text = text.replace(&format!("{{{name}}}"), value);
    }
    let settings = text.lines().filter(|line| !line.starts_with('#'));
    let forgotten = settings
        .flat_map(|line| line.split('{').skip(1))
        .find(|rest| {
            let name = rest.trim_start_matches(|c: char| c.is_ascii_uppercase() || c == '_');
            name.len() < rest.len() && name.starts_with('}')
        });
    assert_eq!(forgotten, None, "not filled in, for {}", file.display());
    fs::write(file, text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
}
