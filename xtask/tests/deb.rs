//! The Debian package, installed below a folder and used there as an operator would.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::time::Duration;
use tempfile::TempDir;

/// The card of an office that nobody runs.
const CARD: &str = "cssr:QQQQ-QQQQ-QQQQ-QQQQ-QQQQ-QQQQ-QQXU-LVLR@relay.example.org";
const HOME: &str = "var/lib/cssr-relay";
const PATIENCE: Duration = Duration::from_secs(20);

/// A system with nothing in it but what dpkg needs.
struct Root(TempDir);

impl Root {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for needed in ["var/lib/dpkg", "etc"] {
            fs::create_dir_all(folder.path().join(needed)).unwrap();
        }
        for needed in ["var/lib/dpkg/status", "etc/passwd", "etc/group"] {
            fs::write(folder.path().join(needed), "").unwrap();
        }
        Self(folder)
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    /// What the package depends on is taken from the system around.
    fn dpkg(&self, arguments: &[&str]) -> String {
        let root = format!("--root={}", self.0.path().display());
        let mut dpkg = Command::new("dpkg");
        dpkg.args([&root, "--force-script-chrootless", "--force-depends", "--log=/dev/null"]).args(arguments);
        let output = dpkg.env("PATH", with_sbin()).output().unwrap();
        succeeded(&output);
        String::from_utf8(output.stdout).unwrap()
    }

    fn relay(&self) -> Command {
        Command::new(self.at("usr/bin/cssr-relay"))
    }
}

fn with_sbin() -> String {
    format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap())
}

fn succeeded(output: &Output) {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Builds the package, once, from the program that the tests have been built with.
fn package() -> String {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let into = Path::new(env!("CARGO_TARGET_TMPDIR")).join("debian");
        // Another version's may be there.
        let _ = fs::remove_dir_all(&into);
        let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
        xtask.args(["deb", "--profile", "dev", "--no-build", "--output"]).arg(&into);
        succeeded(&xtask.output().unwrap());
        into
    });
    let packages: Vec<_> = fs::read_dir(&*FOLDER).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(packages.len(), 1, "{packages:?}");
    packages[0].to_str().unwrap().to_owned()
}

/// Ends a relay that a failing test leaves.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}

#[test]
#[ignore = "needs debian-package"]
fn the_package_installs_a_relay_that_starts_and_leaves_its_key_when_it_goes() {
    let root = Root::new();
    let said = root.dpkg(&["--install", &package()]);
    assert!(said.contains("nothing was started"), "{said}");

    // The user, and a folder that is its own.
    let passwd = fs::read_to_string(root.at("etc/passwd")).unwrap();
    let user: Vec<_> = passwd.lines().find(|line| line.starts_with("cssr-relay:")).unwrap().split(':').collect();
    assert_eq!((user[5], user[6]), ("/var/lib/cssr-relay", "/usr/sbin/nologin"));
    let home = fs::metadata(root.at(HOME)).unwrap();
    assert_eq!((mode(&root.at(HOME)), home.uid().to_string().as_str()), (0o700, user[2]));
    assert_eq!(mode(&root.at("usr/bin/cssr-relay")), 0o755);
    for file in [
        "usr/lib/systemd/system/cssr-relay.service",
        "usr/share/doc/cssr-relay/operating.md",
        "usr/share/doc/cssr-relay/copyright",
        "usr/share/doc/cssr-relay/examples/nginx.conf",
        "usr/share/doc/cssr-relay/examples/torrc",
        "usr/share/man/man1/cssr-relay-serve.1.gz",
        "usr/share/bash-completion/completions/cssr-relay",
    ] {
        assert_eq!(mode(&root.at(file)), 0o644, "{file}");
    }
    let unit = fs::read_to_string(root.at("usr/lib/systemd/system/cssr-relay.service")).unwrap();
    assert!(unit.contains("ExecStart=/usr/bin/cssr-relay serve --config /var/lib/cssr-relay\n"), "{unit}");

    // The first hour.
    let folder = root.at(HOME);
    succeeded(&root.relay().args(["init", "--address", "relay.example.org"]).arg(&folder).output().unwrap());
    let config = folder.join("relay.toml");
    let template = fs::read_to_string(&config).unwrap();
    let lines = format!("card = \"{CARD}\"\nlisten = \"127.0.0.1:0\"\nmetrics_listen = \"127.0.0.1:0\"\n");
    fs::write(&config, format!("{template}\n{lines}")).unwrap();
    succeeded(&root.relay().arg("check-config").arg("--config").arg(&folder).output().unwrap());
    serves(&mut root.relay(), &folder);

    let said = root.dpkg(&["--purge", "cssr-relay"]);
    assert!(said.contains("relay's key and letters is left"), "{said}");
    assert!(!root.at("usr/bin/cssr-relay").exists() && folder.join("relay.key").exists());
}

/// It starts, tells that it is the packaged version, and stops.
fn serves(relay: &mut Command, folder: &Path) {
    let mut relay = Serving(relay.arg("serve").arg("--config").arg(folder).stdout(Stdio::piped()).spawn().unwrap());
    let mut told = BufReader::new(relay.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let address = |line: String| line.split_once("://").unwrap().1.trim_end_matches("/metrics").to_owned();
    TcpStream::connect(address(told.next().unwrap())).unwrap();
    let mut metrics = TcpStream::connect(address(told.next().unwrap())).unwrap();
    metrics.set_read_timeout(Some(PATIENCE)).unwrap();
    metrics.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    metrics.read_to_string(&mut answer).unwrap();
    assert!(answer.contains(concat!("cssr_relay_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1")), "{answer}");
    let pid = relay.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(relay.0.wait().unwrap().success());
}

#[test]
#[ignore = "needs debian-package"]
fn the_scripts_are_plain_shell_and_an_upgrade_stops_nothing() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/debian");
    for script in ["postinst", "prerm", "postrm"] {
        succeeded(&Command::new("sh").arg("-n").arg(folder.join(script)).output().unwrap());
    }
    let (root, package) = (Root::new(), package());
    root.dpkg(&["--install", &package]);
    fs::write(root.at(HOME).join("relay.key"), "whatever is there").unwrap();
    let again = root.dpkg(&["--install", &package]);
    assert!(!again.contains("nothing was started"), "{again}");
    assert_eq!(fs::read_to_string(root.at(HOME).join("relay.key")).unwrap(), "whatever is there");
}
