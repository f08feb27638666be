//! What a check of a store has found.

/// What was read, and what is wrong with it. No id, and nothing of what is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// Records that are whole: envelopes, and both copies of batches.
    pub(crate) records: u64,
    /// Places where nothing stands.
    pub(crate) blank: u64,
    /// Marks of burned chunks that are whole.
    pub(crate) marks: u64,
    /// Batches that are missing in the chains.
    pub(crate) batches_missing: u64,
    /// Envelopes that are listed and cannot be read.
    pub(crate) envelopes_lost: u64,
    /// What is wrong, place by place.
    pub(crate) list: Vec<Finding>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Seen from the store's folder.
    pub(crate) file: String,
    /// In bytes, if it is about a part of the file.
    pub(crate) offset: Option<u64>,
    pub(crate) what: &'static str,
}

impl Findings {
    /// Whether nothing is wrong.
    pub(crate) fn is_sound(&self) -> bool {
        let Self { records: _, blank: _, marks: _, batches_missing, envelopes_lost, list } = self;
        *batches_missing == 0 && *envelopes_lost == 0 && list.is_empty()
    }

    pub(crate) fn tell(&mut self, file: impl Into<String>, offset: Option<u64>, what: &'static str) {
        self.list.push(Finding { file: file.into(), offset, what });
    }
}
