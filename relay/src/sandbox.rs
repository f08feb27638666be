//! What a process may still do once it has been set up: Landlock (kernel documentation, userspace-api/landlock), and no new
//! privileges for whatever it might be made to execute.

use std::path::{Path, PathBuf};
use std::str::FromStr;

/// What a process needs from now on. Whatever is not named here is refused to it, as far as the system can.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sandbox {
    /// Folders in which it does as it likes.
    pub write: Vec<PathBuf>,
    /// Files and folders that it reads.
    pub read: Vec<PathBuf>,
    /// Folders with libraries that it may load.
    pub load: Vec<PathBuf>,
    /// TCP ports on which it listens; 0 for any free one.
    pub listen: Vec<u16>,
    /// TCP ports to which it connects.
    pub connect: Vec<u16>,
}

/// Whether there must be a sandbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SandboxMode {
    /// As much of one as the system can do.
    #[default]
    Auto,
    /// Do not run without.
    Require,
    /// None.
    Off,
}

/// How much of a sandbox the system can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    /// All of it.
    Full,
    /// Not all: an older kernel refuses less.
    Partial,
    /// Nothing but no new privileges.
    None,
}

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The system cannot, and the mode is [`SandboxMode::Require`].
    #[error("this system has no Landlock, and the configuration says sandbox = \"require\"")]
    NotThere,
    /// It should have been possible.
    #[error("the sandbox failed: {0}")]
    Failed(String),
}

/// Neither of its three names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such mode")]
pub struct NotAMode;

impl FromStr for SandboxMode {
    type Err = NotAMode;

    fn from_str(text: &str) -> Result<Self, NotAMode> {
        match text {
            "auto" => Ok(Self::Auto),
            "require" => Ok(Self::Require),
            "off" => Ok(Self::Off),
            _ => Err(NotAMode),
        }
    }
}

impl Sandbox {
    /// Lets a file be read, and whatever takes its place later, at its name or at the end of the links that it is now.
    #[must_use]
    pub fn and_read_replaced(mut self, file: &Path) -> Self {
        let folder = |path: &Path| {
            path.parent().map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder }.to_owned())
        };
        self.read.extend(folder(file));
        self.read.extend(file.canonicalize().ok().as_deref().and_then(folder));
        self
    }

    /// Locks the calling thread in, and all threads that it starts afterwards: so it must be called before there are others.
    /// Tells the log how strong it is.
    ///
    /// # Errors
    /// See [`SandboxError`].
    pub fn enter(&self, mode: SandboxMode) -> Result<Strength, SandboxError> {
        if mode == SandboxMode::Off {
            tracing::warn!("no sandbox, as the configuration says");
            return Ok(Strength::None);
        }
        let strength = system::restrict(self)?;
        match strength {
            Strength::Full => tracing::info!("in a sandbox"),
            Strength::Partial => tracing::info!("in a sandbox, as far as this kernel can"),
            Strength::None if mode == SandboxMode::Require => return Err(SandboxError::NotThere),
            Strength::None => tracing::warn!("no sandbox: this system has no Landlock"),
        }
        Ok(strength)
    }
}

#[cfg(target_os = "linux")]
mod system {
    use super::{Sandbox, SandboxError, Strength};
    use landlock::{
        ABI, Access as _, AccessFs, AccessNet, NetPort, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _,
        RulesetError, RulesetStatus, Scope, path_beneath_rules,
    };

    /// What is refused unless allowed: files, TCP, devices, signals and abstract sockets (Linux 6.12). Older kernels refuse
    /// what they know of it.
    const VERSION: ABI = ABI::V6;

    pub(super) fn restrict(sandbox: &Sandbox) -> Result<Strength, SandboxError> {
        let status = rules(sandbox).map_err(|error| SandboxError::Failed(error.to_string()))?;
        Ok(match status {
            RulesetStatus::FullyEnforced => Strength::Full,
            RulesetStatus::PartiallyEnforced => Strength::Partial,
            RulesetStatus::NotEnforced => Strength::None,
        })
    }

