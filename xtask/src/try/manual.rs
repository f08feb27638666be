//! What to do with an installation that stays up: commands, ready to paste.

use cssr_installation::{Failure, Installation, STAFF_PASSPHRASE};

/// The commands to go on with. Writes the passphrases that they read into the folder of the installation.
pub(super) fn go_on(installation: &Installation, address: &str) -> Result<String, Failure> {
    let source = installation.source("ar")?;
    // In files, so that they stand neither in a list of processes nor in a shell's history.
    installation.write("source.passphrase", format!("{}\n", source.passphrase()))?;
    installation.write("staff.passphrase", format!("{STAFF_PASSPHRASE}\n"))?;
    Ok(format!(
        r#"
The relay stays up at {address} until Ctrl-C. Go on in another terminal; all keys here are for trying things out.

  cd {folder}
  export PATH="{programs}:$PATH" CARD="$(cat office/card.txt)"

As a source, whose passphrase is in source.passphrase (`cssr-source new` makes one):

  echo "What I have seen" | cssr-source send "$CARD" --desk 0 --passphrase-fd 3 3<source.passphrase
  cssr-source look "$CARD" --passphrase-fd 3 3<source.passphrase

As a courier, on a machine that is connected, then as a seat, on one that need not be (staff.passphrase is everybody's):

  cssr-desk mirror courier-0 mirror-0 --passphrase-fd 3 3<staff.passphrase
  cssr-desk import seat-0 mirror-0 --passphrase-fd 3 3<staff.passphrase
  cssr-desk list seat-0 --passphrase-fd 3 3<staff.passphrase
  cssr-desk show seat-0 4 --passphrase-fd 3 3<staff.passphrase
  echo "Thank you. We read this." | cssr-desk reply seat-0 4 --passphrase-fd 3 3<staff.passphrase
  cssr-desk post seat-0 --now

As the office:

  cssr-office show office --passphrase-fd 3 3<staff.passphrase
"#,
        folder = installation.folder().display(),
        programs = installation.programs().folder().display(),
    ))
}
