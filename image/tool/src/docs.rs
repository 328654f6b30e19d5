//! `docs`: writes what is made from the code and committed, `docs/reference`.

use std::{collections::BTreeMap, fs, path::Path};

use ampoule_settings::{
    Variant,
    reference::{VariantSettings, files},
};
use anyhow::{Context, Result};

use crate::paths;

/// `./ampoule docs`.
pub(crate) fn run() -> Result<()> {
    let repo = paths::repo()?;
    let folder = repo.join("docs/reference");
    let written = write(&folder, &files(&variants(&repo)?))?;
    println!("{written} of the files of {} changed", folder.display());
    Ok(())
}

/// Writes what differs and removes pages of namespaces that are no more; how many that were.
fn write(folder: &Path, files: &BTreeMap<String, String>) -> Result<usize> {
    let mut changed = remove_others(&folder.join("settings"), files)?;
    for (name, text) in files {
        let path = folder.join(name);
        if fs::read_to_string(&path).ok().as_ref() != Some(text) {
            fs::create_dir_all(path.parent().unwrap_or(folder)).with_context(|| format!("cannot make the folder of {}", path.display()))?;
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
            changed += 1;
        }
    }
    Ok(changed)
}

fn remove_others(pages: &Path, files: &BTreeMap<String, String>) -> Result<usize> {
    let there = fs::read_dir(pages).into_iter().flatten().flatten().map(|entry| entry.path());
    let others: Vec<_> =
        there.filter(|path| path.file_name().is_some_and(|n| !files.contains_key(&format!("settings/{}", n.to_string_lossy())))).collect();
    for path in &others {
        fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(others.len())
}

/// All variants of a checkout, by name.
fn variants(repo: &Path) -> Result<Vec<VariantSettings>> {
    let folder = repo.join("variants");
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let paths = entries.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "toml"));
    let mut names: Vec<String> = paths.filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned())).collect();
    names.sort();
    names.into_iter().map(|name| variant(repo, &name).with_context(|| format!("the settings of variant {name}"))).collect()
}

fn variant(repo: &Path, name: &str) -> Result<VariantSettings> {
    let (model, defaults) = Variant::parse(&ampoule_builder::variant_text(repo, name)?)?.model()?;
    Ok(VariantSettings { name: name.to_owned(), model, defaults })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_written_and_what_is_no_more_removed() {
        let dir = tempfile::tempdir().unwrap();
        let files = BTreeMap::from([("settings/a.md".to_owned(), "a".to_owned()), ("settings.schema.json".to_owned(), "{}".to_owned())]);
        assert_eq!(write(dir.path(), &files).unwrap(), 2);
        assert_eq!(write(dir.path(), &files).unwrap(), 0);
        fs::write(dir.path().join("settings/b.md"), "old").unwrap();
        assert_eq!(write(dir.path(), &files).unwrap(), 1);
        assert!(!dir.path().join("settings/b.md").exists());
    }

    #[test]
    fn what_is_committed_is_current() {
        let repo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for (name, text) in files(&variants(&repo).unwrap()) {
            let path = repo.join("docs/reference").join(&name);
            assert!(fs::read_to_string(&path).ok() == Some(text), "{} is stale: run ./ampoule docs", path.display());
        }
    }
}
