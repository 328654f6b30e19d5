//! What the host's toolchain puts into an image: libraries and start-up code that compilers link into programs.
//!
//! They are in the lock, by version and by a hash over their files. They come from the host's distribution, which moves on as
//! Debian's archive does: a build goes on with what is there and says so, and only `--locked` refuses.

mod part;

pub(crate) use part::Part;
#[cfg(test)]
pub(crate) use part::linked_beside;

use crate::hash::Facts;
use crate::licence::Component;
use crate::lock::{Lock, Locked};
use crate::manifest::Input;
use anyhow::Context;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

/// The parts of this machine's toolchain that an image has in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Host {
    found: BTreeMap<Part, Input>,
    /// Those that are not the locked ones, each in a sentence.
    differs: BTreeMap<Part, String>,
}

impl Host {
    /// Looks at `parts` of this machine and compares them with the lock; with `locked`, refuses others than that names.
    pub(crate) fn examine(lock: &Lock, parts: &BTreeSet<Part>, locked: bool) -> anyhow::Result<Self> {
        Self::judge(lock, examine(parts)?, locked)
    }

    /// Compares what was found with the lock.
    pub(crate) fn judge(lock: &Lock, found: BTreeMap<Part, Input>, locked: bool) -> anyhow::Result<Self> {
        let mut differs = BTreeMap::new();
        for (part, input) in &found {
            differs.extend(difference(lock.get(part.name())?, input).map(|sentence| (*part, sentence)));
        }
        let host = Self { found, differs };
        anyhow::ensure!(
            !locked || host.differs.is_empty(),
            "this machine's toolchain is not the locked one, and --locked allows no other:\n  {}\n\
             `./ampoule lock update NAME` moves the lock.",
            host.differences(&Part::ALL).collect::<Vec<_>>().join("\n  ")
        );
        Ok(host)
    }

    /// These parts as inputs of a package.
    pub(crate) fn inputs(&self, parts: &[Part]) -> anyhow::Result<Vec<Input>> {
        parts.iter().map(|part| self.found(*part).cloned()).collect()
    }

    /// These parts as components of programs.
    pub(crate) fn components(&self, parts: &[Part]) -> anyhow::Result<Vec<Component>> {
        parts.iter().map(|part| Ok(part.component(&self.found(*part)?.version))).collect()
    }

    /// Adds the content of these parts to what something is made from.
    pub(crate) fn add_to(&self, facts: &mut Facts, parts: &[Part]) -> anyhow::Result<()> {
        for part in parts {
            facts.add(part.name(), &self.found(*part)?.sha256);
        }
        Ok(())
    }

    /// What is not as the lock has it among these parts.
    pub(crate) fn differences(&self, parts: &[Part]) -> impl Iterator<Item = &str> {
        parts.iter().filter_map(|part| self.differs.get(part).map(String::as_str))
    }

    fn found(&self, part: Part) -> anyhow::Result<&Input> {
        self.found.get(&part).with_context(|| format!("{} was not looked for on this machine", part.name()))
    }
}

/// How a part is not the locked one, if it is not.
fn difference(locked: &Locked, found: &Input) -> Option<String> {
    let Input { name, version, sha256 } = found;
    let same = (locked.version(), locked.sha256()) == (version.as_str(), sha256.as_str());
    let (its_version, its_hash) = (locked.version(), locked.sha256());
    (!same).then(|| format!("{name} of this machine is {version} {sha256}, not the locked {its_version} {its_hash}"))
}

/// What was found since this program started: the files are large, and one command may build several images.
static FOUND: Mutex<BTreeMap<Part, Input>> = Mutex::new(BTreeMap::new());

fn examine(parts: &BTreeSet<Part>) -> anyhow::Result<BTreeMap<Part, Input>> {
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    let missing: Vec<Part> = parts.iter().copied().filter(|part| !found.contains_key(part)).collect();
    found.extend(side_by_side(&missing)?);
    Ok(found.iter().filter(|(part, _)| parts.contains(part)).map(|(part, input)| (*part, input.clone())).collect())
}

/// Looks at all of them at once: it is mostly hashing.
fn side_by_side(parts: &[Part]) -> anyhow::Result<Vec<(Part, Input)>> {
    std::thread::scope(|scope| {
        let looks: Vec<_> = parts.iter().map(|part| scope.spawn(move || Ok((*part, part.examine()?)))).collect();
        looks.into_iter().map(|look| look.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(version: &str, sha256: &str) -> Lock {
        toml::from_str(&format!("[glibc]\nfrom = \"host\"\nversion = \"{version}\"\nsha256 = \"{sha256}\"\n")).expect("a lock")
    }

    fn found(version: &str, sha256: &str) -> BTreeMap<Part, Input> {
        let input = Input { name: "glibc".into(), version: version.into(), sha256: sha256.into() };
        BTreeMap::from([(Part::CLibrary, input)])
    }

    #[test]
    fn the_locked_toolchain_is_nothing_to_speak_of() {
        let host = Host::judge(&lock("2.36", "1111"), found("2.36", "1111"), true).expect("the same");
        assert_eq!(host.differences(&Part::ALL).count(), 0);
    }

    #[test]
    fn another_toolchain_is_named_with_both_hashes() {
        for (version, sha256) in [("2.37", "2222"), ("2.36", "2222"), ("2.37", "1111")] {
            let host = Host::judge(&lock("2.36", "1111"), found(version, sha256), false).expect("goes on");
            let said: Vec<&str> = host.differences(&Part::ALL).collect();
            assert_eq!(said, [format!("glibc of this machine is {version} {sha256}, not the locked 2.36 1111")]);
            assert_eq!(host.differences(&[Part::GoLibrary]).count(), 0, "a package without it does not differ");
            assert_eq!(host.inputs(&[Part::CLibrary]).expect("found")[0].version, version, "what goes in is what was found");
        }
    }

    #[test]
    fn locked_refuses_another_toolchain_with_both_hashes() {
        let refusal = Host::judge(&lock("2.36", "1111"), found("2.36", "2222"), true).expect_err("refused").to_string();
        assert!(["glibc", "1111", "2222", "--locked", "lock update"].iter().all(|word| refusal.contains(word)), "{refusal}");
    }

    #[test]
    fn a_part_that_the_lock_lacks_is_an_error() {
        let nothing: Lock = toml::from_str("").expect("a lock");
        let error = Host::judge(&nothing, found("2.36", "1111"), false).expect_err("not pinned").to_string();
        assert!(error.contains("no entry glibc"), "{error}");
    }

    #[test]
    fn what_this_machine_has_is_told_the_same_each_time() {
        let parts = BTreeSet::from([Part::CLibrary, Part::CompilerRuntime]);
        let first = examine(&parts).expect("gcc is here");
        assert_eq!(first.keys().copied().collect::<BTreeSet<_>>(), parts);
        assert_eq!(first[&Part::CLibrary], Part::CLibrary.examine().expect("looked at again"));
    }
}
