//! A directory and the note that names it, in a file (protocol, section 15.3).

use crate::cbor::Malformed;
use crate::labels::DIRECTORY_FILE;
use crate::sizes::{DIRECTORY_MAX, NOTE_MAX};

/// What `cssr-source directory` writes. Public, the same for everyone; it is verified against the card when it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryFile {
    directory: Vec<u8>,
    note: Vec<u8>,
}

impl DirectoryFile {
    /// Puts the two together.
    #[must_use]
    pub const fn new(directory: Vec<u8>, note: Vec<u8>) -> Self {
        Self { directory, note }
    }

    /// The directory's bytes.
    #[must_use]
    pub fn directory(&self) -> &[u8] {
        &self.directory
    }

    /// The note statement's bytes.
    #[must_use]
    pub fn note(&self) -> &[u8] {
        &self.note
    }

    /// The file: a CBOR sequence of the text `cssr directory 1`, the directory and the note as byte strings.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut e = minicbor::Encoder::new(Vec::new());
        #[expect(clippy::expect_used, reason = "writing to a Vec cannot fail")]
        e.str(DIRECTORY_FILE).and_then(|e| e.bytes(&self.directory)).and_then(|e| e.bytes(&self.note)).expect("a Vec");
        e.into_writer()
    }

    /// Reads the file.
    ///
    /// # Errors
    /// It is none.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let malformed = |_| Malformed("directory file");
        let mut d = minicbor::Decoder::new(bytes);
        let magic = d.str().map_err(malformed)?;
        let directory = d.bytes().map_err(malformed)?;
        let note = d.bytes().map_err(malformed)?;
        let fits = magic == DIRECTORY_FILE && directory.len() <= DIRECTORY_MAX && note.len() <= NOTE_MAX;
        let file = Self { directory: directory.to_vec(), note: note.to_vec() };
        // One encoding only, and nothing after it.
        if fits && file.to_bytes() == bytes { Ok(file) } else { Err(Malformed("directory file")) }
    }
}
