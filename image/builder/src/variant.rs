//! Variants: which packages, services and default settings an image has (`variants/NAME.toml`).

use anyhow::Context;
use serde::Deserialize;
use std::path::Path;

/// A variant as its file says it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Written {
    /// Variant that this one adds to.
    #[serde(default)]
    extends: Option<String>,
    /// One line for a person.
    summary: String,
    /// Whether there are only its settings, so that no image can be built; variants that extend it say so themselves.
    #[serde(default)]
    model_only: bool,
    /// What happens to a program that makes a system call which is not on its list.
    #[serde(default)]
    seccomp: Option<Enforcement>,
    /// What nodes trust for updates: the place of a TUF `root.json` in the checkout.
    #[serde(default)]
    update_root: Option<String>,
    #[serde(default)]
    packages: Vec<String>,
    #[serde(default)]
    services: Vec<String>,
    #[serde(default)]
    namespaces: Vec<String>,
    #[serde(default)]
    settings: toml::Table,
}

/// What happens to a program that makes a system call which is not on its list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Enforcement {
    /// It is killed.
    #[default]
    Kill,
    /// The kernel's log has it: how a list is found. Never for use.
    Log,
}

/// A variant with everything it extends.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Variant {
    /// What its nodes read: name, packages (recipes), services, namespaces, default settings.
    pub(crate) node: ampoule_settings::Variant,
    /// Whether there are only its settings, and no image.
    pub(crate) model_only: bool,
    /// What happens to a program that makes a system call which is not on its list.
    pub(crate) seccomp: Enforcement,
    /// What nodes trust for updates: the place of a TUF `root.json` in the checkout.
    pub(crate) update_root: Option<String>,
}

/// Longest chain of `extends`; a longer one is a mistake that nobody could follow by eye.
const DEEPEST: usize = 8;

impl Variant {
    /// Reads the variant `name` from the directory `variants`.
    pub(crate) fn read(variants: &Path, name: &str) -> anyhow::Result<Self> {
        let mut chain = Vec::new();
        let mut next = Some(name.to_owned());
        while let Some(current) = next {
            let names = || chain.iter().map(|(n, _): &(String, Written)| n.as_str()).collect::<Vec<_>>().join(" → ");
            anyhow::ensure!(chain.iter().all(|(n, _)| *n != current), "variant {current} extends itself: {} → {current}", names());
            anyhow::ensure!(chain.len() < DEEPEST, "variant {name} extends more than {DEEPEST} others: {}", names());
            let written = read_one(variants, &current)?;
            next = written.extends.clone();
            chain.push((current, written));
        }
        Ok(resolve(name, chain))
    }

    /// Refuses a variant of which there are only the settings.
    pub(crate) fn must_have_an_image(&self) -> anyhow::Result<()> {
        let (name, summary) = (&self.node.name, &self.node.summary);
        anyhow::ensure!(
            !self.model_only,
            "variant {name} has settings and no image yet ({summary}): check user data for it with `./ampoule check user-data --variant {name} FILE`"
        );
        Ok(())
    }

    /// The text that the node reads.
    pub(crate) fn text(&self) -> anyhow::Result<String> {
        self.node.text().context("a variant is TOML")
    }
}

/// What nodes of the variant `name` of the checkout `repo` read at `/usr/lib/ampoule/variant.toml`.
///
/// # Errors
/// There is no such variant, or its file (or one that it extends) is wrong.
pub fn variant_text(repo: &Path, name: &str) -> anyhow::Result<String> {
    Variant::read(&repo.join("variants"), name)?.text()
}

