//! How much room a disk has.

use std::path::PathBuf;

/// Bytes that are free for whoever is not root, where a folder lies; `None` if the system does not say.
pub(super) async fn free(folder: PathBuf) -> Option<u64> {
    // Some file systems take their time.
    let space = tokio::task::spawn_blocking(move || rustix::fs::statvfs(&folder)).await.ok()?.ok()?;
    space.f_bavail.checked_mul(space.f_frsize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_that_is_there_has_some_and_one_that_is_not_has_no_figure() {
        let folder = tempfile::tempdir().unwrap();
        assert!(free(folder.path().to_owned()).await.is_some());
        assert_eq!(free(folder.path().join("none")).await, None);
    }
}
