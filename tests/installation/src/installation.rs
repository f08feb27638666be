//! An installation and the ceremony that makes it.

use crate::{Call, Courier, Failure, Programs, RunningRelay, Seat, Source};
use serde_json::Value;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// The passphrase of every staff program of an installation. It protects nothing: these keys are for trying things out.
pub const STAFF_PASSPHRASE: &str = "a passphrase for trying things out";

/// The only desk.
pub(crate) const DESK: &str = "0";

/// An installation in a folder: `relay/`, `office/`, `seat-N/`, `courier-N/` and `mirror-N/`.
///
/// Each step is a method that runs the programs that a person would run. The order is: [`make_relay`](Self::make_relay),
/// [`make_office`](Self::make_office), [`start_relay`](Self::start_relay), [`make_desk`](Self::make_desk),
/// [`admit_seat`](Self::admit_seat), [`admit_courier`](Self::admit_courier),
/// [`hand_out_roster`](Self::hand_out_roster), [`publish`](Self::publish), [`confirm_keys`](Self::confirm_keys).
#[derive(Debug)]
pub struct Installation {
    programs: Programs,
    folder: PathBuf,
    seats: u8,
    couriers: Vec<u8>,
}

impl Installation {
    /// An installation in a folder that is there and empty. Nothing is made yet.
    #[must_use]
    pub fn new(programs: Programs, folder: impl Into<PathBuf>) -> Self {
        Self { programs, folder: folder.into(), seats: 0, couriers: Vec::new() }
    }

    /// All steps at once: a relay that runs, three seats, couriers of two of them, and everything published.
    ///
    /// # Errors
    /// The first failure of a program.
    pub fn open_for_letters(programs: Programs, folder: impl Into<PathBuf>) -> Result<(Self, RunningRelay), Failure> {
        let mut installation = Self::new(programs, folder);
        installation.make_relay()?;
        installation.make_office("Office of the Special Envoy")?;
        let relay = installation.start_relay()?;
        installation.make_desk("Protection")?;
        for _ in 0..3 {
            installation.admit_seat()?;
        }
        installation.admit_courier(0)?;
        installation.admit_courier(1)?;
        installation.hand_out_roster()?;
        installation.publish()?;
        installation.confirm_keys()?;
        Ok((installation, relay))
    }

    /// A copy of everything but the relay, which goes on serving both: what is done to the copy's folders does not touch
    /// this one.
    ///
    /// # Errors
    /// [`Failure::Environment`].
    pub fn copy_to(&self, folder: impl Into<PathBuf>) -> Result<Self, Failure> {
        let folder = folder.into();
        copy(&self.folder, &folder, &|name| name != "relay").map_err(Failure::environment("copying"))?;
        Ok(Self { programs: self.programs.clone(), folder, seats: self.seats, couriers: self.couriers.clone() })
    }

    /// The folder of the installation, in which all calls run.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The programs.
    #[must_use]
    pub fn programs(&self) -> &Programs {
        &self.programs
    }

    /// Begins a call of a program in the folder of the installation.
    #[must_use]
    pub fn call(&self, program: &str) -> Call {
        self.programs.call(program, &self.folder)
    }

    /// The relay's key and configuration. It seals a batch every second and listens on a port that the system chooses.
    ///
    /// # Errors
    /// The failure of `cssr-relay init`.
    pub fn make_relay(&self) -> Result<(), Failure> {
        // The port is known once the relay runs; `start_relay` tells the office.
        let made = self.call("cssr-relay").args(["init", "relay", "--address", "ws://127.0.0.1"]).run()?;
        self.write("relay.identity", &made.stdout)?;
        self.configure("seal_min_age", "\"200ms\"")?;
        self.configure("seal_min_letters", "1")?;
        self.configure("listen", "\"127.0.0.1:0\"")
    }

    /// The office's root, its successor, and its card.
    ///
    /// # Errors
    /// The failure of `cssr-office init`.
    pub fn make_office(&self, name: &str) -> Result<(), Failure> {
        self.office(["init", "office", "--relay", "relay.identity", "--name", name]).json()?;
        self.configure("card", &format!("\"{}\"", self.card()?))
    }

