//! `clean`: removes what was made.

use std::{fs, path::Path};

use anyhow::Result;

use crate::{cli::CleanArgs, local::folder::NodeFolder, paths, remove::tree};

/// `./ampoule clean`.
pub(crate) fn run(args: &CleanArgs) -> Result<()> {
    remove(&paths::repo()?.join("out"))?;
    remove(&paths::logs())?;
    if args.nodes {
        nodes()?;
    }
    if args.cache {
        remove(&paths::cache())?;
    }
    Ok(())
}

/// All nodes that do not run.
fn nodes() -> Result<()> {
    let dir = paths::state().join("nodes");
    for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
        let folder = NodeFolder::at(entry.path());
        match folder.lock()? {
            Some(_lock) => remove(&entry.path())?,
            None => println!("kept {}: the node runs (`./ampoule stop`)", entry.path().display()),
        }
    }
    Ok(())
}

fn remove(path: &Path) -> Result<()> {
    if path.exists() {
        tree(path)?;
        println!("removed {}", path.display());
    }
    Ok(())
}
