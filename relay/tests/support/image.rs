//! A disk that loses its power: ext4 on an image, whose file system is shut down without writing its log
//! (`EXT4_IOC_SHUTDOWN`, Linux, fs/ext4/ioctl.c). Whatever was not synced until then is gone.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Bytes, of which only what is used takes space.
const SIZE: u64 = 8 << 30;

/// After this a test fails rather than hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// Asks the system for what nothing in safe Rust asks for. The request is `_IOR('X', 125, __u32)`, its argument
/// `EXT4_GOING_FLAGS_NOLOGFLUSH`.
const SHUT_DOWN: &str = "import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";

/// A mounted image.
pub struct Image {
    folder: TempDir,
    mounted: bool,
}

impl Image {
    /// An empty one, larger than any test needs.
    #[allow(dead_code, reason = "tests that include this file need one of the two")]
    pub fn new() -> Self {
        Self::of(SIZE)
    }

    /// An empty one of so many bytes.
    pub fn of(size: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("disk")).unwrap();
        let file = std::fs::File::create_new(folder.path().join("image")).unwrap();
        file.set_len(size).unwrap();
        run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(folder.path().join("image")));
        let mut image = Self { folder, mounted: false };
        image.mount();
        image
    }

    /// What the disk holds.
    pub fn disk(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    /// Every byte of it, free blocks included. Nobody may have anything open on the disk.
    #[allow(dead_code, reason = "not every test that includes this file looks at them")]
    pub fn contents(mut self) -> Vec<u8> {
        self.unmount();
        std::fs::read(self.folder.path().join("image")).unwrap()
    }

    /// Cuts the power. From here on everything on the disk fails.
    pub fn cut(&self) {
        run(Command::new("python3").args(["-c", SHUT_DOWN]).arg(self.disk()));
    }

    /// Switches the power on again. Nobody may have anything open on the disk.
    pub fn restart(&mut self) {
        self.unmount();
        self.mount();
    }

    fn mount(&mut self) {
        run(Command::new("mount").args(["-o", "loop"]).args([&self.folder.path().join("image"), &self.disk()]));
        self.mounted = true;
    }

    fn unmount(&mut self) {
        run(Command::new("umount").arg(self.disk()));
        self.mounted = false;
        // Another namespace of mounts, made meanwhile, may have it mounted too, and then it is the old one that is mounted
        // again, without power.
        let begun = Instant::now();
        while self.has_device() {
            assert!(begun.elapsed() < PATIENCE, "the image is mounted elsewhere, too");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn has_device(&self) -> bool {
        let image = self.folder.path().join("image");
        let output = Command::new("losetup").arg("--associated").arg(image).output().unwrap();
        assert!(output.status.success(), "losetup: {}", String::from_utf8_lossy(&output.stderr));
        !output.stdout.is_empty()
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        if self.mounted {
            let disk: &Path = &self.disk();
            // A test that has failed may have left a process there.
            let _ = Command::new("umount").arg("--lazy").arg(disk).status();
        }
    }
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
