//! One vector file.

use std::cell::RefCell;
use std::collections::BTreeSet;

/// A value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Bytes(Vec<u8>),
    Text(String),
    Number(u64),
    Truth(bool),
    None,
}

/// One case with one outcome.
pub struct Case {
    path: String,
    structure: String,
    outcome: String,
    /// `in name`, `out name` or `from name`, with its value.
    fields: Vec<(String, Value)>,
    read: RefCell<BTreeSet<usize>>,
}

impl Case {
    /// Reads a file.
    pub fn read(path: &str, text: &str) -> Self {
        let (header, body) = text.split_once("\n\n").unwrap_or_else(|| panic!("{path}: no fields"));
        let mut header = header.lines();
        let mut line = |name: &str| {
            let line = header.next().and_then(|line| line.strip_prefix(name)?.strip_prefix(": "));
            line.unwrap_or_else(|| panic!("{path}: no {name}")).to_owned()
        };
        let (structure, outcome) = (line("structure"), line("outcome"));
        assert!(!line("comment").is_empty(), "{path}");
        assert_eq!(header.next(), None, "{path}");
        assert_eq!(path.split('/').next(), Some(structure.as_str()), "{path}");
        let fields = body.lines().filter(|line| !line.is_empty()).map(|line| {
            let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("{path}: {line}"));
            assert!(["in ", "out ", "from "].iter().any(|part| name.starts_with(part)), "{path}: {name}");
            (name.to_owned(), Value::read(value))
        });
        Self { path: path.to_owned(), structure, outcome, fields: fields.collect(), read: RefCell::default() }
    }

    pub fn path(&self) -> &str {
        &self.path
    }

    pub fn structure(&self) -> &str {
        &self.structure
    }

    pub fn outcome(&self) -> &str {
        &self.outcome
    }

    /// The names of its fields, with `in`, `out` or `from`.
    pub fn field_names(&self) -> impl Iterator<Item = String> + '_ {
        self.fields.iter().map(|(name, _)| name.clone())
    }

    /// The values of all `in` fields with this name.
    pub fn all(&self, name: &str) -> Vec<Value> {
        self.values(&format!("in {name}"))
    }

    /// The value of the one `in` field with this name.
    pub fn given(&self, name: &str) -> Value {
        self.one("in", name)
    }

    /// The value of the one `from` field with this name.
    pub fn source(&self, name: &str) -> Value {
        self.one("from", name)
    }

    /// The values of all `from` fields with this name.
    pub fn sources(&self, name: &str) -> Vec<Value> {
        self.values(&format!("from {name}"))
    }

    /// The value of the one `out` field with this name.
    pub fn output(&self, name: &str) -> Value {
        self.one("out", name)
    }

    /// The values of all `out` fields with this name.
    pub fn outputs(&self, name: &str) -> Vec<Value> {
        self.values(&format!("out {name}"))
    }

    /// Checks an `out` field.
    pub fn expect(&self, name: &str, found: impl Into<Value>) {
        self.expect_all(name, [found]);
    }

    /// Checks all `out` fields with this name, in their order.
    pub fn expect_all<T: Into<Value>>(&self, name: &str, found: impl IntoIterator<Item = T>) {
        let found: Vec<Value> = found.into_iter().map(Into::into).collect();
        // Not `assert_eq!`: it would print kilobytes.
        let same = self.values(&format!("out {name}")) == found;
        assert!(same, "{}: `out {name}` is not {found:.200?}", self.path);
    }

    /// Fails unless every field was read: none may be there for nothing.
    pub fn assert_all_read(&self) {
        let read = self.read.borrow();
        let unread: Vec<_> = (0..).zip(&self.fields).filter(|(i, _)| !read.contains(i)).map(|(_, f)| &f.0).collect();
        assert!(unread.is_empty(), "{}: nothing reads {unread:?}", self.path);
    }

    fn one(&self, part: &str, name: &str) -> Value {
        let values = self.values(&format!("{part} {name}"));
        let [value] = values.as_slice() else { panic!("{}: one `{part} {name}` is needed", self.path) };
        value.clone()
    }

    fn values(&self, name: &str) -> Vec<Value> {
        let of_name = (0..).zip(&self.fields).filter(|(_, (field, _))| field == name);
        of_name.map(|(i, (_, value))| (self.read.borrow_mut().insert(i), value.clone()).1).collect()
    }
}

impl Value {
    fn read(text: &str) -> Self {
        if let Some(digits) = text.strip_prefix("0x") {
            let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
            assert!(rest.is_empty(), "an even number of digits");
            let digit = |byte: u8| char::from(byte).to_digit(16).expect("hexadecimal") as u8;
            return Self::Bytes(pairs.iter().map(|[high, low]| digit(*high) << 4 | digit(*low)).collect());
        }
        match text {
            "none" => Self::None,
            "true" => Self::Truth(true),
            "false" => Self::Truth(false),
            _ if text.starts_with('"') => Self::Text(serde_json::from_str(text).expect("a JSON string")),
            _ => Self::Number(text.parse().expect("a number")),
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let Self::Bytes(bytes) = self else { panic!("{self:.50?} are no bytes") };
        bytes.clone()
    }

    /// Bytes of a length that the structure always has.
    pub fn array<const N: usize>(&self) -> [u8; N] {
        self.bytes().try_into().unwrap_or_else(|bytes: Vec<u8>| panic!("{} bytes instead of {N}", bytes.len()))
    }

    pub fn text(&self) -> String {
        let Self::Text(text) = self else { panic!("{self:.50?} is no text") };
        text.clone()
    }

    pub fn number(&self) -> u64 {
        let Self::Number(number) = self else { panic!("{self:.50?} is no number") };
        *number
    }

    pub fn small(&self) -> u32 {
        self.number().try_into().unwrap()
    }

    /// `None` for `none`.
    pub fn optional(self) -> Option<Self> {
        (self != Self::None).then_some(self)
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl<const N: usize> From<[u8; N]> for Value {
    fn from(bytes: [u8; N]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl<const N: usize> From<&[u8; N]> for Value {
    fn from(bytes: &[u8; N]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Truth(truth)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::None, Into::into)
    }
}
