//! One vector, and its file.

use std::fmt::Write as _;

/// A value of a field.
#[derive(Clone)]
pub(crate) enum Value {
    Bytes(Vec<u8>),
    Text(String),
    Number(u64),
    Truth(bool),
    None,
}

/// What a field is for.
#[derive(Clone, Copy)]
enum Part {
    /// What a checker is given.
    In,
    /// What it must arrive at.
    Out,
    /// What the vector was made from, beside what is given.
    From,
}

/// One case with one outcome.
#[derive(Clone)]
pub(crate) struct Case {
    path: String,
    outcome: String,
    comment: String,
    fields: Vec<(Part, &'static str, Value)>,
}

impl Case {
    /// A case that must be accepted. `path` is `structure/name`.
    pub(crate) fn ok(path: &str, comment: &str) -> Self {
        Self::new(path, "ok".to_owned(), comment)
    }

    /// A case that must be refused for this reason.
    pub(crate) fn refused(path: &str, reason: &str, comment: &str) -> Self {
        Self::new(path, format!("refused {reason}"), comment)
    }

    fn new(path: &str, outcome: String, comment: &str) -> Self {
        assert!(!comment.contains('\n') && path.split('/').count() == 2, "{path}");
        Self { path: path.to_owned(), outcome, comment: comment.to_owned(), fields: Vec::new() }
    }

    /// Adds what a checker is given.
    pub(crate) fn input(self, name: &'static str, value: impl Into<Value>) -> Self {
        self.with(Part::In, name, value)
    }

    /// Adds what a checker must arrive at.
    pub(crate) fn output(self, name: &'static str, value: impl Into<Value>) -> Self {
        self.with(Part::Out, name, value)
    }

    /// Adds what the vector was made from.
    pub(crate) fn from(self, name: &'static str, value: impl Into<Value>) -> Self {
        self.with(Part::From, name, value)
    }

    /// Adds a field for each of some values.
    pub(crate) fn inputs<T: Into<Value>>(self, name: &'static str, values: impl IntoIterator<Item = T>) -> Self {
        values.into_iter().fold(self, |case, value| case.input(name, value))
    }

    /// Adds a field for each of some values.
    pub(crate) fn froms<T: Into<Value>>(self, name: &'static str, values: impl IntoIterator<Item = T>) -> Self {
        values.into_iter().fold(self, |case, value| case.from(name, value))
    }

    /// Adds a field for each of some values.
    pub(crate) fn outputs<T: Into<Value>>(self, name: &'static str, values: impl IntoIterator<Item = T>) -> Self {
        values.into_iter().fold(self, |case, value| case.output(name, value))
    }

    fn with(mut self, part: Part, name: &'static str, value: impl Into<Value>) -> Self {
        self.fields.push((part, name, value.into()));
        self
    }

    /// Where its file is, below `testdata/cssr`.
    pub(crate) fn path(&self) -> String {
        format!("{}.txt", self.path)
    }

    /// Its file.
    pub(crate) fn render(&self) -> String {
        let structure = self.path.split('/').next().expect("a structure");
        let mut text = format!("structure: {structure}\noutcome: {}\ncomment: {}\n", self.outcome, self.comment);
        let groups = [(Part::From, "from"), (Part::In, "in"), (Part::Out, "out")];
        for (part, word) in groups {
            let mut lead = "\n";
            for (of, name, value) in &self.fields {
                if std::mem::discriminant(of) == std::mem::discriminant(&part) {
                    text.push_str(lead);
                    lead = "";
                    writeln!(text, "{word} {name}: {}", value.render()).expect("a String");
                }
            }
        }
        text
    }
}

impl Value {
    fn render(&self) -> String {
        match self {
            Self::Bytes(bytes) => bytes.iter().fold("0x".to_owned(), |text, byte| format!("{text}{byte:02x}")),
            Self::Text(text) => quote(text),
            Self::Number(number) => number.to_string(),
            Self::Truth(truth) => truth.to_string(),
            Self::None => "none".to_owned(),
        }
    }
}

/// A JSON string; what cannot be seen is escaped.
fn quote(text: &str) -> String {
    let mut quoted = "\"".to_owned();
    for c in text.chars() {
        let unseen = c.is_control()
            || (c.is_whitespace() && c != ' ')
            || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2010}'..='\u{2015}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
            || ('\u{300}'..='\u{36f}').contains(&c)
            || ('\u{64b}'..='\u{65f}').contains(&c);
        match c {
            '"' | '\\' => write!(quoted, "\\{c}").expect("a String"),
            _ if unseen => write!(quoted, "\\u{:04x}", u32::from(c)).expect("a String"),
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<&Vec<u8>> for Value {
    fn from(bytes: &Vec<u8>) -> Self {
        Self::Bytes(bytes.clone())
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
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

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
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
