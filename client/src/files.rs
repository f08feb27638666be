//! Files that hold secrets or must survive a crash (style: "Secrets on disk").

mod atomic;
mod keyfile;

pub use atomic::{destroy, read_limited, write_atomic};
pub use keyfile::{KeyFileError, KeyFileKind, StaffPassphrase, open_key_file, seal_key_file};
