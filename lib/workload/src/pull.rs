//! How far a pull is, from the reports of containerd's transfer service.

use std::collections::BTreeMap;

/// Bytes so far of everything one pull fetches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PullProgress {
    parts: BTreeMap<String, (u64, u64)>,
}

/// More parts than any real image has; beyond them a registry only costs us memory.
const MAX_PARTS: usize = 4096;

impl PullProgress {
    /// Takes a report: of the part called `name`, `bytes` of `total` are here. True if that is news.
    pub fn report(&mut self, name: &str, bytes: i64, total: i64) -> bool {
        let total = u64::try_from(total).unwrap_or(0);
        let bytes = u64::try_from(bytes).unwrap_or(0).min(total);
        if total == 0 || (self.parts.len() >= MAX_PARTS && !self.parts.contains_key(name)) {
            return false;
        }
        let part = self.parts.entry(name.to_owned()).or_insert((0, 0));
        // Unpacking reports the same parts again from zero; fetched stays fetched.
        let next = (bytes.max(part.0), total);
        let is_news = next != *part;
        *part = next;
        is_news
    }

    /// Bytes here.
    pub fn bytes(&self) -> u64 {
        self.parts.values().map(|part| part.0).sum()
    }

    /// Bytes known to be needed; grows while manifests are read.
    pub fn total(&self) -> u64 {
        self.parts.values().map(|part| part.1).sum()
    }

    /// Share fetched, 0 to 100.
    pub fn percent(&self) -> u8 {
        let percent = self.bytes().saturating_mul(100).checked_div(self.total()).unwrap_or(0);
        u8::try_from(percent).unwrap_or(100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_up_and_never_goes_back() {
        let mut progress = PullProgress::default();
        assert!(progress.report("layer", 50, 100));
        assert!(progress.report("config", 100, 100));
        assert_eq!((progress.bytes(), progress.total(), progress.percent()), (150, 200, 75));
        assert!(!progress.report("layer", 0, 100));
        assert_eq!(progress.bytes(), 150);
    }

    #[test]
    fn nonsense_does_not_break_the_sum() {
        let mut progress = PullProgress::default();
        assert!(!progress.report("x", 5, 0));
        assert!(!progress.report("x", 5, -1));
        progress.report("x", 500, 100);
        assert_eq!(progress.percent(), 100);
        assert_eq!(PullProgress::default().percent(), 0);
    }
}
