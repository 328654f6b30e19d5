//! Is the kernel built as hard as the Kernel Self-Protection Project recommends, save where a reason is given?
//!
//! The recommendations and the reasons are `policy/kernel/hardening.toml`.

use anyhow::Context;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// The reviewed file, without what a running node is compared with.
#[derive(Debug, Deserialize)]
struct Hardening {
    wanted: BTreeMap<String, String>,
    deviation: BTreeMap<String, Deviation>,
    boot: BTreeMap<String, String>,
}

/// What we have in place of a recommendation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Deviation {
    ours: String,
    why: String,
}

/// Compares the configuration of a kernel and the command line that will start it with the list of the repository.
pub(crate) fn examine(repo: &Path, config: &Path, command_line: &str) -> anyhow::Result<()> {
    let file = repo.join("policy/kernel/hardening.toml");
    let read = |path: &Path| std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()));
    let hardening: Hardening = toml::from_str(&read(&file)?).with_context(|| format!("{} is not a list of options", file.display()))?;
    let mut broken = hardening.broken_by(&read(config)?);
    broken.extend(hardening.missing_in(command_line));
    anyhow::ensure!(
        broken.is_empty(),
        "the kernel is not hardened as policy/kernel/hardening.toml says (change image/packages/kernel, or give a reason there):\n  {}",
        broken.join("\n  ")
    );
    Ok(())
}

impl Hardening {
    fn broken_by(&self, config: &str) -> Vec<String> {
        let found = values(config);
        let idle = self.deviation.iter().filter(|(name, d)| self.wanted.get(*name).is_none_or(|w| *w == d.ours));
        let idle = idle.map(|(name, _)| format!("{name}: a deviation from nothing"));
        let unexplained = self.deviation.iter().filter(|(_, d)| d.why.trim().is_empty());
        let unexplained = unexplained.map(|(name, _)| format!("{name}: a deviation without a reason"));
        let options = self.wanted.iter().filter_map(|(name, wanted)| {
            let wanted = self.deviation.get(name).map_or(wanted, |d| &d.ours);
            let built = found.get(name.as_str()).copied().unwrap_or("n");
            (built != wanted).then(|| format!("{name}: built with {built}, not with {wanted}"))
        });
        idle.chain(unexplained).chain(options).collect()
    }

    fn missing_in(&self, command_line: &str) -> Vec<String> {
        let words: Vec<&str> = command_line.split(' ').collect();
        let parameters = self.boot.iter().map(|(name, value)| format!("{name}={value}"));
        parameters.filter(|p| !words.contains(&p.as_str())).map(|p| format!("{p} is not on the command line")).collect()
    }
}

/// Options that are set, without `CONFIG_` and quotes.
fn values(config: &str) -> BTreeMap<&str, &str> {
    let set = config.lines().filter_map(|line| line.strip_prefix("CONFIG_")?.split_once('='));
    set.map(|(name, value)| (name, value.trim_matches('"'))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"
        [wanted]
        A = "y"
        B = "n"
        C = "y"
        [deviation.C]
        ours = "n"
        why = "slow"
        [boot]
        "x.y" = "1"
    "#;

    fn broken(list: &str, config: &str) -> Vec<String> {
        toml::from_str::<Hardening>(list).expect("a list").broken_by(config)
    }

    #[test]
    fn a_kernel_that_follows_passes() {
        assert!(broken(LIST, "CONFIG_A=y\n# CONFIG_B is not set\n").is_empty());
    }

    #[test]
    fn each_way_to_differ_is_named() {
        let found = broken(LIST, "CONFIG_B=m\nCONFIG_C=y\n").join("; ");
        assert_eq!(found, "A: built with n, not with y; B: built with m, not with n; C: built with y, not with n");
    }

    #[test]
    fn a_deviation_needs_a_reason_and_a_recommendation() {
        let list = LIST.replace("slow", " ").replace("C = \"y\"", "C = \"n\"");
        let found = broken(&list, "CONFIG_A=y\n");
        assert_eq!(found, ["C: a deviation from nothing", "C: a deviation without a reason"]);
    }

    #[test]
    fn the_command_line_has_what_is_recommended() {
        let list: Hardening = toml::from_str(LIST).expect("a list");
        assert!(list.missing_in("quiet x.y=1 ro").is_empty());
        assert_eq!(list.missing_in("quiet x.y=11"), ["x.y=1 is not on the command line"]);
    }
}