    /// Starts the relay and has the office name the address at which it listens from now on.
    ///
    /// # Errors
    /// Whatever keeps the relay from coming up.
    pub fn start_relay(&self) -> Result<RunningRelay, Failure> {
        let relay = RunningRelay::start(&self.programs, &self.folder.join("relay"))?;
        let address = relay.address();
        let identity = self.read("relay.identity")?.replace("ws://127.0.0.1\n", &format!("{address}\n"));
        self.write("relay.identity", &identity)?;
        self.office(["relay", "office", "--relay", "relay.identity"]).json()?;
        // It is found at the same place when it is started again.
        self.configure("listen", &format!("\"{}\"", address.trim_start_matches("ws://")))?;
        Ok(relay)
    }

    /// The relay again, after it was stopped or killed.
    ///
    /// # Errors
    /// Whatever keeps the relay from coming up.
    pub fn restart_relay(&self) -> Result<RunningRelay, Failure> {
        RunningRelay::start(&self.programs, &self.folder.join("relay"))
    }

    /// A desk.
    ///
    /// # Errors
    /// The failure of `cssr-office desk`.
    pub fn make_desk(&self, name: &str) -> Result<(), Failure> {
        self.office(["desk", "office", "--number", DESK, "--name", name]).json().map(drop)
    }

    /// The next seat: it makes its keys and a request, and the office admits it.
    ///
    /// # Errors
    /// The failure of a program.
    pub fn admit_seat(&mut self) -> Result<(), Failure> {
        let number = self.seats;
        let (folder, label, card) = (format!("seat-{number}"), format!("Seat {number}"), self.card()?);
        let made = ["init", &folder, "--card", &card, "--desk", DESK, "--label", &label];
        self.call("cssr-desk").args(made).passphrase(STAFF_PASSPHRASE).json()?;
        self.admit(&format!("{folder}/seat.request"))?;
        self.seats += 1;
        Ok(())
    }

    /// The courier of a seat: it makes its key and a request, and the office admits it.
    ///
    /// # Errors
    /// The failure of a program.
    pub fn admit_courier(&mut self, seat: u8) -> Result<(), Failure> {
        let (folder, label, card) = (format!("courier-{seat}"), format!("Courier {seat}"), self.card()?);
        let made =
            ["courier", &folder, "--card", &card, "--desk", DESK, "--seat", &seat.to_string(), "--label", &label];
        self.call("cssr-desk").args(made).passphrase(STAFF_PASSPHRASE).json()?;
        self.admit(&format!("{folder}/courier.request"))?;
        self.couriers.push(seat);
        Ok(())
    }

    /// Every seat and courier takes the newest roster, and every seat signs its keys.
    ///
    /// # Errors
    /// The failure of a program.
    pub fn hand_out_roster(&self) -> Result<(), Failure> {
        let roster = self.newest_roster()?;
        let seats = self.seats().map(|seat| seat.folder_name());
        let couriers = self.couriers().map(|courier| courier.folder_name());
        for folder in seats.chain(couriers) {
            self.staff(["accept", &folder, &roster]).json()?;
        }
        for seat in self.seats() {
            self.staff(["statements", &seat.folder_name()]).json()?;
        }
        Ok(())
    }

    /// All rosters and all that the seats signed go to the relay.
    ///
    /// # Errors
    /// The failure of `cssr-desk publish`.
    pub fn publish(&self) -> Result<(), Failure> {
        let mut files = self.files("office/rosters", ".roster")?;
        for seat in self.seats() {
            files.extend(self.files(&format!("{}/outbox", seat.folder_name()), ".statement")?);
        }
        let card = self.card()?;
        self.call("cssr-desk").args(["publish", "--card", &card]).args(files).json().map(drop)
    }

    /// The couriers sign the day's note, which names the keys that were published: one proposes it, one of another seat
    /// signs too.
    ///
    /// # Errors
    /// The failure of `cssr-desk mirror`, and [`Failure::Unexpected`] if the note is not valid in the end.
    pub fn confirm_keys(&self) -> Result<(), Failure> {
        let mut said = Vec::new();
        for courier in self.couriers() {
            said.push(courier.mirror()?["note"].as_str().unwrap_or_default().to_owned());
        }
        match said.last().map(String::as_str) {
            Some("valid" | "cosigned" | "unchanged") => Ok(()),
            _ => Err(Failure::Unexpected(format!("the couriers' note is not valid: {}", said.join(", ")))),
        }
    }

