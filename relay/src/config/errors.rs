//! What is wrong with a configuration file: everything at once, with lines.

use std::fmt;
use std::path::PathBuf;

/// One thing that is wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path} cannot be read: {error}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// It is not TOML.
    #[error("this is not valid TOML ({message}): {content}")]
    Syntax {
        /// Why not.
        message: String,
        /// What stands in the line.
        content: String,
    },
    /// A key that must be there is not.
    #[error("\"{key}\" is missing: it must be {allowed}")]
    Missing {
        /// Which.
        key: &'static str,
        /// What to write.
        allowed: &'static str,
    },
    /// A key that does not exist.
    #[error("there is a key \"{key}\" that does not exist; the keys are {known}")]
    UnknownKey {
        /// Which.
        key: String,
        /// Those that do exist.
        known: String,
    },
    /// A value that is not allowed.
    #[error("\"{key}\" is {found}; it must be {allowed}")]
    Value {
        /// Which key.
        key: &'static str,
        /// What stands there.
        found: String,
        /// What may stand there.
        allowed: String,
    },
}

/// So that `?` ends with one error what may end with several.
impl From<ConfigError> for Vec<ConfigError> {
    fn from(error: ConfigError) -> Self {
        vec![error]
    }
}

/// Everything that is wrong with a file, in the order of its lines. Never empty.
#[derive(Debug)]
pub struct ConfigErrors {
    /// Its name, without the folder.
    pub(super) file: &'static str,
    pub(super) faults: Vec<Fault>,
}

/// Something wrong, and where.
#[derive(Debug)]
pub struct Fault {
    /// The line, from 1 on; `None` for what is nowhere in the file.
    pub line: Option<usize>,
    /// What it is.
    pub error: ConfigError,
}

impl ConfigError {
    /// The key that it is about.
    pub(super) fn key(&self) -> Option<&str> {
        match self {
            Self::Read { .. } | Self::Syntax { .. } => None,
            Self::Missing { key, .. } | Self::Value { key, .. } => Some(key),
            Self::UnknownKey { key, .. } => Some(key),
        }
    }
}

impl ConfigErrors {
    /// `None` if there is nothing wrong.
    pub(super) fn new(file: &'static str, mut faults: Vec<Fault>) -> Option<Self> {
        faults.sort_by_key(|fault| fault.line.unwrap_or(usize::MAX));
        (!faults.is_empty()).then_some(Self { file, faults })
    }

    /// Each of them.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }
}

impl std::error::Error for ConfigErrors {}

/// A line for each.
impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, Fault { line, error }) in self.faults.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            match line {
                Some(line) => write!(f, "{}, line {line}: {error}", self.file)?,
                None => write!(f, "{}: {error}", self.file)?,
            }
        }
        Ok(())
    }
}
