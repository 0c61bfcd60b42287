//! The names by which the core tells outputs apart: a small number each, and sets of them.

/// The most outputs that one collector can have; [`OutputSet`] is one machine word.
pub(super) const MAX_OUTPUTS: usize = 64;

/// One output's number, given in the order of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutputId(u8);

impl OutputId {
    /// The output at `index` of the configuration, or `None` past the 64th.
    #[must_use]
    pub fn from_index(index: usize) -> Option<Self> {
        u8::try_from(index)
            .ok()
            .filter(|_| index < MAX_OUTPUTS)
            .map(Self)
    }

    /// The output's place in the configuration.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A set of outputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputSet(u64);

impl OutputSet {
    /// The set without members.
    pub const EMPTY: Self = Self(0);

    /// Adds `output`.
    pub fn insert(&mut self, output: OutputId) {
        self.0 |= 1 << output.0;
    }

    /// Whether `output` is a member.
    #[must_use]
    pub fn contains(self, output: OutputId) -> bool {
        self.0 & (1 << output.0) != 0
    }

    /// Whether there are no members.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members in ascending order.
    pub fn iter(self) -> impl Iterator<Item = OutputId> {
        (0..MAX_OUTPUTS as u8)
            .map(OutputId)
            .filter(move |output| self.contains(*output))
    }
}

impl FromIterator<OutputId> for OutputSet {
    fn from_iter<I: IntoIterator<Item = OutputId>>(outputs: I) -> Self {
        let mut set = Self::EMPTY;
        for output in outputs {
            set.insert(output);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_inserted_and_nothing_else() {
        let set: OutputSet = [0, 5, 63]
            .into_iter()
            .filter_map(OutputId::from_index)
            .collect();
        let members: Vec<usize> = set.iter().map(OutputId::index).collect();
        assert_eq!(members, [0, 5, 63]);
        assert!(OutputSet::EMPTY.is_empty());
    }

    #[test]
    fn there_is_no_sixty_fifth_output() {
        assert!(OutputId::from_index(MAX_OUTPUTS - 1).is_some());
        assert_eq!(OutputId::from_index(MAX_OUTPUTS), None);
    }
}