fn read_one(variants: &Path, name: &str) -> anyhow::Result<Written> {
    let plain = !name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-');
    anyhow::ensure!(plain, "{name:?} is not the name of a variant: letters, digits and dashes");
    let path = variants.join(name).with_extension("toml");
    let text = std::fs::read_to_string(&path).with_context(|| format!("there is no variant {name}: cannot read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("{} is wrong", path.display()))
}

/// Joins a chain, from the variant itself to the base that everything rests on.
fn resolve(name: &str, chain: Vec<(String, Written)>) -> Variant {
    let node = ampoule_settings::Variant { name: name.to_owned(), ..Default::default() };
    let mut variant = Variant { node, model_only: false, seccomp: Enforcement::Kill, update_root: None };
    for (_, written) in chain.into_iter().rev() {
        variant.model_only = written.model_only;
        variant.seccomp = written.seccomp.unwrap_or(variant.seccomp);
        variant.update_root = written.update_root.or(variant.update_root);
        variant.node.summary = written.summary;
        append(&mut variant.node.packages, written.packages);
        append(&mut variant.node.services, written.services);
        append(&mut variant.node.namespaces, written.namespaces);
        merge(&mut variant.node.settings, written.settings);
    }
    variant
}

fn append(list: &mut Vec<String>, more: Vec<String>) {
    for item in more {
        if !list.contains(&item) {
            list.push(item);
        }
    }
}

/// Puts `over` on top of `under`: tables are joined, anything else replaces.
fn merge(under: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(toml::Value::Table(under)), toml::Value::Table(over)) => merge(under, over),
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variants(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a directory");
        for (name, text) in files {
            std::fs::write(dir.path().join(name).with_extension("toml"), text).expect("written");
        }
        dir
    }

    const BASE: &str = "summary = \"b\"\npackages = [\"k\"]\nservices = [\"x\"]\n[settings]\nmotd = \"base\"\n[settings.network]\na = 1\n";

    #[test]
    fn a_variant_adds_to_what_it_extends() {
        let child =
            "extends = \"base\"\nsummary = \"c\"\npackages = [\"k\", \"m\"]\n[settings]\nmotd = \"child\"\n[settings.network]\nb = 2\n";
        let dir = variants(&[("base", BASE), ("child", child)]);
        let variant = Variant::read(dir.path(), "child").expect("a variant");
        assert_eq!(variant.node.packages, ["k", "m"]);
        assert_eq!(variant.node.services, ["x"]);
        assert_eq!(variant.node.summary, "c");
        assert_eq!(variant.node.settings, "motd = \"child\"\n[network]\na = 1\nb = 2\n".parse::<toml::Table>().expect("TOML"));
    }

    #[test]
    fn the_trust_in_updates_is_passed_on_and_not_told_to_the_node_as_a_setting() {
        let base = "summary = \"b\"\nupdate-root = \"a/root.json\"\n";
        let dir = variants(&[("base", base), ("child", "extends = \"base\"\nsummary = \"c\"\n")]);
        let variant = Variant::read(dir.path(), "child").expect("a variant");
        assert_eq!(variant.update_root.as_deref(), Some("a/root.json"));
        assert!(!variant.text().expect("text").contains("root.json"));
    }

    #[test]
    fn a_circle_is_refused_with_its_path() {
        let dir = variants(&[("a", "extends = \"b\"\nsummary = \"\""), ("b", "extends = \"a\"\nsummary = \"\"")]);
        let error = Variant::read(dir.path(), "a").expect_err("refused").to_string();
        assert!(error.contains("a → b → a"), "{error}");
    }

    #[test]
    fn unknown_keys_and_names_are_refused() {
        let dir = variants(&[("a", "summary = \"\"\npackage = []\n")]);
        assert!(format!("{:#}", Variant::read(dir.path(), "a").expect_err("refused")).contains("package"));
        for name in ["missing", "../a", ""] {
            assert!(Variant::read(dir.path(), name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_variant_without_an_image_is_refused_by_the_build_and_what_extends_it_is_not() {
        let dir = variants(&[("a", "summary = \"s\"\nmodel-only = true"), ("b", "extends = \"a\"\nsummary = \"t\"")]);
        let of = |name| Variant::read(dir.path(), name).expect("a variant").must_have_an_image();
        assert!(of("a").expect_err("refused").to_string().contains("check user-data --variant a"));
        assert!(of("b").is_ok());
    }

    #[test]
    fn all_variants_of_the_repository_are_right() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../variants");
        for name in ["base", "standalone"] {
            let variant = Variant::read(&dir, name).expect("a variant");
            assert!(variant.node.packages.contains(&"kernel".to_owned()), "{name}");
            assert_eq!(variant.seccomp, Enforcement::Kill, "{name}");
        }
    }
}
