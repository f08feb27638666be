//! The Debian package, installed below a folder and used there as an operator would.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc;
use std::thread;
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
        // The relay's user must come through.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
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

    /// The program, run by the owner of the relay's folder.
    fn relay(&self) -> Command {
        let (mut relay, home) = (Command::new(self.at("usr/bin/cssr-relay")), fs::metadata(self.at(HOME)).unwrap());
        relay.uid(home.uid()).gid(home.gid());
        relay
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
        "usr/lib/systemd/system/cssr-relay-forward.service",
        "usr/share/doc/cssr-relay/operating.md",
        "usr/share/doc/cssr-relay/SECURITY.md",
        "usr/share/doc/cssr-relay/CHANGELOG.md",
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
    assert!(said.contains("is left, with the relay's key") && said.contains("to destroy them"), "{said}");
    assert!(!root.at("usr/bin/cssr-relay").exists());
    for kept in ["relay.key", "relay.toml", "data/keys"] {
        assert!(folder.join(kept).exists(), "{kept}");
    }
}

/// It starts, tells that it is the packaged version, and stops.
fn serves(relay: &mut Command, folder: &Path) {
    let mut relay = Serving(relay.arg("serve").arg("--config").arg(folder).stdout(Stdio::piped()).spawn().unwrap());
    let (line, lines) = mpsc::channel();
    let told = BufReader::new(relay.0.stdout.take().unwrap()).lines();
    thread::spawn(move || told.map(Result::unwrap).try_for_each(|told| line.send(told)));
    let address = |line: String| line.split_once("://").unwrap().1.trim_end_matches("/metrics").to_owned();
    TcpStream::connect(address(lines.recv_timeout(PATIENCE).unwrap())).unwrap();
    let mut metrics = TcpStream::connect(address(lines.recv_timeout(PATIENCE).unwrap())).unwrap();
    metrics.set_read_timeout(Some(PATIENCE)).unwrap();
    metrics.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    metrics.read_to_string(&mut answer).unwrap();
    assert!(answer.contains(concat!("cssr_relay_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1")), "{answer}");
    let pid = relay.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    // Its output ends when it does.
    assert_eq!(lines.recv_timeout(PATIENCE), Err(mpsc::RecvTimeoutError::Disconnected));
    assert!(relay.0.wait().unwrap().success());
}

#[test]
#[ignore = "needs debian-package"]
fn another_version_takes_nothing_away_and_a_relay_that_never_was_leaves_nothing() {
    let (root, package) = (Root::new(), package());
    root.dpkg(&["--install", &package]);
    for file in ["relay.key", "relay.toml"] {
        fs::write(root.at(HOME).join(file), "whatever is there").unwrap();
    }
    for removed in [false, true] {
        if removed {
            root.dpkg(&["--remove", "cssr-relay"]);
        }
        let again = root.dpkg(&["--install", &package]);
        assert!(again.contains("not running and was not started"), "{again}");
        for file in ["relay.key", "relay.toml"] {
            assert_eq!(fs::read_to_string(root.at(HOME).join(file)).unwrap(), "whatever is there");
        }
    }
    for file in ["relay.key", "relay.toml"] {
        fs::remove_file(root.at(HOME).join(file)).unwrap();
    }
    let said = root.dpkg(&["--purge", "cssr-relay"]);
    assert!(!said.contains("is left"), "{said}");
    assert!(!root.at(HOME).exists());
}

