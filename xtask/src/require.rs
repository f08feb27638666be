//! Tools that a machine may lack: what needs one is skipped by name, or fails where everything is required.

use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Whether a missing tool is a failure: `CSSR_REQUIRE=all`, as CI sets it.
pub(crate) fn everything() -> bool {
    env::var_os("CSSR_REQUIRE").is_some_and(|value| value == "all")
}

/// Whether this machine has the tool that a test names in `#[ignore = "needs TOOL"]`.
///
/// `root` is the right to be root, `loop-device` that and what a file system on an image takes, `debian-package` that and
/// what builds and installs one, `systemd` that and what boots one in namespaces; everything else is a program on the
/// search path.
pub(crate) fn has(tool: &str) -> bool {
    match tool {
        "root" => fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0),
        "loop-device" => {
            has("root")
                && Path::new("/dev/loop-control").exists()
                && ["mkfs.ext4", "mount", "umount", "losetup", "python3"].into_iter().all(on_path)
        }
        "debian-package" => {
            has("root")
                && ["cargo-deb", "dpkg", "dpkg-shlibdeps", "systemd-sysusers", "systemd-tmpfiles", "unshare"]
                    .into_iter()
                    .all(on_path)
        }
        "systemd" => {
            has("root")
                && ["systemd", "systemctl", "systemd-sysusers", "systemd-tmpfiles", "unshare", "nsenter", "mount"]
                    .into_iter()
                    .all(on_path)
        }
        // One browser, three packagings.
        "chromium" => ["chromium", "chromium-browser", "google-chrome"].into_iter().any(on_path),
        program => on_path(program),
    }
}

/// Whether a program of this name is on the search path.
pub(crate) fn on_path(program: &str) -> bool {
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|folder| is_executable(&folder.join(program))))
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.is_file() && file.mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_on_the_path_is_found_and_another_is_not() {
        assert!(has("sh"));
        assert!(!has("a-program-that-nobody-has"));
    }

    #[test]
    fn a_file_that_cannot_be_executed_is_no_program() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(!is_executable(file.path()));
        assert!(!is_executable(Path::new("/")));
    }
}
