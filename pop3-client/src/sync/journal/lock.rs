//! A file that one process uses at a time: the system lets go of it when that process ends, in whatever way.
//!
//! Each system does it in its own way, because the standard library's locks ask for a later Rust than this crate does. Linux:
//! a socket whose name (not a path) is made of the lock file's device and inode. macOS and the BSDs: `O_EXLOCK`. Windows: a file
//! that is not shared. Elsewhere there is no lock.
//!
//! Not supported: processes in different network namespaces of one Linux host, and network file systems on Linux.

use super::super::store::private::private;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// Where a file is, if this is a symbolic link to it, so that it has one lock. It need not be there yet. Links to the folder do not
/// matter: the lock is of a file in it, not of its name.
pub(in super::super) fn real_path(mut path: PathBuf) -> PathBuf {
    // As many links as Linux follows.
    for _ in 0..40 {
        let Ok(target) = fs::read_link(&path) else {
            break;
        };
        path = match path.parent() {
            Some(folder) => folder.join(target),
            None => target,
        };
    }
    path
}

/// Held until it is dropped, or the process ends.
#[derive(Debug)]
pub(in super::super) struct Lock {
    _held: system::Held,
}

impl Lock {
    /// Locks the file whose name is this path and suffix. It is made if need be and stays: a lock on what may be replaced would
    /// not last.
    pub(in super::super) fn acquire(path: &Path, suffix: &str, what: &str) -> io::Result<Self> {
        let mut name = OsString::from(path);
        name.push(suffix);
        let name = PathBuf::from(name);
        let mut options = OpenOptions::new();
        private(options.append(true).create(true));
        match system::hold(&name, options) {
            Ok(held) => Ok(Self { _held: held }),
            Err(error) if system::is_held(&error) => {
                let what = format!(
                    "this {what} is in use by another process, or by this one: {}",
                    path.display()
                );
                Err(io::Error::new(io::ErrorKind::ResourceBusy, what))
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod system {
    use super::*;
    #[cfg(target_os = "android")]
    use std::os::android::net::SocketAddrExt;
    #[cfg(target_os = "linux")]
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::net::{SocketAddr, UnixListener};

    #[derive(Debug)]
    pub(super) struct Held {
        _socket: UnixListener,
        /// Kept open, so that its inode is not given to another file.
        _file: File,
    }

    pub(super) fn hold(name: &Path, options: OpenOptions) -> io::Result<Held> {
        let file = options.open(name)?;
        let (device, inode) = (file.metadata()?.dev(), file.metadata()?.ino());
        let name = format!("postrider-journal-{device:x}-{inode:x}");
        let socket = UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?)?;
        Ok(Held {
            _socket: socket,
            _file: file,
        })
    }

    pub(super) fn is_held(error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::AddrInUse
    }
}

#[cfg(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "openbsd",
    target_os = "netbsd",
    target_os = "dragonfly"
))]
mod system {
    use super::*;
    use std::os::unix::fs::OpenOptionsExt;

    /// O_NONBLOCK and O_EXLOCK, the same on all of them.
    const FLAGS: i32 = 0x4 | 0x20;

    pub(super) type Held = File;

    pub(super) fn hold(name: &Path, mut options: OpenOptions) -> io::Result<Held> {
        options.custom_flags(FLAGS).open(name)
    }

    pub(super) fn is_held(error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::WouldBlock
    }
}

#[cfg(windows)]
mod system {
    use super::*;
    use std::os::windows::fs::OpenOptionsExt;

    /// ERROR_SHARING_VIOLATION.
    const SHARING_VIOLATION: i32 = 32;

    pub(super) type Held = File;

    pub(super) fn hold(name: &Path, mut options: OpenOptions) -> io::Result<Held> {
        options.share_mode(0).open(name)
    }

    pub(super) fn is_held(error: &io::Error) -> bool {
        error.raw_os_error() == Some(SHARING_VIOLATION)
    }
}

#[cfg(not(any(
    windows,
    target_os = "linux",
    target_os = "android",
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "openbsd",
    target_os = "netbsd",
    target_os = "dragonfly"
)))]
mod system {
    use super::*;

    pub(super) type Held = File;

    pub(super) fn hold(name: &Path, options: OpenOptions) -> io::Result<Held> {
        options.open(name)
    }

    pub(super) fn is_held(_: &io::Error) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_cannot_be_made_is_not_said_to_be_held_by_another_process() {
        let name = format!("postrider-no-folder-{}", std::process::id());
        let path = std::env::temp_dir().join(name).join("journal");
        let error = Lock::acquire(&path, ".lock", "journal").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