/// Runs a maintainer script where systemd seems to run, and gives what it ran of systemd.
///
/// systemd is a script that writes down how it was called and fails at the calls that begin with one of `failing`. The
/// system's own folders are hidden, so that nothing of this machine is touched.
fn script(name: &str, arguments: &[&str], failing: &[&str]) -> (Output, Vec<String>) {
    let fakes = tempfile::tempdir().unwrap();
    let calls = fakes.path().join("calls");
    let pattern = failing.iter().fold(String::from("never"), |all, call| format!("{all}|\"{call}\"*"));
    let fake = format!(
        "#!/bin/sh\necho \"${{0##*/}} $*\" >>{}\ncase \"${{0##*/}} $*\" in {pattern}) exit 1;; esac\n",
        calls.display()
    );
    for tool in ["systemctl", "systemd-sysusers", "systemd-tmpfiles"] {
        let file = fakes.path().join(tool);
        fs::write(&file, &fake).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let hidden = "mount -t tmpfs none /run; mount -t tmpfs none /var/lib; mkdir -p /run/systemd/system; exec \"$@\"";
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/debian").join(name);
    let mut run = Command::new("unshare");
    run.args(["--mount", "sh", "-e", "-c", hidden, "sh"]).arg(script).args(arguments).env_remove("DPKG_ROOT");
    let output = run.env("PATH", format!("{}:{}", fakes.path().display(), with_sbin())).output().unwrap();
    let calls = fs::read_to_string(calls).unwrap_or_default();
    (output, calls.lines().map(str::to_owned).collect())
}

#[test]
#[ignore = "needs debian-package"]
fn the_scripts_are_plain_shell() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/debian");
    for script in ["postinst", "prerm", "postrm"] {
        succeeded(&Command::new("sh").arg("-n").arg(folder.join(script)).output().unwrap());
    }
}

#[test]
#[ignore = "needs debian-package"]
fn systemd_starts_only_a_relay_that_was_running_and_stops_it_only_when_the_program_goes() {
    const STOPPED: &[&str] = &["systemctl --quiet is-active"];
    const MADE: [&str; 5] = [
        "systemd-sysusers --root=/ cssr-relay.conf",
        "systemd-tmpfiles --root=/ --create cssr-relay.conf",
        "systemctl daemon-reload",
        "systemctl --quiet is-active cssr-relay",
        "systemctl --quiet is-active cssr-relay-forward",
    ];
    const RESTARTED: [&str; 7] = [
        MADE[0],
        MADE[1],
        MADE[2],
        MADE[3],
        "systemctl restart cssr-relay",
        MADE[4],
        "systemctl restart cssr-relay-forward",
    ];
    const ENDED: [&str; 3] = [
        "systemctl stop cssr-relay cssr-relay-forward",
        "systemctl --quiet disable cssr-relay",
        "systemctl --quiet disable cssr-relay-forward",
    ];
    /// A script, its arguments, what fails, and what it runs of systemd.
    type Case = (&'static str, &'static [&'static str], &'static [&'static str], &'static [&'static str]);
    let cases: [Case; 8] = [
        ("postinst", &["configure", ""], STOPPED, &MADE),
        ("postinst", &["configure", "0.0.1"], STOPPED, &MADE),
        ("postinst", &["configure", "0.0.1"], &[], &RESTARTED),
        ("prerm", &["upgrade", "0.0.1"], &[], &[]),
        ("prerm", &["deconfigure", "in-favour", "other", "1"], &[], &[]),
        ("prerm", &["remove"], &[], &ENDED),
        // It is masked.
        ("prerm", &["remove"], &["systemctl --quiet disable"], &ENDED),
        ("postrm", &["purge"], &[], &["systemctl daemon-reload"]),
    ];
    for (name, arguments, failing, expected) in cases {
        let (output, calls) = script(name, arguments, failing);
        succeeded(&output);
        assert_eq!(calls, expected, "{name} {arguments:?}");
    }

    // The package is there though the relay does not come up, and its operator is told.
    let (output, _) = script("postinst", &["configure", "0.0.1"], &["systemctl restart"]);
    succeeded(&output);
    assert!(String::from_utf8(output.stderr).unwrap().contains("did not start again"));
    // The program of a relay that cannot be stopped is not taken away, and it starts again with the machine.
    let (output, calls) = script("prerm", &["remove"], &["systemctl stop"]);
    assert!(!output.status.success());
    assert_eq!(calls, ENDED[..1]);
}
