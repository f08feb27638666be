//! Reading a file.

use super::error::{TransferError, at};
use super::format::{FRAME, MAGIC, SECTION_MAX, Section};
use super::rules::Rules;
use crate::regular;
use cssr_proto::Hash;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read as _, Seek as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A file that has been read to its end once, and is in order.
pub(super) struct Input {
    path: PathBuf,
    file: File,
}

impl Input {
    /// Reads it to its end; `each` is given every section.
    pub(super) fn open(
        path: &Path,
        each: impl FnMut(Section) -> Result<(), TransferError>,
    ) -> Result<Self, TransferError> {
        let input = Self { path: path.to_owned(), file: regular::open(path).map_err(at(path))? };
        input.sections(each)?;
        Ok(input)
    }

    /// Reads it again. All is checked once more: another process might have changed it.
    pub(super) fn sections(
        &self,
        mut each: impl FnMut(Section) -> Result<(), TransferError>,
    ) -> Result<(), TransferError> {
        let mut file = &self.file;
        file.rewind().map_err(at(&self.path))?;
        let mut reading =
            Reading { path: &self.path, file: BufReader::with_capacity(1 << 20, file), hash: Sha256::new() };
        let mut magic = [0; MAGIC.len()];
        match reading.fill(&mut magic) {
            Err(TransferError::Damaged(_)) => return Err(TransferError::Foreign),
            other => other?,
        }
        if magic != *MAGIC {
            return Err(TransferError::Foreign);
        }
        let mut rules = Rules::default();
        loop {
            let before = Hash(reading.hash.clone().finalize().into());
            let section = reading.section()?;
            rules.check(&section)?;
            match section {
                Section::End(hash) if hash == before => break,
                Section::End(_) => return Err(TransferError::Damaged("the sum at its end is another one")),
                section => each(section)?,
            }
        }
        match reading.file.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(TransferError::Damaged("something follows its end")),
            Err(error) => Err(at(&self.path)(error)),
        }
    }
}

struct Reading<'a> {
    path: &'a Path,
    file: BufReader<&'a File>,
    hash: Sha256,
}

impl Reading<'_> {
    fn section(&mut self) -> Result<Section, TransferError> {
        let mut frame = [0; FRAME];
        self.fill(&mut frame)?;
        let [kind, length @ ..] = frame;
        let length = u32::from_be_bytes(length) as usize;
        if length > SECTION_MAX {
            return Err(TransferError::Damaged("a section that is too long"));
        }
        let mut bytes = Zeroizing::new(vec![0; length]);
        self.fill(&mut bytes)?;
        Section::decode(kind, &bytes).ok_or(TransferError::Damaged("a section that is none"))
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), TransferError> {
        self.file.read_exact(bytes).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => TransferError::Damaged("it ends too early"),
            _ => at(self.path)(error),
        })?;
        self.hash.update(&*bytes);
        Ok(())
    }
}
