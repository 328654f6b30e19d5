//! What settings say of modules.

use std::collections::BTreeSet;

use crate::ModuleName;

/// Modules that must not load and modules that load in any case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    denied: BTreeSet<ModuleName>,
    autoload: BTreeSet<ModuleName>,
}

/// What one setting says of one module.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rule {
    /// `Some(false)`: it must not load. Nothing said: it may.
    pub allowed: Option<bool>,
    /// Loaded without being asked for. It takes `allowed`: nothing is loaded that nobody allowed by name.
    pub autoload: bool,
}

/// A module that was not loaded because of a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct Denied {
    /// What was asked for.
    pub module: ModuleName,
    /// What must not load: the same, or something it needs.
    pub because: ModuleName,
}

impl Denied {
    fn sentence(&self) -> String {
        let Self { module, because } = self;
        let needs = if module == because { String::new() } else { format!(" and {module} needs it") };
        format!("module {module} is not loaded: settings.kernel.modules does not allow {because}{needs}")
    }
}

impl Rules {
    /// From what is said of each module. Of two spellings of one name (`-` and `_` are the same) the stricter counts.
    pub fn new<'a>(rules: impl IntoIterator<Item = (&'a str, Rule)>) -> Self {
        let mut all = Self::default();
        for (name, rule) in rules {
            match rule.allowed {
                Some(false) => drop(all.denied.insert(ModuleName::new(name))),
                Some(true) if rule.autoload => drop(all.autoload.insert(ModuleName::new(name))),
                _ => {}
            }
        }
        let denied = &all.denied;
        all.autoload.retain(|name| !denied.contains(name));
        all
    }

    /// Whether `module` must not load.
    pub fn denies(&self, module: &ModuleName) -> bool {
        self.denied.contains(module)
    }

    /// All that must not load.
    pub fn denied(&self) -> impl Iterator<Item = &ModuleName> {
        self.denied.iter()
    }

    /// All that load in any case.
    pub fn autoload(&self) -> impl Iterator<Item = &ModuleName> {
        self.autoload.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YES: Rule = Rule { allowed: Some(true), autoload: true };
    const NO: Rule = Rule { allowed: Some(false), autoload: true };

    #[test]
    fn the_stricter_spelling_counts() {
        for rules in [[("vhost-net", YES), ("vhost_net", NO)], [("vhost-net", NO), ("vhost_net", YES)]] {
            let rules = Rules::new(rules);
            assert!(rules.denies(&ModuleName::new("vhost-net")) && rules.denies(&ModuleName::new("vhost_net")));
            assert_eq!(rules.autoload().count(), 0);
        }
    }

    #[test]
    fn loading_in_any_case_takes_a_permission() {
        let rules = Rules::new([("a", Rule { allowed: None, autoload: true }), ("b-c", YES)]);
        assert_eq!(rules.autoload().map(ModuleName::as_str).collect::<Vec<_>>(), ["b_c"]);
        assert_eq!(rules.denied().count(), 0);
    }
}
