//! Deterministic CBOR with limits (protocol, section 1): decode, encode again, compare.

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use zeroize::Zeroizing;

/// Bytes that are not what the protocol allows. It says nothing about their content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed {0}")]
pub struct Malformed(pub &'static str);

/// Encodes; the structures of this crate cannot fail to encode into memory.
pub(crate) fn to_vec<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    write(value, &mut out);
    out
}

/// Encodes what may be secret: into one allocation of the right size, so that no copy stays behind, erased when dropped.
pub(crate) fn to_secret_vec<T: Encode<()>>(value: &T) -> Zeroizing<Vec<u8>> {
    let mut length = Length(0);
    write(value, &mut length);
    let mut out = Zeroizing::new(Vec::with_capacity(length.0));
    write(value, &mut *out);
    out
}

fn write<T: Encode<()>, W: encode::Write<Error = std::convert::Infallible>>(value: &T, to: W) {
    #[expect(
        clippy::expect_used,
        reason = "writing to memory cannot fail, and no encoder here returns an error of its own"
    )]
    minicbor::encode(value, to).expect("encoding into memory");
}

/// Counts what is written.
struct Length(usize);

impl encode::Write for Length {
    type Error = std::convert::Infallible;

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Self::Error> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(())
    }
}

/// Compares what is written with what is expected, so that nothing of it is copied; holds what is still to come.
struct Expected<'b>(&'b [u8]);

/// What was written is not what was expected.
struct Different;

impl encode::Write for Expected<'_> {
    type Error = Different;

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Self::Error> {
        self.0 = self.0.strip_prefix(bytes).ok_or(Different)?;
        Ok(())
    }
}

/// Decodes bytes that must be the deterministic encoding of `T` and nothing else, at most `max` of them.
pub(crate) fn from_slice<'b, T: Decode<'b, ()> + Encode<()>>(
    what: &'static str,
    bytes: &'b [u8],
    max: usize,
) -> Result<T, Malformed> {
    if bytes.len() > max {
        return Err(Malformed(what));
    }
    let value: T = minicbor::decode(bytes).map_err(|_| Malformed(what))?;
    // Also refuses trailing bytes, unknown keys, and every other way to say the same thing.
    let mut expected = Expected(bytes);
    if minicbor::encode(&value, &mut expected).is_err() || !expected.0.is_empty() {
        return Err(Malformed(what));
    }
    Ok(value)
}

/// Text of `MIN` to `MAX` bytes without control characters (U+0000 to U+001F, U+007F to U+009F).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<const MIN: usize, const MAX: usize>(String);

impl<const MIN: usize, const MAX: usize> Text<MIN, MAX> {
    /// Takes a text that keeps the limits.
    ///
    /// # Errors
    /// Too short, too long, or with control characters.
    pub fn new(text: impl Into<String>) -> Result<Self, Malformed> {
        let text = text.into();
        if text.len() < MIN || text.len() > MAX || text.chars().any(char::is_control) {
            return Err(Malformed("text"));
        }
        Ok(Self(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MIN: usize, const MAX: usize> std::fmt::Display for Text<MIN, MAX> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl<C, const MIN: usize, const MAX: usize> Encode<C> for Text<MIN, MAX> {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.str(&self.0)?.ok()
    }
}

impl<'b, C, const MIN: usize, const MAX: usize> Decode<'b, C> for Text<MIN, MAX> {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        Self::new(d.str()?).map_err(|_| decode::Error::message("text outside its limits"))
    }
}

/// A list of `MIN` to `MAX` items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List<T, const MIN: usize, const MAX: usize>(Vec<T>);

impl<T, const MIN: usize, const MAX: usize> List<T, MIN, MAX> {
    /// Takes a list that keeps the limits.
    ///
    /// # Errors
    /// Too short or too long.
    pub fn new(items: Vec<T>) -> Result<Self, Malformed> {
        if items.len() < MIN || items.len() > MAX {
            return Err(Malformed("list"));
        }
        Ok(Self(items))
    }

    /// The items.
    #[must_use]
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T, const MAX: usize> Default for List<T, 0, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const MIN: usize, const MAX: usize> std::ops::Deref for List<T, MIN, MAX> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<C, T: Encode<C>, const MIN: usize, const MAX: usize> Encode<C> for List<T, MIN, MAX> {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), encode::Error<W::Error>> {
        self.0.encode(e, ctx)
    }
}

impl<'b, C, T: Decode<'b, C>, const MIN: usize, const MAX: usize> Decode<'b, C> for List<T, MIN, MAX> {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, decode::Error> {
        let n = d.array()?.ok_or_else(|| decode::Error::message("indefinite length"))?;
        if n < MIN as u64 || n > MAX as u64 {
            return Err(decode::Error::message("list outside its limits"));
        }
        let mut items = Vec::new();
        for _ in 0..n {
            items.push(T::decode(d, ctx)?);
        }
        Ok(Self(items))
    }
}

