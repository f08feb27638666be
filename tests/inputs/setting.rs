//! One installation for all tests, which none of them changes, and copies of its folders for those that try to.

use cssr_installation::{Call, Installation, Programs, RunningRelay};
use cssr_proto::Day;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use tempfile::TempDir;

/// What the source of [`Shared`] wrote to the desk.
pub const TESTIMONY: &str = "They came on the ninth, before it was light.";

/// A relay that runs, an office, a desk of three seats and two couriers. A source has written; the mirror of courier 0
/// holds the letter and seat 0 has imported it.
pub struct Shared {
    pub installation: Installation,
    /// The source's eight words.
    pub passphrase: String,
    /// The number that its letter has at seat 0.
    pub letter: u64,
    _relay: RunningRelay,
    _leash: Child,
}

/// The installation, made by the first who asks for it.
pub fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap().keep();
        let (installation, relay) = Installation::open_for_letters(programs(), &folder).unwrap();
        let leash = leash(relay.pid(), &folder);
        installation.write("testimony.txt", TESTIMONY).unwrap();
        let passphrase = {
            let source = installation.source("en").unwrap();
            assert_eq!(source.send(Path::new("testimony.txt")).unwrap()["sent"][0]["stored"], true);
            source.passphrase().to_owned()
        };
        let letters = installation.seat(0).import_until(installation.courier(0), 1).unwrap();
        let letter = letters[0]["letter"].as_u64().unwrap();
        Shared { installation, passphrase, letter, _relay: relay, _leash: leash }
    })
}

/// What is static is never dropped; so a shell waits for the end of this process, however it comes, and then stops the
/// relay and removes the folder.
fn leash(relay: u32, folder: &Path) -> Child {
    let mut command = Command::new("sh");
    command.args(["-c", "cat >/dev/null; kill -KILL \"$1\"; rm -rf \"$2\"", "leash", &relay.to_string()]);
    command.arg(folder).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// A copy of the folders of [`Shared`], served by the same relay. What a seat writes in one copy and posts is an alarm in
/// the others that mirror the relay later, as it must be: somebody else has its key. So only one test posts for a seat.
pub struct Sandbox {
    pub installation: Installation,
    _folder: TempDir,
}

impl Sandbox {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let installation = shared().installation.copy_to(folder.path()).unwrap();
        Self { installation, _folder: folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.installation.folder().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        self.installation.write(name, bytes).unwrap();
    }

    /// A call of `cssr-desk` with the staff's passphrase; the arguments are split at spaces.
    pub fn desk(&self, arguments: &str) -> Call {
        self.installation.staff(arguments.split(' '))
    }

    /// A call of `cssr-office` with the office's passphrase.
    pub fn office(&self, arguments: &str) -> Call {
        self.installation.office(arguments.split(' '))
    }

    /// A call of `cssr-source COMMAND CARD` with the passphrase of the source of [`Shared`].
    pub fn source(&self, command: &str) -> Call {
        self.source_with(command, &shared().passphrase)
    }

    pub fn source_with(&self, command: &str, passphrase: &str) -> Call {
        let card = self.installation.card().unwrap();
        self.installation.call("cssr-source").args([command, &card]).passphrase(passphrase)
    }

    /// A call of a shell's script that calls the programs by their names.
    pub fn shell(&self, script: &str) -> Call {
        self.installation.programs().shell(script, self.installation.folder())
    }

    /// The day of the shared installation, and of its relay.
    pub fn today(&self) -> Day {
        let shown = self.office("show office").json().unwrap();
        shown["roster"]["issued"].as_str().unwrap().parse().unwrap()
    }

    /// Every file in a folder, with what is in it.
    pub fn snapshot(&self, folder: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(&self.path(folder), &mut files);
        files
    }
}

fn collect(folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
}

/// The programs, built by `cargo build --workspace --bins`.
pub fn programs() -> Programs {
    static PROGRAMS: OnceLock<Programs> = OnceLock::new();
    PROGRAMS.get_or_init(|| Programs::beside_this_test().unwrap_or_else(|failure| panic!("{failure}"))).clone()
}
