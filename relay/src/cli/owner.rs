//! Whose a folder is. What root makes in another user's folder would be root's, and closed to that user.

use super::Failure;
use rustix::process::geteuid;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Another user than root, by name or by number (`#999`).
pub(super) struct Other(String);

impl Other {
    /// How to run a command as that user.
    pub(super) fn instead(&self) -> String {
        let Self(name) = self;
        match name.starts_with('#') {
            true => format!("sudo -u '{name}' cssr-relay ..."),
            false => format!("runuser -u {name} -- cssr-relay ..."),
        }
    }

    pub(super) fn name(&self) -> &str {
        let Self(name) = self;
        name
    }
}

/// Refuses to be root in a folder of another user, or in one that is still to be made below such a folder.
pub(super) fn check(folder: &Path) -> Result<(), Failure> {
    let Some(other) = other_than_root(folder) else { return Ok(()) };
    Err(Failure::wrong(format_args!(
        "{} belongs to {}, and what root makes there would be closed to that user; run this as that user: {}",
        folder.display(),
        other.name(),
        other.instead()
    )))
}

/// The user to whom a folder belongs, if this is root and that is somebody else.
pub(super) fn other_than_root(folder: &Path) -> Option<Other> {
    if !geteuid().is_root() {
        return None;
    }
    // The folder of a file that is named without one is empty.
    let folder = std::path::absolute(Path::new(".").join(folder)).ok()?;
    let owner = folder.ancestors().find_map(|path| match path.metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        found => Some(found.map(|found| found.uid())),
    });
    let owner = owner?.ok().filter(|owner| *owner != 0)?;
    Some(Other(name(owner).unwrap_or_else(|| format!("#{owner}"))))
}

/// As the system's list of users has it.
fn name(user: u32) -> Option<String> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let number = user.to_string();
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == number).then(|| name.to_owned())
    })
}
