//! The office: makes the root and its successor, admits and revokes, signs rosters, issues the card. It works on a machine
//! that is never connected; small files are carried in and out.
//!
//! For most cases: [`Office::open`], [`Office::propose`] a [`Change`], show the [`Draft`] to the person who holds the
//! root, [`Office::issue`] it. Nothing in here reads a clock, a terminal or the system's randomness.
//!
//! A folder that was restored from a backup may lack the newest rosters. Whoever issues from it makes a second roster of the
//! same number, which every reader refuses. Use [`Office::restore`] with the roster that is published.

mod admission;
mod card;
mod change;
mod draft;
mod error;
mod event;
mod folder;
mod history;
mod keys;
mod plan;
mod relay_identity;
mod replay;
mod request;
mod succession;
mod warning;

pub use card::{card_for_terminal, card_svg};
pub use change::{Change, Settings, VALIDITY_DAYS, check_policy};
pub use draft::Draft;
pub use error::{Damage, OfficeError};
pub use event::Event;
pub use relay_identity::{RELAY_IDENTITY_MAX, read_relay_identity};
pub use request::{Request, key_to_compare};
pub use succession::Succession;
pub use warning::Warning;

use crate::files::{StaffPassphrase, destroy};
use cssr_proto::keys::RootKey;
use cssr_proto::{
    Card, Day, Desk, DeskNumber, Fingerprint, Label, Lineage, List, OfficeId, Policy, Pool, Relay, Root, Roster,
    Signed, Text, Unverified, commitment,
};
use folder::{Folder, Newest, Stage};
use history::History;
use plan::{Imprint, Plan};
use rand_core::CryptoRng;
use std::path::{Path, PathBuf};

/// An office's folder, opened. No other program can open it meanwhile.
#[derive(Debug)]
pub struct Office {
    folder: Folder,
    /// The fingerprint of a card of this office that every roster in the folder holds against.
    anchor: Fingerprint,
    /// What is planned, or else what the newest roster says.
    plan: Plan,
    /// Every roster at hand, ascending, without gaps.
    rosters: Vec<Signed<Roster>>,
}

/// What a new office is to be.
#[derive(Clone, Debug)]
pub struct NewOffice {
    /// Its name, which is part of what every roster's signature covers.
    pub name: Text<1, 128>,
    /// Its relay.
    pub relay: Relay,
    /// How relay and programs behave.
    pub policy: Policy,
}

/// The passphrases of the two key files that a new office has. They may be the same.
#[derive(Clone, Copy, Debug)]
pub struct Passphrases<'a> {
    /// Of the root.
    pub root: &'a StaffPassphrase,
    /// Of its successor.
    pub successor: &'a StaffPassphrase,
}

impl Office {
    /// Makes an office in a folder that is empty or not there: root, successor, card. No roster is issued before there
    /// are seats.
    ///
    /// # Errors
    /// The folder is not empty; the relay's key or the policy is unacceptable; the environment failed. Then the folder stays empty.
    pub fn init<R: CryptoRng>(
        folder: &Path,
        new: NewOffice,
        passphrases: Passphrases<'_>,
        rng: &mut R,
    ) -> Result<Self, OfficeError> {
        check_policy(&new.policy)?;
        let (root, successor) = (RootKey::generate(rng), RootKey::generate(rng));
        let first = Root { key: root.public(), commitment: commitment(&successor.public()) };
        let NewOffice { name, relay, policy } = new;
        let lineage = Lineage::new(vec![first])?;
        let (desks, couriers) = (Vec::new(), Vec::new());
        let plan = Plan { name, lineage, desks, couriers, relay, policy, page: None, forms: None };
        check_before_there_are_desks(&plan, &root)?;

        let folder = Folder::create(folder)?;
        let office = Self { folder, anchor: first.fingerprint(), plan, rosters: Vec::new() };
        let (root_file, successor_file) = (office.folder.root_key(1), office.folder.successor_key(2));
        let written = keys::seal(&root, passphrases.root, &root_file, rng)
            .and_then(|file| office.folder.write(&root_file, &file))
            .and_then(|()| keys::seal(&successor, passphrases.successor, &successor_file, rng))
            .and_then(|file| office.folder.write(&successor_file, &file))
            .and_then(|()| office.write_card())
            // Last: without it the folder holds no office.
            .and_then(|()| office.keep_plan());
        if let Err(error) = written {
            // Keys of an office that never was. The first error is the one to tell.
            for file in [root_file, successor_file, office.folder.path("card.txt"), office.folder.path("card.svg")] {
                let _ = destroy(&file);
            }
            office.folder.abandon();
            return Err(error);
        }
        Ok(office)
    }

