//! Making names last: a new or renamed file survives a loss of power only once its directory is synced.

use std::fs::File;
use std::io;
use std::path::Path;

/// Makes a new name of `path` survive a loss of power.
pub(super) fn parent(path: &Path) -> io::Result<()> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    directory(parent.unwrap_or(Path::new(".")))
}

/// Makes the names in a directory survive a loss of power.
pub(super) fn directory(path: &Path) -> io::Result<()> {
    // Only unix lets a directory be opened and synced; elsewhere a rename is as durable as the system makes it.
    if cfg!(unix) {
        File::open(path)?.sync_all()?;
    }
    Ok(())
}
