//! When a root is lost or no longer trusted: the successor that it announced takes its place, and announces the next.

use super::error::OfficeError;
use super::event::Event;
use super::{Office, keys};
use crate::files::{StaffPassphrase, destroy};
use cssr_proto::keys::RootKey;
use cssr_proto::{Day, Lineage, Root, commitment};
use rand_core::CryptoRng;
use std::path::{Path, PathBuf};

/// Roots of an office at most (CDDL `roster`).
const ROOTS: usize = 16;

/// What a succession has left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Succession {
    /// The key file of the root that signs now.
    pub root: PathBuf,
    /// The key file of the new successor, to be moved to another place.
    pub successor: PathBuf,
    /// The key file of the replaced root, if it could not be destroyed.
    pub undestroyed: Option<PathBuf>,
}

impl Office {
    /// Reveals the successor as the root, announces a new successor, and issues the next roster with it.
    ///
    /// `successor` is the key file that [`Office::init`] or the last succession made, wherever it was kept; it is not
    /// changed. `passphrase` opens it, and becomes the new root's; `next` becomes the new successor's.
    ///
    /// # Errors
    /// No roster was issued yet; sixteen roots were used; the key file is missing, does not open or is not the announced
    /// successor's; the environment failed. Then the old root is still there.
    pub fn succeed<R: CryptoRng>(
        &mut self,
        successor: &Path,
        passphrase: &StaffPassphrase,
        next: &StaffPassphrase,
        today: Day,
        rng: &mut R,
    ) -> Result<Succession, OfficeError> {
        let mut draft = self.draft(today)?;
        if self.roster().is_none() {
            return Err(OfficeError::NothingIssued);
        }
        let mut roots = draft.plan.lineage.roots().to_vec();
        if roots.len() >= ROOTS {
            return Err(OfficeError::LineageFull);
        }
        let root = keys::open(successor, passphrase)?;
        if commitment(&root.public()) != draft.plan.lineage.current().commitment {
            return Err(OfficeError::NotTheSuccessor(successor.to_owned()));
        }
        let new_successor = RootKey::generate(rng);
        roots.push(Root { key: root.public(), commitment: commitment(&new_successor.public()) });
        let number = roots.len();
        draft.plan.lineage = Lineage::new(roots)?;
        draft.events.push(Event::Succeeded { root: number });

        let old = self.folder.root_key(number - 1);
        let made = Succession {
            root: self.folder.root_key(number),
            successor: self.folder.successor_key(number + 1),
            undestroyed: None,
        };
        // Only what this call makes is taken back: the successor's own file may be one of these.
        let new_files: Vec<&PathBuf> =
            [&made.root, &made.successor].into_iter().filter(|path| path.symlink_metadata().is_err()).collect();
        let root_file = keys::seal(&root, passphrase, &made.root, rng)?;
        let successor_file = keys::seal(&new_successor, next, &made.successor, rng)?;
        // The keys first: a roster must never announce a successor that nobody has.
        let issued = self
            .folder
            .write(&made.root, &root_file)
            .and_then(|()| self.folder.write(&made.successor, &successor_file))
            .and_then(|()| self.issue_with(draft, &root).map(drop));
        if let Err(error) = issued {
            for path in new_files {
                let _ = destroy(path);
            }
            return Err(error);
        }
        let undestroyed = destroy(&old).is_err().then_some(old);
        Ok(Succession { undestroyed, ..made })
    }
}
