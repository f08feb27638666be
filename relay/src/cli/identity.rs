//! `cssr-relay identity`.

use super::{Failure, Identity, print};
use crate::{ConfigFile, read_key_file};
use cssr_proto::Address;
use cssr_proto::keys::RelayPublicKey;

/// What a roster may list.
const ADDRESSES_MAX: usize = 8;

pub(super) fn run(Identity { key_file, address }: &Identity) -> Result<(), Failure> {
    check(address)?;
    let path = if key_file.is_dir() { key_file.join(ConfigFile::KEY_FILE) } else { key_file.clone() };
    let key = read_key_file(&path)
        .map_err(|error| Failure::wrong(format_args!("the key file {}: {error}", path.display())))?;
    print(&text(&key.public(), address))
}

/// No more addresses than a roster may list.
pub(super) fn check(addresses: &[Address]) -> Result<(), Failure> {
    if addresses.len() > ADDRESSES_MAX {
        return Err(Failure::wrong("a relay has eight addresses at most"));
    }
    Ok(())
}

/// What an office needs to know: the key and the addresses, as `cssr-office` reads them.
pub(super) fn text(key: &RelayPublicKey, addresses: &[Address]) -> String {
    let what = if addresses.is_empty() { "public key" } else { "public key and addresses" };
    let key: String = key.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let line: Vec<&str> = [key.as_str()].into_iter().chain(addresses.iter().map(Address::as_str)).collect();
    format!("# The relay's {what}, for the office. Compare the key when it arrives.\n{}\n", line.join(" "))
}