    fn rules(sandbox: &Sandbox) -> Result<RulesetStatus, RulesetError> {
        let Sandbox { write, read, load, listen, connect } = sandbox;
        let execute = AccessFs::from_read(VERSION);
        let just_read = execute & !AccessFs::Execute;
        let ports = |ports: &[u16], access| {
            ports.iter().map(move |port| Ok::<_, RulesetError>(NetPort::new(*port, access))).collect::<Vec<_>>()
        };
        let status = Ruleset::default()
            .handle_access(AccessFs::from_all(VERSION))?
            .handle_access(AccessNet::from_all(VERSION))?
            .scope(Scope::from_all(VERSION))?
            .create()?
            .add_rules(path_beneath_rules(write, AccessFs::from_all(VERSION) & !AccessFs::Execute))?
            .add_rules(path_beneath_rules(read, just_read))?
            .add_rules(path_beneath_rules(load, execute))?
            .add_rules(ports(listen, AccessNet::BindTcp))?
            .add_rules(ports(connect, AccessNet::ConnectTcp))?
            .restrict_self()?;
        Ok(status.ruleset)
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::{Sandbox, SandboxError, Strength};

    pub(super) fn restrict(_: &Sandbox) -> Result<Strength, SandboxError> {
        Ok(Strength::None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::{self, ErrorKind};
    use std::net::{TcpListener, TcpStream};

    fn refused<T>(result: io::Result<T>) -> bool {
        result.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
    }

    #[test]
    fn a_thread_in_the_sandbox_can_do_what_it_needs_and_nothing_else() {
        let (mine, readable, other) =
            (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let at = |folder: &tempfile::TempDir| folder.path().join("file");
        for folder in [&readable, &other] {
            fs::write(at(folder), "text").unwrap();
        }
        // One port of each kind, and one of neither.
        let (allowed, forbidden) =
            (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
        let (to, not_to) = (allowed.local_addr().unwrap(), forbidden.local_addr().unwrap());
        let sandbox = Sandbox {
            write: vec![mine.path().to_owned()],
            listen: vec![0],
            connect: vec![to.port()],
            ..Sandbox::default()
        };
        let sandbox = sandbox.and_read_replaced(&at(&readable));
        // A thread of its own, so that the other tests stay free.
        let strength = std::thread::scope(|scope| {
            let inside = scope.spawn(|| {
                let strength = sandbox.enter(SandboxMode::Auto).unwrap();
                if strength == Strength::None {
                    return strength;
                }
                fs::write(at(&mine), "text").unwrap();
                fs::create_dir(mine.path().join("folder")).unwrap();
                fs::rename(at(&mine), mine.path().join("folder/file")).unwrap();
                assert_eq!(fs::read_to_string(at(&readable)).unwrap(), "text");
                assert!(refused(fs::write(at(&readable), "")), "it writes where it may read");
                assert!(refused(fs::read(at(&other))), "it reads another folder");
                assert!(refused(fs::read_dir("/")), "it lists the root");
                assert!(refused(fs::read("/etc/passwd")), "it reads another file");
                assert!(refused(fs::remove_file(at(&other))), "it deletes in another folder");
                let status = fs::read_to_string("/proc/thread-self/status");
                assert!(refused(status), "it reads about processes");
                if strength == Strength::Full {
                    TcpListener::bind("127.0.0.1:0").unwrap();
                    assert!(refused(TcpListener::bind(("127.0.0.2", not_to.port()))), "it listens on another port");
                    TcpStream::connect(to).unwrap();
                    assert!(refused(TcpStream::connect(not_to)), "it connects to another port");
                }
                assert!(std::process::Command::new("/bin/true").status().is_err(), "it executes programs");
                strength
            });
            inside.join().unwrap()
        });
        fs::read("/etc/passwd").unwrap();
        let required = std::env::var_os("CSSR_REQUIRE").is_some_and(|value| value == "all");
        assert!(strength != Strength::None || !required, "this kernel has no Landlock");
    }
}