    /// Opens an office and verifies every roster in it.
    ///
    /// # Errors
    /// There is none, another program has it open, a file is damaged or missing, or the environment failed.
    pub fn open(folder: &Path) -> Result<Self, OfficeError> {
        let folder = Folder::open(folder)?;
        let (anchor, stage) = folder.read_office()?;
        let rosters = replay::rosters(&folder, anchor)?;
        let plan = match (rosters.last(), stage) {
            // A plan beside rosters was left by an interruption just after the first of them.
            (Some(newest), Stage::Planned(_)) => Plan::of(newest),
            (Some(newest), Stage::Issued(noted)) => {
                replay::check_noted(&folder, &rosters, noted)?;
                Plan::of(newest)
            }
            (None, Stage::Planned(plan)) => *plan,
            (None, Stage::Issued(noted)) => {
                let path = folder.roster(noted.number);
                return Err(OfficeError::Damaged { path, why: Damage::Missing(noted.number) });
            }
        };
        Ok(Self { folder, anchor, plan, rosters })
    }

    /// Makes an office's folder anew from published rosters, verified against a card: after a loss, or where a backup is
    /// older than what was published. The root's key file is not restored: it must be put beside
    /// ([`Office::root_key_file`]), or else its successor takes over ([`Office::succeed`]).
    ///
    /// # Errors
    /// The folder is not empty; a roster does not verify or follow; none is given; the environment failed.
    pub fn restore(folder: &Path, card: &Card, rosters: &[Vec<u8>]) -> Result<Self, OfficeError> {
        let rosters = replay::in_order(card.fingerprint(), rosters)?;
        let newest = rosters.last().ok_or(OfficeError::NothingIssued)?;
        let plan = Plan::of(newest);
        let stage = Stage::Issued(Newest { number: newest.number.get(), hash: newest.hash() });
        let folder = Folder::create(folder)?;
        let office = Self { folder, anchor: card.fingerprint(), plan, rosters };
        let written = office
            .rosters
            .iter()
            .try_for_each(|roster| office.folder.write_roster(roster.number.get(), roster.bytes()).map(drop))
            .and_then(|()| office.write_card())
            .and_then(|()| office.folder.write_office(office.anchor, &stage));
        if let Err(error) = written {
            for roster in &office.rosters {
                let _ = std::fs::remove_file(office.folder.roster(roster.number.get()));
            }
            for name in ["card.txt", "card.svg"] {
                let _ = std::fs::remove_file(office.folder.path(name));
            }
            office.folder.abandon();
            return Err(error);
        }
        Ok(office)
    }

    /// The office's name for ever.
    #[must_use]
    pub fn id(&self) -> OfficeId {
        self.plan.lineage.office()
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &Text<1, 128> {
        &self.plan.name
    }

    /// Its desks, by number, also before there is a roster.
    #[must_use]
    pub fn desks(&self) -> &[Desk] {
        &self.plan.desks
    }

    /// The name of a desk.
    #[must_use]
    pub fn desk_name(&self, number: DeskNumber) -> Option<&Label> {
        self.plan.desk(number).map(|desk| &desk.name)
    }

    /// Its relay.
    #[must_use]
    pub const fn relay(&self) -> &Relay {
        &self.plan.relay
    }

    /// How relay and programs behave.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.plan.policy
    }

    /// The newest roster, if one was issued.
    #[must_use]
    pub fn roster(&self) -> Option<&Signed<Roster>> {
        self.rosters.last()
    }

    /// The file of the newest roster.
    #[must_use]
    pub fn roster_file(&self) -> Option<PathBuf> {
        self.roster().map(|roster| self.folder.roster(roster.number.get()))
    }

    /// The card to distribute. It shows the current root, so that a thief of an earlier one has no say over its holders;
    /// cards printed before remain good.
    #[must_use]
    pub fn card(&self) -> Card {
        Card::new(self.plan.lineage.current().fingerprint(), self.plan.relay.addresses.clone())
    }

    /// Writes `card.txt` and `card.svg` into the folder.
    ///
    /// # Errors
    /// The environment failed.
    pub fn write_card(&self) -> Result<(), OfficeError> {
        let card = self.card();
        let svg = card_svg(&card, self.plan.name.as_str())?;
        self.folder.write(&self.folder.path("card.txt"), format!("{card}\n").as_bytes())?;
        self.folder.write(&self.folder.path("card.svg"), svg.as_bytes())
    }

    /// Where the current root's key file belongs.
    #[must_use]
    pub fn root_key_file(&self) -> PathBuf {
        self.folder.root_key(self.plan.lineage.roots().len())
    }

    /// Where the successor's key file was written.
    #[must_use]
    pub fn successor_key_file(&self) -> PathBuf {
        self.folder.successor_key(self.plan.lineage.roots().len() + 1)
    }

