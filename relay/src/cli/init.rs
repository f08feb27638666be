//! `cssr-relay init`.

use super::{Failure, Init, print};
use crate::{ConfigFile, write_key_file};
use cssr_proto::Address;
use cssr_proto::keys::RelaySecretKey;
use getrandom::SysRng;
use rand_core::UnwrapErr;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

pub(crate) fn run(arguments: &Init) -> Result<(), Failure> {
    let folder = &arguments.folder;
    if arguments.address.len() > 8 {
        return Err(Failure::wrong("a relay has eight addresses at most"));
    }
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    let key = RelaySecretKey::generate(&mut UnwrapErr(SysRng));
    let key_file = folder.join("relay.key");
    write_key_file(&key_file, &key).map_err(|error| failed(&key_file, &error))?;
    let config = folder.join("relay.toml");
    write_config(&config).map_err(|error| failed(&config, &error))?;
    print(&identity(&key, &arguments.address))?;
    // Comments, so that what goes to standard output is the file that the office reads.
    print(&format!(
        "#\n# The office lists this relay in its roster and makes a card. Then write the card into\n# {}\n# and run: cssr-relay serve --config {}\n",
        config.display(),
        folder.display()
    ))
}

/// What an office needs to know: the key and the addresses, as `cssr-office` reads them.
fn identity(key: &RelaySecretKey, addresses: &[Address]) -> String {
    let key: String = key.public().as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let addresses: Vec<&str> = addresses.iter().map(Address::as_str).collect();
    format!(
        "# The relay's public key and addresses, for the office. Compare the key when it arrives.\n{key} {}\n",
        addresses.join(" ")
    )
}

fn write_config(path: &Path) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path)?;
    file.write_all(ConfigFile::template().as_bytes())?;
    file.sync_all()
}

fn failed(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::failed(format_args!("{}: {error}", path.display()))
}