    /// The seats that were admitted.
    pub fn seats(&self) -> impl Iterator<Item = Seat<'_>> {
        (0..self.seats).map(|number| Seat::new(self, number))
    }

    /// A seat.
    #[must_use]
    pub fn seat(&self, number: u8) -> Seat<'_> {
        Seat::new(self, number)
    }

    /// The couriers that were admitted.
    pub fn couriers(&self) -> impl Iterator<Item = Courier<'_>> {
        self.couriers.iter().map(|&seat| Courier::new(self, seat))
    }

    /// The courier of a seat.
    #[must_use]
    pub fn courier(&self, seat: u8) -> Courier<'_> {
        Courier::new(self, seat)
    }

    /// A new source, whose words are of a language.
    ///
    /// # Errors
    /// The failure of `cssr-source new`.
    pub fn source(&self, language: &str) -> Result<Source<'_>, Failure> {
        let made = self.call("cssr-source").args(["new", "--language", language]).json()?;
        let passphrase = made["passphrase"].as_str().unwrap_or_default().to_owned();
        Ok(Source::new(self, passphrase, language.to_owned()))
    }

    /// The text of the office's card.
    ///
    /// # Errors
    /// [`Failure::Environment`] if there is none.
    pub fn card(&self) -> Result<String, Failure> {
        Ok(self.read("office/card.txt")?.trim().to_owned())
    }

    /// The newest roster that the office issued.
    ///
    /// # Errors
    /// [`Failure::Unexpected`] if there is none.
    pub fn newest_roster(&self) -> Result<String, Failure> {
        let last = self.files("office/rosters", ".roster")?.pop();
        last.ok_or_else(|| Failure::Unexpected("the office has issued no roster".to_owned()))
    }

    /// Begins a call of the office's program.
    pub fn office<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Call {
        self.call("cssr-office").args(arguments).passphrase(STAFF_PASSPHRASE)
    }

    /// Begins a call of the desk's program that needs the staff's passphrase.
    pub fn staff<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Call {
        self.call("cssr-desk").args(arguments).passphrase(STAFF_PASSPHRASE)
    }

    /// Sets one key of the relay's configuration.
    ///
    /// # Errors
    /// [`Failure::Unexpected`] if the file knows no such key.
    pub fn configure(&self, key: &str, value: &str) -> Result<(), Failure> {
        let config = self.read("relay/relay.toml")?;
        let is_key = |line: &str| {
            let bare = line.trim_start_matches("#:").trim_start_matches("# ");
            bare.split_once('=').is_some_and(|(name, _)| name.trim() == key)
        };
        if !config.lines().any(is_key) {
            return Err(Failure::Unexpected(format!("relay.toml has no key {key}")));
        }
        let lines =
            config.lines().map(|line| if is_key(line) { format!("{key} = {value}\n") } else { format!("{line}\n") });
        self.write("relay/relay.toml", lines.collect::<String>())
    }

    /// The paths, from the folder of the installation, of the files in one of its folders, in order of their names.
    ///
    /// # Errors
    /// [`Failure::Environment`] if there is no such folder.
    pub fn files(&self, folder: &str, suffix: &str) -> Result<Vec<String>, Failure> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(self.folder.join(folder)).map_err(Failure::environment(folder))? {
            let name = entry.map_err(Failure::environment(folder))?.file_name();
            let name = name.to_string_lossy();
            if name.ends_with(suffix) {
                files.push(format!("{folder}/{name}"));
            }
        }
        files.sort();
        Ok(files)
    }

    /// Writes a file in the folder of the installation.
    ///
    /// # Errors
    /// [`Failure::Environment`].
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> Result<(), Failure> {
        std::fs::write(self.folder.join(name), bytes).map_err(Failure::environment(name))
    }

    fn read(&self, name: &str) -> Result<String, Failure> {
        std::fs::read_to_string(self.folder.join(name)).map_err(Failure::environment(name))
    }

    fn admit(&self, request: &str) -> Result<Value, Failure> {
        // The keys are compared by whoever reads them out; here there is nobody between the two machines.
        self.office(["admit", "office", request, "--compared"]).json()
    }
}

fn copy(from: &Path, to: &Path, wanted: &dyn Fn(&OsStr) -> bool) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (name, target) = (entry.file_name(), to.join(entry.file_name()));
        if !wanted(&name) {
        } else if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target, &|_| true)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