    /// What should not stay as it is; nothing before there is a roster.
    #[must_use]
    pub fn warnings(&self, today: Day) -> Vec<Warning> {
        self.roster().map_or_else(Vec::new, |roster| warning::warnings(&self.plan, roster.expires, today))
    }

    /// Works out what the office would be after a change. Nothing is signed or written.
    ///
    /// A roster keeps the last day of the one before, unless it is over, or the change is [`Change::Renew`].
    ///
    /// # Errors
    /// The rule that the change breaks.
    pub fn propose(&self, change: Change, today: Day) -> Result<Draft, OfficeError> {
        let mut draft = self.draft(today)?;
        draft.apply(change, &History::of(&self.rosters))?;
        draft.finish();
        Ok(draft)
    }

    /// Keeps a draft that is no roster yet ([`Draft::is_roster`]): an office without seats.
    ///
    /// # Errors
    /// [`OfficeError::StaleDraft`], or the environment failed.
    pub fn keep(&mut self, draft: Draft) -> Result<(), OfficeError> {
        if draft.is_roster() || self.roster().is_some() {
            return Err(OfficeError::StaleDraft);
        }
        self.folder.write_office(self.anchor, &Stage::Planned(Box::new(draft.plan.clone())))?;
        self.plan = draft.plan;
        Ok(())
    }

    /// Signs a draft, verifies the result as a reader would, and writes it under its number.
    ///
    /// # Errors
    /// The root's key file is missing, does not open or is another root's; readers would refuse the roster; the
    /// environment failed.
    pub fn issue(&mut self, draft: Draft, passphrase: &StaffPassphrase) -> Result<&Signed<Roster>, OfficeError> {
        let path = self.root_key_file();
        let root = keys::open(&path, passphrase)?;
        if root.public() != draft.plan.lineage.current().key {
            return Err(OfficeError::NotTheRoot(path));
        }
        self.issue_with(draft, &root)
    }

    fn issue_with(&mut self, draft: Draft, root: &RootKey) -> Result<&Signed<Roster>, OfficeError> {
        if draft.follows != self.roster().map(|roster| (roster.number, roster.hash())) {
            return Err(OfficeError::StaleDraft);
        }
        let signed = draft.roster()?.sign(root)?;
        // As one who was there from the beginning, or as one who knows only the newest roster.
        let mut reader = match self.roster() {
            None => Pool::new(self.anchor),
            Some(newest) => Pool::resume(self.anchor, Unverified::from_bytes(newest.bytes())?)?,
        };
        reader.accept_roster(Unverified::from_bytes(signed.bytes())?, draft.today)?;

        let number = signed.number.get();
        self.folder.write_roster(number, signed.bytes())?;
        // From here on it is issued. Should this note fail, the next opening does without it.
        let noted = Newest { number, hash: signed.hash() };
        let _ = self.folder.write_office(self.anchor, &Stage::Issued(noted));
        self.plan = draft.plan;
        self.rosters.push(signed);
        self.roster().ok_or(OfficeError::NothingIssued)
    }

    fn draft(&self, today: Day) -> Result<Draft, OfficeError> {
        let newest = self.roster();
        if let Some(newest) = newest.filter(|newest| today < newest.issued) {
            return Err(OfficeError::Clock { today, number: newest.number.get(), issued: newest.issued });
        }
        let end_before = newest.map(|newest| newest.expires);
        Ok(Draft {
            plan: self.plan.clone(),
            follows: newest.map(|newest| (newest.number, newest.hash())),
            end_before,
            today,
            expires: end_before.filter(|end| *end >= today).unwrap_or(today.plus(VALIDITY_DAYS)),
            events: Vec::new(),
            warnings: Vec::new(),
        })
    }

    fn keep_plan(&self) -> Result<(), OfficeError> {
        self.folder.write_office(self.anchor, &Stage::Planned(Box::new(self.plan.clone())))
    }
}

impl Draft {
    fn finish(&mut self) {
        if self.is_roster() {
            self.warnings.extend(warning::warnings(&self.plan, self.expires, self.today));
        }
    }
}

/// Has the plan signed with a desk that it does not have, so that a relay key that readers refuse is found before anything
/// is written.
fn check_before_there_are_desks(plan: &Plan, root: &RootKey) -> Result<(), OfficeError> {
    let mut plan = plan.clone();
    let desk = Desk { number: DeskNumber::new(0)?, name: Label::new("desk")?, seats: List::new(Vec::new())? };
    plan.desks.push(desk);
    let number = cssr_proto::RosterNumber::new(1)?;
    plan.roster(Imprint { number, issued: Day::FIRST, expires: Day::FIRST, previous: None })?.sign(root)?;
    Ok(())
}
