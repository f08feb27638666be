//! Debian's compiler for WebAssembly, unpacked into the target folder.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Error, io_error};
use crate::{checkout, require};

/// The unpacked compiler, its libraries and the linker.
pub(super) struct Toolchain {
    compiler: PathBuf,
    linker: PathBuf,
    libraries: PathBuf,
}

/// The oldest compiler that builds the workspace.
const OLDEST: &str = env!("CARGO_PKG_RUST_VERSION");

impl Toolchain {
    /// Finds the toolchain in the target folder, or fetches the packages and unpacks them there.
    pub(super) fn get() -> Result<Self, Error> {
        let folder = checkout::target_dir().join("wasm-toolchain");
        if let Ok(toolchain) = Self::find(&folder)
            && toolchain.is_new_enough()?
        {
            return Ok(toolchain);
        }
        fetch(&folder)?;
        let toolchain = Self::find(&folder)?;
        if toolchain.is_new_enough()? {
            Ok(toolchain)
        } else {
            Err(missing(&format!("Debian's rustc-web is older than {OLDEST}")))
        }
    }

    /// Looks into an unpacked folder. Names that carry a version or an architecture are searched, not assumed.
    fn find(folder: &Path) -> Result<Self, Error> {
        let libraries = entries(&folder.join("usr/lib"))
            .into_iter()
            .find(|library_folder| has_entry(library_folder, "librustc_driver-"))
            .ok_or_else(|| missing("rustc-web holds no compiler library"))?;
        let programs = folder.join("usr/bin");
        let linker = entries(&programs)
            .into_iter()
            .find(|program| name_starts_with(program, "wasm-ld"))
            .ok_or_else(|| missing("lld holds no wasm-ld"))?;
        Ok(Self { compiler: programs.join("rustc"), linker, libraries })
    }

    fn is_new_enough(&self) -> Result<bool, Error> {
        let mut command = Command::new(&self.compiler);
        command.arg("--version").env("LD_LIBRARY_PATH", self.library_path());
        Ok(version_of(&output_of(&mut command)?).is_some_and(|version| Some(version) >= parse_version(OLDEST)))
    }

    /// Makes a cargo command use this toolchain.
    pub(super) fn configure(&self, command: &mut Command) {
        command
            // The distribution carries the standard library for this target as source only. Building it is an unstable
            // option of cargo; the compiler and the source fit, for they are of one package version.
            .args(["-Z", "build-std=std,panic_abort"])
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTC", &self.compiler)
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", &self.linker)
            .env("LD_LIBRARY_PATH", self.library_path());
    }

    /// The unpacked libraries, and after them what the environment names already.
    fn library_path(&self) -> OsString {
        let mut path = self.libraries.clone().into_os_string();
        if let Some(inherited) = env::var_os("LD_LIBRARY_PATH") {
            path.push(":");
            path.push(inherited);
        }
        path
    }
}

/// Fetches the packages and unpacks them as `folder`, which appears only when it is complete.
fn fetch(folder: &Path) -> Result<(), Error> {
    for tool in ["apt-get", "apt-cache", "dpkg", "dpkg-query"] {
        if !require::on_path(tool) {
            return Err(missing(&format!("there is no {tool}")));
        }
    }
    let packages = packages()?;
    eprintln!("unpacking for WebAssembly: {}", packages.join(" "));

    let partial = folder.with_extension("partial");
    let archives = partial.join("archives");
    remove(&partial)?;
    fs::create_dir_all(&archives).map_err(io_error(format!("making {}", archives.display())))?;
    let downloaded = Command::new("apt-get")
        // Where apt runs as root it would fetch as a user who cannot write here, and warn that it does not.
        .args(["download", "--quiet", "--quiet", "--option", "APT::Sandbox::User=root"])
        .args(&packages)
        .current_dir(&archives)
        .stdin(Stdio::null())
        .status()
        .map_err(io_error("running apt-get"))?;
    if !downloaded.success() {
        return Err(missing("apt-get could not download the packages (does it need `apt-get update`?)"));
    }
    for archive in entries(&archives) {
        output_of(Command::new("dpkg").arg("--extract").arg(&archive).arg(&partial))?;
    }
    remove(&archives)?;
    remove(folder)?;
    fs::rename(&partial, folder).map_err(io_error(format!("renaming to {}", folder.display())))
}

