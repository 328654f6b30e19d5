//! `lock`: moving pinned inputs.

use anyhow::Result;

use crate::{paths, show::Show};

/// `./ampoule lock update NAME`.
pub(crate) fn update(name: &str) -> Result<()> {
    let show = Show::new();
    let changes = ampoule_builder::lock_update(&paths::repo()?, &paths::cache(), name, &show)?;
    for change in &changes {
        show.say(&format!("{}\n  was {}\n  now {}", change.name, change.old, change.new));
    }
    match changes.len() {
        0 => show.say("Nothing moved: the lock already names the newest."),
        _ => show.say("Next: `./ampoule test`, then commit image/lock.toml and what changed in image/packages."),
    }
    Ok(())
}
