//! Reading of vector files, and a tally of what was executed.

use serde_json::Value;
use std::convert::Infallible;

/// Where the vectors are.
pub(crate) const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/published");

/// The text of a vector file.
pub(crate) fn read(file: &str) -> String {
    std::fs::read_to_string(format!("{DIRECTORY}/{file}")).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// A vector file as JSON.
pub(crate) fn json(file: &str) -> Value {
    serde_json::from_str(&read(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The members of a JSON list.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

/// A number that fits everything it is used for.
pub(crate) fn number(value: &Value, name: &str) -> usize {
    value[name].as_u64().unwrap_or_else(|| panic!("`{name}` is a number")).try_into().unwrap()
}

/// A text.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("`{name}` is a text"))
}

/// Bytes in hexadecimal, of whatever length the vector gives them.
pub(crate) fn bytes(value: &Value, name: &str) -> Vec<u8> {
    unhex(text(value, name))
}

/// Bytes in hexadecimal, of a length that the vector must give them.
pub(crate) fn array<const N: usize>(value: &Value, name: &str) -> [u8; N] {
    bytes(value, name).try_into().unwrap_or_else(|bytes: Vec<u8>| panic!("`{name}` has {} bytes", bytes.len()))
}

/// Decodes hexadecimal.
pub(crate) fn unhex(digits: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("hexadecimal") as u8;
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    assert!(rest.is_empty(), "an even number of digits");
    pairs.iter().map(|[high, low]| digit(*high) << 4 | digit(*low)).collect()
}

/// One Wycheproof test within its group.
pub(crate) struct Case<'a> {
    pub(crate) group: &'a Value,
    pub(crate) test: &'a Value,
}

impl Case<'_> {
    /// Wycheproof's number of this test.
    pub(crate) fn id(&self) -> usize {
        number(self.test, "tcId")
    }

    /// Whether Wycheproof calls the test valid.
    pub(crate) fn valid(&self) -> bool {
        self.test["result"] == "valid"
    }

    /// Whether the test carries a flag.
    pub(crate) fn flagged(&self, flag: &str) -> bool {
        list(&self.test["flags"]).iter().any(|given| given == flag)
    }

    /// Bytes of the test.
    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        bytes(self.test, name)
    }

    /// Bytes of the test, of a fixed length.
    pub(crate) fn array<const N: usize>(&self, name: &str) -> [u8; N] {
        array(self.test, name)
    }
}

/// What was executed of a Wycheproof file, and with what outcome.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) groups: usize,
    pub(crate) valid: usize,
    pub(crate) invalid: usize,
    /// Neither is wrong; the number of those accepted and refused.
    pub(crate) acceptable: [usize; 2],
    /// Tests that are valid and were refused, or invalid and were accepted.
    pub(crate) disagreements: Vec<usize>,
}

/// Runs `accepts` on every test of a Wycheproof file.
pub(crate) fn wycheproof(file: &str, algorithm: &str, mut accepts: impl FnMut(&Case<'_>) -> bool) -> Tally {
    let vectors = json(file);
    assert_eq!(text(&vectors, "algorithm"), algorithm, "{file}");
    let mut tally = Tally::default();
    for group in list(&vectors["testGroups"]) {
        tally.groups += 1;
        for test in list(&group["tests"]) {
            let case = Case { group, test };
            let accepted = accepts(&case);
            let agrees = match text(test, "result") {
                "valid" => {
                    tally.valid += 1;
                    accepted
                }
                "invalid" => {
                    tally.invalid += 1;
                    !accepted
                }
                "acceptable" => {
                    tally.acceptable[usize::from(!accepted)] += 1;
                    true
                }
                other => panic!("{file}: unknown result {other}"),
            };
            if !agrees {
                tally.disagreements.push(case.id());
            }
        }
    }
    let executed = tally.valid + tally.invalid + tally.acceptable.iter().sum::<usize>();
    assert_eq!(executed, number(&vectors, "numberOfTests"), "{file}");
    tally
}

/// A "generator" that yields given bytes once, to replay the randomness of a vector. Asked for more, it panics.
pub(crate) struct Replay(Vec<u8>);

impl Replay {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Whether all bytes were drawn.
    pub(crate) fn is_used_up(&self) -> bool {
        self.0.is_empty()
    }

    /// Draws bytes in order.
    pub(crate) fn fill(&mut self, target: &mut [u8]) {
        assert!(target.len() <= self.0.len(), "more randomness asked for than the vector has");
        let rest = self.0.split_off(target.len());
        target.copy_from_slice(&self.0);
        self.0 = rest;
    }
}

impl rand_core::TryRng for Replay {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut word = [0; 4];
        self.fill(&mut word);
        Ok(u32::from_le_bytes(word))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut word = [0; 8];
        self.fill(&mut word);
        Ok(u64::from_le_bytes(word))
    }

    fn try_fill_bytes(&mut self, target: &mut [u8]) -> Result<(), Infallible> {
        self.fill(target);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Replay {}