/// The packages to unpack: compiler, source of the standard library, linker, and what they depend on and the system
/// lacks.
fn packages() -> Result<Vec<String>, Error> {
    let offered = output_of(Command::new("apt-cache").args(["search", "--names-only", "^lld-[0-9]+$"]))?;
    let linker = newest_linker(&offered).ok_or_else(|| missing("apt knows no lld (does it need `apt-get update`?)"))?;
    let wanted = ["rustc-web", "rust-web-src", &linker];
    let no = ["recommends", "suggests", "conflicts", "breaks", "replaces", "enhances"];
    let mut command = Command::new("apt-cache");
    command.args(["depends", "--recurse"]).args(no.map(|relation| format!("--no-{relation}"))).args(wanted);
    let tree =
        output_of(&mut command).map_err(|_| missing("apt knows no rustc-web (does it need `apt-get update`?)"))?;

    let installed =
        output_of(Command::new("dpkg-query").args(["--show", "--showformat", "${db:Status-Abbrev}${Package}\n"]))?;
    let installed = installed.lines().filter_map(|line| line.strip_prefix("ii ")).collect();
    Ok(to_unpack(&tree, &installed, &wanted))
}

/// Picks from the output of `apt-cache depends --recurse`, in which packages stand at the start of a line.
///
/// The compiler looks for its standard library next to itself, so that is unpacked even if the system has it.
fn to_unpack(tree: &str, installed: &BTreeSet<&str>, wanted: &[&str]) -> Vec<String> {
    let is_real_package = |name: &&str| name.starts_with(|c: char| c.is_ascii_alphanumeric()) && !name.contains(':');
    let is_needed =
        |name: &&str| wanted.contains(name) || name.starts_with("libstd-rust-web") || !installed.contains(name);
    let names: BTreeSet<&str> = tree.lines().filter(is_real_package).filter(is_needed).collect();
    names.into_iter().map(str::to_owned).collect()
}

/// The `lld-N` with the highest number in the output of `apt-cache search`, which is `name - description`.
fn newest_linker(offered: &str) -> Option<String> {
    let numbers = offered.lines().filter_map(|line| {
        let (name, _) = line.split_once(' ')?;
        name.strip_prefix("lld-")?.parse::<u32>().ok()
    });
    numbers.max().map(|number| format!("lld-{number}"))
}

/// Reads `rustc 1.96.0 (...)`.
fn version_of(rustc_version: &str) -> Option<(u32, u32)> {
    parse_version(rustc_version.split_whitespace().nth(1)?)
}

fn parse_version(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn missing(why: &str) -> Error {
    Error::Missing(format!(
        "needs a compiler for {target}: `rustup target add {target}`, or Debian's rustc-web; {why}",
        target = super::TARGET
    ))
}

/// Runs a command that is expected to succeed; its complaints go to the terminal.
fn output_of(command: &mut Command) -> Result<String, Error> {
    let name = command.get_program().display().to_string();
    let output =
        command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().map_err(io_error(format!("running {name}")))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(missing(&format!("{name} failed")))
    }
}

/// What a folder holds, in order; nothing if it is not there.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths
}

fn has_entry(folder: &Path, prefix: &str) -> bool {
    entries(folder).iter().any(|path| name_starts_with(path, prefix))
}

fn name_starts_with(path: &Path, prefix: &str) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix))
}

/// Removes a folder that may not be there.
fn remove(folder: &Path) -> Result<(), Error> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(io_error(format!("removing {}", folder.display())))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "rustc-web\n  Depends: libc6\n |Depends: gcc\n    clang\nlibc6\n<libc-dev>\nlibllvm22\n\
                        libstd-rust-web-1.96\nlibgcc-s1:i386\n";

    #[test]
    fn only_what_the_system_lacks_is_unpacked() {
        let picked = to_unpack(TREE, &BTreeSet::from(["libc6"]), &["rustc-web"]);
        assert_eq!(picked, ["libllvm22", "libstd-rust-web-1.96", "rustc-web"]);
    }

    #[test]
    fn the_compiler_and_its_library_are_unpacked_even_if_installed() {
        let installed = BTreeSet::from(["libc6", "rustc-web", "libstd-rust-web-1.96", "libllvm22"]);
        assert_eq!(to_unpack(TREE, &installed, &["rustc-web"]), ["libstd-rust-web-1.96", "rustc-web"]);
    }

    #[test]
    fn the_newest_linker_is_chosen_by_number() {
        assert_eq!(newest_linker("lld-9 - a\nlld-19 - b\nlld-14-dev - c\nlld-16 - d\n").as_deref(), Some("lld-19"));
        assert_eq!(newest_linker(""), None);
    }

    #[test]
    fn versions_compare_by_number() {
        assert!(version_of("rustc 1.100.0 (abc 2027-01-01)") > parse_version("1.95"));
        assert!(version_of("rustc 1.85.0 (built from a source tarball)") < parse_version("1.95"));
        assert_eq!(version_of("rustc"), None);
    }
}