/// A number of `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number<const MIN: u64, const MAX: u64>(u64);

impl<const MIN: u64, const MAX: u64> Number<MIN, MAX> {
    /// The least there is.
    pub const LEAST: Self = Self(MIN);

    /// Takes a number that keeps the limits.
    ///
    /// # Errors
    /// Too small or too large.
    pub const fn new(number: u64) -> Result<Self, Malformed> {
        if number < MIN || number > MAX { Err(Malformed("number")) } else { Ok(Self(number)) }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl<C, const MIN: u64, const MAX: u64> Encode<C> for Number<MIN, MAX> {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.u64(self.0)?.ok()
    }
}

impl<'b, C, const MIN: u64, const MAX: u64> Decode<'b, C> for Number<MIN, MAX> {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        Self::new(d.u64()?).map_err(|_| decode::Error::message("number outside its limits"))
    }
}

/// Bytes of at most `MAX`.
#[derive(Clone, PartialEq, Eq)]
pub struct Bytes<const MAX: usize>(Vec<u8>);

impl<const MAX: usize> Bytes<MAX> {
    /// Takes bytes that keep the limit.
    ///
    /// # Errors
    /// Too long.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, Malformed> {
        let bytes = bytes.into();
        if bytes.len() > MAX { Err(Malformed("bytes")) } else { Ok(Self(bytes)) }
    }

    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

impl<const MAX: usize> std::fmt::Debug for Bytes<MAX> {
    /// The length only: what they hold may be a secret of the person.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bytes({})", self.0.len())
    }
}

impl<C, const MAX: usize> Encode<C> for Bytes<MAX> {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, C, const MAX: usize> Decode<'b, C> for Bytes<MAX> {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        Self::new(d.bytes()?).map_err(|_| decode::Error::message("bytes outside their limit"))
    }
}

/// Makes a newtype of exactly `$n` bytes that is encoded as a CBOR byte string.
macro_rules! byte_id {
    ($(#[$doc:meta])* $name:ident, $n:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $n]);

        impl $name {
            /// The bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $n] {
                &self.0
            }
        }

        impl<C> minicbor::Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                e: &mut minicbor::Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> minicbor::Decode<'b, C> for $name {
            fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
                d.bytes()?
                    .try_into()
                    .map(Self)
                    .map_err(|_| minicbor::decode::Error::message("wrong length"))
            }
        }
    };
}
pub(crate) use byte_id;

#[cfg(test)]
mod tests {
    use super::*;

    type Numbers = List<Number<0, 300>, 0, 3>;

    fn numbers(bytes: &[u8]) -> Result<Numbers, Malformed> {
        from_slice("numbers", bytes, 6)
    }

    #[test]
    fn what_decodes_is_exactly_what_would_be_encoded() {
        for bytes in [&b"\x80"[..], b"\x81\x17", b"\x83\x18\x18\x00\x00", b"\x81\x19\x01\x2c"] {
            assert_eq!(to_vec(&numbers(bytes).unwrap()), bytes);
        }
        for refused in [
            &b""[..],
            b"\x80\x00",                     // bytes after the end
            b"\x82\x17",                     // ends early
            b"\x81\x18\x17",                 // not the shortest
            b"\x98\x01\x00",                 // a head that is not the shortest
            b"\x9f\x00\xff",                 // indefinite
            b"\x81\x19\x01\x2d",             // above the limit
            b"\x84\x00\x00\x00\x00",         // too many
            b"\x83\x18\x18\x18\x18\x18\x18", // longer than the caller allows
        ] {
            assert_eq!(numbers(refused), Err(Malformed("numbers")), "{refused:02x?}");
        }
    }

    #[test]
    fn a_secret_is_encoded_without_growing() {
        let value = Bytes::<1_000>::new([7; 700]).unwrap();
        let secret = to_secret_vec(&value);
        assert_eq!(*secret, to_vec(&value));
        assert_eq!(secret.capacity(), secret.len());
    }
}
