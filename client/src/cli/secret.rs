//! Passphrases come from the terminal without echo, or from a file descriptor; never from arguments or the
//! environment, which every process of the user can read and which shells write into their history.

use std::fs::File;
use std::io::{self, Read as _};
use zeroize::{Zeroize as _, Zeroizing};

/// The longest line taken as a passphrase.
const LINE_MAX: u64 = 1_024;

/// Where a passphrase comes from.
#[derive(Clone, Copy, Debug)]
pub enum SecretInput {
    /// Asked for on the terminal.
    Terminal,
    /// The first line of an inherited file descriptor.
    Descriptor(u32),
}

impl SecretInput {
    /// From the option `--passphrase-fd`.
    #[must_use]
    pub fn from_option(descriptor: Option<u32>) -> Self {
        descriptor.map_or(Self::Terminal, Self::Descriptor)
    }

    /// Reads one line, without its end.
    ///
    /// # Errors
    /// There is no terminal, the descriptor is not open, the line is empty, longer than 1,024 bytes or not UTF-8.
    pub fn read(self, prompt: &str) -> io::Result<Zeroizing<String>> {
        let line = match self {
            Self::Terminal => rpassword::prompt_password(prompt)
                .map(Zeroizing::new)
                .map_err(|error| about(&error, "there is no terminal to ask on"))?,
            Self::Descriptor(number) => File::open(format!("/dev/fd/{number}"))
                .and_then(first_line)
                .map_err(|error| about(&error, &format!("file descriptor {number}")))?,
        };
        if line.is_empty() {
            return Err(invalid("the passphrase is empty"));
        }
        Ok(line)
    }

    /// Reads a new passphrase; on a terminal twice, since what is typed cannot be seen.
    ///
    /// # Errors
    /// As [`SecretInput::read`], and if the two differ.
    pub fn read_new(self, prompt: &str, again: &str) -> io::Result<Zeroizing<String>> {
        let first = self.read(prompt)?;
        if matches!(self, Self::Terminal) && *self.read(again)? != *first {
            return Err(invalid("the two passphrases differ; nothing was written"));
        }
        Ok(first)
    }
}

fn first_line(file: File) -> io::Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(LINE_MAX as usize + 1));
    file.take(LINE_MAX + 1).read_to_end(&mut bytes)?;
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    if end as u64 > LINE_MAX {
        return Err(invalid("the passphrase line is longer than 1,024 bytes"));
    }
    let tail = bytes.split_off(end);
    Zeroizing::new(tail).zeroize();
    let line = std::str::from_utf8(&bytes).map_err(|_| invalid("the passphrase line is not UTF-8"))?;
    Ok(Zeroizing::new(line.trim_end_matches('\r').to_owned()))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what.to_owned())
}

fn about(error: &io::Error, what: &str) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn line_of(content: &[u8]) -> io::Result<Zeroizing<String>> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        first_line(File::open(file.path()).unwrap())
    }

    #[test]
    fn only_the_first_line_of_a_descriptor_is_the_passphrase() {
        assert_eq!(*line_of("قلم رصاص\r\nrest".as_bytes()).unwrap(), "قلم رصاص");
        assert_eq!(*line_of(b"no end").unwrap(), "no end");
        assert!(line_of(&[b'a'; 2_000]).is_err());
        assert!(line_of(&[0xff, 0xfe]).is_err());
    }
}
