//! Which file holds what, and what must be loaded before it.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Denied, MAX_ALIAS, MAX_TEXT, ModuleName, Rules, glob};

/// Deepest chain of dependencies followed. `depmod` already writes all of them on one line, so 2 is the rule;
/// a larger depth only matters for a file written by hand.
const MAX_DEPTH: usize = 32;

/// Why an index text is refused. The image is at fault: it was not made by `depmod`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// Larger than [`MAX_TEXT`].
    #[error("{0} is larger than {MAX_TEXT} bytes: it was not made for this image")]
    TooLarge(&'static str),
    /// A line that does not have the form of this file.
    #[error("{file} line {line}: {reason}; rebuild the image so that depmod makes the file anew")]
    Line {
        /// `modules.dep` or `modules.alias`.
        file: &'static str,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
}

#[derive(Debug)]
struct Module {
    file: String,
    dependencies: Vec<ModuleName>,
}

/// All modules of one kernel.
#[derive(Debug, Default)]
pub struct Index {
    modules: BTreeMap<ModuleName, Module>,
    aliases: Vec<(String, ModuleName)>,
}

impl Index {
    /// From the text of `modules.dep` and of `modules.alias`.
    ///
    /// # Errors
    /// [`IndexError`], naming file and line.
    pub fn parse(dep: &str, alias: &str) -> Result<Self, IndexError> {
        let modules = parse_dep(checked("modules.dep", dep)?)?;
        let aliases = parse_alias(checked("modules.alias", alias)?)?;
        Ok(Self { modules, aliases })
    }

    /// The files to load for `wanted`, each after what it needs, none twice; paths as `modules.dep` has them.
    /// `wanted` is the name of a module or an alias; an alias may mean several modules. Empty: nothing is known of it.
    pub fn resolve(&self, wanted: &str) -> Vec<&str> {
        let (mut files, mut seen) = (Vec::new(), BTreeSet::new());
        for name in self.named(wanted) {
            self.collect(&name, 0, &mut seen, &mut files);
        }
        files
    }

    /// The files to load for one module, each after what it needs, if `rules` deny none of them.
    ///
    /// # Errors
    /// [`Denied`], naming what must not load; then nothing that only this module needs is loaded for nothing.
    pub fn permitted(&self, module: &ModuleName, rules: &Rules) -> Result<Vec<&str>, Denied> {
        let files = self.resolve(module.as_str());
        let named = files.iter().filter_map(|file| ModuleName::of_file(file)).chain([module.clone()]);
        match named.into_iter().find(|name| rules.denies(name)) {
            Some(because) => Err(Denied { module: module.clone(), because }),
            None => Ok(files),
        }
    }

    /// The modules `wanted` means, without their dependencies.
    pub fn named(&self, wanted: &str) -> Vec<ModuleName> {
        if wanted.len() > MAX_ALIAS {
            return Vec::new();
        }
        let name = ModuleName::new(wanted);
        if self.modules.contains_key(&name) {
            return vec![name];
        }
        self.aliased(wanted)
    }

    fn aliased(&self, wanted: &str) -> Vec<ModuleName> {
        let wanted = normal(wanted);
        let fitting = self.aliases.iter().filter(|(pattern, _)| glob::matches(pattern, &wanted));
        let mut names: Vec<ModuleName> = Vec::new();
        for (_, name) in fitting {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    }

    fn collect<'a>(&'a self, name: &ModuleName, depth: usize, seen: &mut BTreeSet<ModuleName>, files: &mut Vec<&'a str>) {
        let Some(module) = self.modules.get(name) else {
            return;
        };
        if depth > MAX_DEPTH || !seen.insert(name.clone()) {
            return;
        }
        // depmod lists what is needed first at the end.
        for dependency in module.dependencies.iter().rev() {
            self.collect(dependency, depth + 1, seen, files);
        }
        files.push(&module.file);
    }
}

fn checked<'a>(file: &'static str, text: &'a str) -> Result<&'a str, IndexError> {
    if text.len() > MAX_TEXT { Err(IndexError::TooLarge(file)) } else { Ok(text) }
}

/// Lines that say something, with their numbers.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    numbered.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

fn parse_dep(text: &str) -> Result<BTreeMap<ModuleName, Module>, IndexError> {
    let mut modules = BTreeMap::new();
    for (line, content) in lines(text) {
        let (name, module) = parse_dep_line(content).map_err(|reason| IndexError::Line { file: "modules.dep", line, reason })?;
        modules.insert(name, module);
    }
    Ok(modules)
}

fn parse_dep_line(line: &str) -> Result<(ModuleName, Module), &'static str> {
    let (file, needed) = line.split_once(':').ok_or("no colon after the file")?;
    let name = safe_file(file)?;
    let dependencies = needed.split_whitespace().map(safe_file).collect::<Result<_, _>>()?;
    Ok((name, Module { file: file.to_owned(), dependencies }))
}

/// Files lie below the folder of the modules; a path that leaves it is refused.
fn safe_file(path: &str) -> Result<ModuleName, &'static str> {
    if path.starts_with('/') || path.split('/').any(|part| part == "..") {
        return Err("a path that leaves the folder of the modules");
    }
    ModuleName::of_file(path).ok_or("not a module file (NAME.ko)")
}

fn parse_alias(text: &str) -> Result<Vec<(String, ModuleName)>, IndexError> {
    let parsed = lines(text).map(|(line, content)| {
        parse_alias_line(content).ok_or(IndexError::Line { file: "modules.alias", line, reason: "expected: alias PATTERN MODULE" })
    });
    parsed.collect()
}

