//! What a filter says of each candidate.

/// Which candidates of a slice stay, and why the others go.
///
/// Reasons are recorded only when the request is traced; without a trace the mask never allocates after its first use.
///
/// ```
/// use candidate_pipeline::KeepMask;
///
/// let mut keep = KeepMask::traced(3);
/// keep.remove_because(1, || "closed on Mondays".to_owned());
/// assert_eq!(keep.kept().collect::<Vec<_>>(), [0, 2]);
/// assert_eq!(keep.reason(1), Some("closed on Mondays"));
/// ```
#[derive(Debug, Default)]
pub struct KeepMask {
    keep: Vec<bool>,
    removed: usize,
    reasons: Option<Vec<(usize, String)>>,
}

impl KeepMask {
    /// A mask that keeps all of `len` candidates and records no reasons.
    #[must_use]
    pub fn all(len: usize) -> Self {
        Self { keep: vec![true; len], removed: 0, reasons: None }
    }

    /// A mask that keeps all of `len` candidates and records reasons.
    #[must_use]
    pub fn traced(len: usize) -> Self {
        Self { reasons: Some(Vec::new()), ..Self::all(len) }
    }

    /// Number of candidates the mask speaks of.
    pub fn len(&self) -> usize {
        self.keep.len()
    }

    /// Whether the mask covers no candidates.
    pub fn is_empty(&self) -> bool {
        self.keep.is_empty()
    }

    /// Whether candidate `i` stays.
    ///
    /// # Panics
    /// When `i` is not below [`KeepMask::len`], as do the other methods that take a position. The executor takes it as a
    /// failure of the filter.
    pub fn keeps(&self, i: usize) -> bool {
        self.keep[i]
    }

    /// Candidate `i` goes.
    pub fn remove(&mut self, i: usize) {
        if std::mem::replace(&mut self.keep[i], false) {
            self.removed += 1;
        }
    }

    /// Candidate `i` goes, and a traced request is told why. `reason` is called only when traced. The first reason given
    /// for a candidate counts.
    pub fn remove_because(&mut self, i: usize, reason: impl FnOnce() -> String) {
        let was_kept = self.keep[i];
        self.remove(i);
        if let Some(reasons) = &mut self.reasons
            && was_kept
        {
            reasons.push((i, reason()));
        }
    }

    /// Number of candidates that go.
    pub fn removed(&self) -> usize {
        self.removed
    }

    /// Positions of the candidates that stay, ascending.
    pub fn kept(&self) -> impl Iterator<Item = usize> {
        self.keep.iter().enumerate().filter_map(|(i, &keep)| keep.then_some(i))
    }

    /// Why candidate `i` goes, where the mask records reasons and one was given.
    pub fn reason(&self, i: usize) -> Option<&str> {
        self.reasons.as_ref()?.iter().find(|(at, _)| *at == i).map(|(_, reason)| reason.as_str())
    }

    /// Keeps all of `len` candidates again, in the memory it has.
    pub(crate) fn reset(&mut self, len: usize, traced: bool) {
        self.keep.clear();
        self.keep.resize(len, true);
        self.removed = 0;
        match (&mut self.reasons, traced) {
            (Some(reasons), true) => reasons.clear(),
            (reasons, true) => *reasons = Some(Vec::new()),
            (reasons, false) => *reasons = None,
        }
    }

    /// The mask as a slice, one flag per candidate.
    pub(crate) fn flags(&self) -> &[bool] {
        &self.keep
    }

    /// The reasons given, leaving none.
    pub(crate) fn take_reasons(&mut self) -> Vec<(usize, String)> {
        self.reasons.as_mut().map(std::mem::take).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_candidate_is_removed_once_and_for_its_first_reason() {
        let mut keep = KeepMask::traced(2);
        keep.remove_because(1, || "first".to_owned());
        keep.remove_because(1, || "second".to_owned());
        keep.remove(1);
        assert_eq!(keep.removed(), 1);
        assert_eq!(keep.reason(1), Some("first"));
        assert_eq!(keep.reason(0), None);
    }

    #[test]
    fn reasons_are_not_even_built_without_a_trace() {
        let mut keep = KeepMask::all(1);
        keep.remove_because(0, || unreachable!("nobody asked"));
        assert!(!keep.keeps(0));
    }

    #[test]
    fn a_reset_mask_has_forgotten_everything() {
        let mut keep = KeepMask::traced(3);
        keep.remove_because(2, || "old".to_owned());
        keep.reset(4, true);
        assert_eq!((keep.len(), keep.removed(), keep.reason(2)), (4, 0, None));
    }
}
