//! Writing in an editor without leaving the text on the disk: the file lies in memory (`/dev/shm`) and is overwritten
//! and removed afterwards. What the editor itself keeps (swap and backup files, history) is a stated limit.

use crate::files::destroy;
use std::io::{self, Read as _};
use std::path::Path;
use std::process::Command;
use zeroize::Zeroizing;

const IN_MEMORY: &str = "/dev/shm";

/// Opens the person's editor on an empty file and reads what they wrote.
pub(super) fn edit(text: &mut Zeroizing<Vec<u8>>) -> io::Result<()> {
    if !Path::new(IN_MEMORY).is_dir() {
        return Err(io::Error::other("there is no memory file system for the editor; use a file or standard input"));
    }
    let editor = ["VISUAL", "EDITOR"].iter().find_map(std::env::var_os).unwrap_or_else(|| "vi".into());
    let folder = tempfile::Builder::new().prefix("cssr-").tempdir_in(IN_MEMORY)?;
    let path = folder.path().join("letter.txt");
    crate::files::write_atomic(&path, b"")?;
    let outcome = Command::new(&editor).arg(&path).status().and_then(|status| {
        if !status.success() {
            return Err(io::Error::other("the editor ended with an error"));
        }
        let limit = cssr_proto::sizes::TEXT_MAX as u64 + 1;
        std::fs::File::open(&path)?.take(limit).read_to_end(text).map(drop)
    });
    // Backup files of the editor lie in the same folder.
    for entry in std::fs::read_dir(folder.path())? {
        destroy(&entry?.path())?;
    }
    outcome
}
