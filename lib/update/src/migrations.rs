//! What lies between the settings of two versions, as the manifest tells it.
//!
//! Bottlerocket's table, `"(FROM, TO)"` → names. Ours are steps that are compiled into the image, so the names are words for a person and no targets.

use semver::Version;
use std::collections::BTreeMap;

/// Most steps that a plan names.
pub const MOST_NAMED: usize = 64;
/// Longest name of a step that is kept, in characters.
const LONGEST: usize = 200;

/// The table of a manifest.
pub type Table = BTreeMap<String, Vec<String>>;

/// The key of a row: from the version before to the one that changed settings.
#[must_use]
pub fn key(from: &Version, to: &Version) -> String {
    format!("({from}, {to})")
}

/// The versions of a row; `None` if its key is none.
#[must_use]
pub fn versions(key: &str) -> Option<(Version, Version)> {
    let (from, to) = key.strip_prefix('(')?.strip_suffix(')')?.split_once(',')?;
    Some((from.trim().parse().ok()?, to.trim().parse().ok()?))
}

/// What happens to the settings of a node that goes from one version to another, in order, in words. Backwards, each step is taken back.
#[must_use]
pub fn between(table: &Table, from: &Version, to: &Version) -> Vec<String> {
    let mut rows: Vec<_> = table.iter().filter_map(|(key, steps)| versions(key).map(|(before, after)| (after, before, steps))).collect();
    rows.sort();
    let forward = rows.iter().filter(|(after, ..)| from < after && after <= to);
    let forward = forward.flat_map(|(after, before, steps)| steps.iter().map(move |step| format!("{before} → {after}: {step}")));
    let back = rows.iter().rev().filter(|(after, ..)| to < after && after <= from);
    let back =
        back.flat_map(|(after, before, steps)| steps.iter().rev().map(move |step| format!("{after} → {before}: not any more: {step}")));
    bounded(forward.chain(back))
}

fn bounded(steps: impl Iterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = steps.map(|step| step.chars().take(LONGEST).collect()).collect();
    let more = all.len().saturating_sub(MOST_NAMED);
    all.truncate(MOST_NAMED);
    all.extend((more > 0).then(|| format!("and {more} more")));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[(&str, &[&str])]) -> Table {
        rows.iter().map(|(key, steps)| ((*key).to_owned(), steps.iter().map(ToString::to_string).collect())).collect()
    }

    fn version(text: &str) -> Version {
        text.parse().expect("a version")
    }

    #[test]
    fn all_that_lies_between_is_named_in_order_and_nothing_else() {
        let table = table(&[("(1.2.0, 1.10.0)", &["d"]), ("(1.0.0, 1.2.0)", &["b", "c"]), ("(0.9.0, 1.0.0)", &["a"]), ("rubbish", &["x"])]);
        let names = |from: &str, to: &str| between(&table, &version(from), &version(to));
        assert_eq!(names("1.0.0", "1.10.0"), ["1.0.0 → 1.2.0: b", "1.0.0 → 1.2.0: c", "1.2.0 → 1.10.0: d"]);
        assert_eq!(names("1.1.0", "1.3.0"), ["1.0.0 → 1.2.0: b", "1.0.0 → 1.2.0: c"], "a node between two versions that changed settings");
        assert_eq!(
            names("1.10.0", "1.0.0"),
            ["1.10.0 → 1.2.0: not any more: d", "1.2.0 → 1.0.0: not any more: c", "1.2.0 → 1.0.0: not any more: b"]
        );
        assert!(names("1.2.0", "1.9.9").is_empty() && names("1.2.0", "1.2.0").is_empty());
    }

    #[test]
    fn keys_are_bottlerockets() {
        assert_eq!(key(&version("1.0.0"), &version("1.2.0-rc.1")), "(1.0.0, 1.2.0-rc.1)");
        assert_eq!(versions("(1.0.0,1.2.0)"), Some((version("1.0.0"), version("1.2.0"))));
        for wrong in ["", "()", "(1.0.0)", "(1.0.0, x)", "1.0.0, 1.2.0"] {
            assert_eq!(versions(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_named_is_bounded() {
        let long = "x".repeat(1000);
        let table = Table::from([("(1.0.0, 1.1.0)".to_owned(), vec![long; 1000])]);
        let names = between(&table, &version("1.0.0"), &version("1.1.0"));
        assert_eq!((names.len(), names[MOST_NAMED].as_str()), (MOST_NAMED + 1, "and 936 more"));
        assert!(names.iter().all(|name| name.chars().count() <= LONGEST));
    }
}
