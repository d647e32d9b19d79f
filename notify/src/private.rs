//! Files that are their owner's alone.

use std::fs::OpenOptions;

/// What is created by these options can be read by nobody else, where the system knows such a thing. What is there stays as it is.
pub(crate) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}
