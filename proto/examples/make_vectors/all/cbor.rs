//! CBOR (RFC 8949), put together by hand, so that the wrong encodings can be made as easily as the right ones.

/// An unsigned integer.
pub(crate) fn uint(number: impl Into<u64>) -> Vec<u8> {
    head(0, number.into())
}

/// A byte string.
pub(crate) fn bytes(content: &[u8]) -> Vec<u8> {
    [&head(2, content.len() as u64), content].concat()
}

/// A text string.
pub(crate) fn text(content: &str) -> Vec<u8> {
    [&head(3, content.len() as u64), content.as_bytes()].concat()
}

/// An array of items.
pub(crate) fn array(items: &[Vec<u8>]) -> Vec<u8> {
    [head(4, items.len() as u64), items.concat()].concat()
}

/// A map with these keys, in this order, without those that have no value.
pub(crate) fn map(entries: &[(u64, Option<Vec<u8>>)]) -> Vec<u8> {
    let there: Vec<_> = entries.iter().filter_map(|(key, value)| Some((*key, value.clone()?))).collect();
    let content = there.iter().flat_map(|(key, value)| [uint(*key), value.clone()].concat());
    head(5, there.len() as u64).into_iter().chain(content).collect()
}

/// `null`.
pub(crate) fn null() -> Vec<u8> {
    vec![0xf6]
}

/// `true` or `false`.
pub(crate) fn truth(value: bool) -> Vec<u8> {
    vec![0xf4 + u8::from(value)]
}

/// The shortest head of a major type.
pub(crate) fn head(major: u8, argument: u64) -> Vec<u8> {
    let major = major << 5;
    match argument {
        0..=23 => vec![major | argument as u8],
        24..=0xff => vec![major | 24, argument as u8],
        0x100..=0xffff => [&[major | 25][..], &(argument as u16).to_be_bytes()].concat(),
        0x1_0000..=0xffff_ffff => [&[major | 26][..], &(argument as u32).to_be_bytes()].concat(),
        _ => [&[major | 27][..], &argument.to_be_bytes()].concat(),
    }
}