fn parse_alias_line(line: &str) -> Option<(String, ModuleName)> {
    let mut words = line.split_whitespace();
    let (keyword, pattern, module) = (words.next()?, words.next()?, words.next()?);
    (keyword == "alias" && words.next().is_none() && pattern.len() <= MAX_ALIAS).then(|| (normal(pattern), ModuleName::new(module)))
}

/// `-` as `_` on both sides of the comparison, but not inside brackets, where it means a range.
fn normal(text: &str) -> String {
    let mut inside = false;
    let one = |c: char| {
        inside = (inside || c == '[') && c != ']';
        if c == '-' && !inside { '_' } else { c }
    };
    text.chars().map(one).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DEP: &str = "kernel/nfs.ko: kernel/lockd.ko kernel/grace.ko kernel/sunrpc.ko
kernel/lockd.ko: kernel/grace.ko kernel/sunrpc.ko
kernel/grace.ko:
kernel/sunrpc.ko:
kernel/drivers/vhost-net.ko:
";
    const ALIAS: &str = "# Aliases extracted from modules themselves.
alias nfs4 nfs
alias pci:v00001D0Fd0000EC2[01]sv*sd*bc*sc*i* ena
alias char-major-10-238 vhost_net
alias devname:vhost-net vhost_net
";

    fn index() -> Index {
        Index::parse(DEP, ALIAS).expect("index")
    }

    #[test]
    fn dependencies_come_first() {
        let wanted = ["kernel/sunrpc.ko", "kernel/grace.ko", "kernel/lockd.ko", "kernel/nfs.ko"];
        assert_eq!(index().resolve("nfs"), wanted);
        assert_eq!(index().resolve("nfs4"), wanted);
    }

    #[test]
    fn dashes_and_underscores_are_one() {
        for wanted in ["vhost-net", "vhost_net", "char-major-10-238", "devname:vhost_net"] {
            assert_eq!(index().resolve(wanted), ["kernel/drivers/vhost-net.ko"], "{wanted}");
        }
    }

    #[test]
    fn what_is_denied_is_denied_by_every_way_to_it() {
        let deny = |name| Rules::new([(name, crate::Rule { allowed: Some(false), autoload: false })]);
        let index = index();
        let nfs = &index.named("nfs4")[0];
        for name in ["nfs", "grace", "sunrpc"] {
            let denied = index.permitted(nfs, &deny(name)).expect_err(name);
            assert_eq!((denied.module.as_str(), denied.because.as_str()), ("nfs", name));
        }
        assert!(index.permitted(nfs, &deny("sunrpc")).expect_err("denied").to_string().contains("allow sunrpc and nfs needs it"));
        let vhost = &index.named("char-major-10-238")[0];
        assert!(index.permitted(vhost, &deny("vhost-net")).is_err());
        assert_eq!(index.permitted(nfs, &deny("vhost-net")).expect("allowed").len(), 4);
    }

    #[test]
    fn unknown_is_empty() {
        assert!(index().resolve("fs-vfat").is_empty());
        assert_eq!(index().named("pci:v00001D0Fd0000EC20sv1sd1bc1sc1i1")[0].as_str(), "ena");
        assert!(index().resolve("pci:v00001D0Fd0000EC20sv1sd1bc1sc1i1").is_empty(), "alias of a file not there");
        assert!(index().resolve(&"x".repeat(MAX_ALIAS + 1)).is_empty());
    }

    #[test]
    fn wrong_lines_are_named() {
        let outside = Index::parse("a/../../x.ko:\n", "").expect_err("outside");
        assert!(outside.to_string().contains("modules.dep line 1"), "{outside}");
        assert!(Index::parse("kernel/x.so:\n", "").is_err());
        assert!(Index::parse("", "alias only-two\n").is_err());
    }

    #[test]
    fn a_cycle_ends() {
        let index = Index::parse("a.ko: b.ko\nb.ko: a.ko\n", "").expect("index");
        assert_eq!(index.resolve("a"), ["b.ko", "a.ko"]);
    }

    proptest! {
        #[test]
        fn any_text_is_survived(dep in "([a-c/.:ko \n#]|\\PC){0,80}", alias in "(alias |[a-z*\\[\\]? \n-]){0,40}", wanted in "\\PC{0,20}") {
            if let Ok(index) = Index::parse(&dep, &alias) {
                let files = index.resolve(&wanted);
                let unique: BTreeSet<_> = files.iter().collect();
                prop_assert_eq!(unique.len(), files.len());
            }
        }

        #[test]
        fn order_holds_in_any_acyclic_graph(edges in proptest::collection::vec((0usize..12, 0usize..12), 0..40)) {
            let needs = |m: usize| edges.iter().filter(move |(a, b)| *a == m && b < a).map(|(_, b)| *b);
            let dep: String = (0..12)
                .map(|m| format!("m{m}.ko: {}\n", needs(m).map(|d| format!("m{d}.ko ")).collect::<String>()))
                .collect();
            let index = Index::parse(&dep, "").expect("index");
            let rules = Rules::new([("m3", crate::Rule { allowed: Some(false), autoload: false })]);
            for m in 0..12 {
                let all = index.resolve(&format!("m{m}"));
                let permitted = index.permitted(&ModuleName::new(&format!("m{m}")), &rules).ok();
                prop_assert_eq!(permitted.is_none(), all.contains(&"m3.ko"));
                prop_assert!(permitted.is_none_or(|files| files == all));
            }
            for m in 0..12 {
                let files = index.resolve(&format!("m{m}"));
                let place = |n: usize| files.iter().position(|f| *f == format!("m{n}.ko"));
                prop_assert!(place(m) == Some(files.len() - 1));
                for d in needs(m) {
                    prop_assert!(place(d) < place(m) && place(d).is_some());
                }
            }
        }
    }
}
