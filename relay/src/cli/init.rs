//! `cssr-relay init`.

use super::{Failure, Init, identity, owner, print};
use crate::{ConfigFile, write_key_file};
use cssr_proto::keys::RelaySecretKey;
use getrandom::SysRng;
use rand_core::UnwrapErr;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

pub(crate) fn run(arguments: &Init) -> Result<(), Failure> {
    let folder = &arguments.folder;
    identity::check(&arguments.address)?;
    if folder.exists() {
        owner::check(folder)?;
    }
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    let (key_file, config) = (folder.join(ConfigFile::KEY_FILE), folder.join("relay.toml"));
    if let Some(there) = [&key_file, &config].into_iter().find(|path| path.symlink_metadata().is_ok()) {
        let of_another =
            "it is there already; init changes no relay, and identity tells again what init has told of one";
        return Err(failed(there, &of_another));
    }
    let key = RelaySecretKey::generate(&mut UnwrapErr(SysRng));
    write_key_file(&key_file, &key).map_err(|error| failed(&key_file, &error))?;
    write_config(&config).map_err(|error| failed(&config, &error))?;
    print(&identity::text(&key.public(), &arguments.address))?;
    // Comments, so that what goes to standard output is the file that the office reads.
    print(&format!(
        "#\n# The office lists this relay in its roster and makes a card. Then write the card into\n# {}\n# and run: cssr-relay serve --config {}\n",
        config.display(),
        folder.display()
    ))
}

fn write_config(path: &Path) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path)?;
    file.write_all(ConfigFile::template().as_bytes())?;
    file.sync_all()
}

fn failed(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::failed(format_args!("{}: {error}", path.display()))
}
