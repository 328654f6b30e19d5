//! What runc leaves when it is ended in the middle of making a container: its folder, which is in the way of every later container of that name
//! ("container with given ID already exists"), and maybe the container's first process, which waits for ever to be started. The engine knows of neither.

use std::{fs, io, path::Path, time::Duration};

use crate::{bring_up::CGROUP, engine::NAMESPACE, error::HostError};

/// Where control groups are.
const CGROUPS: &str = "/sys/fs/cgroup";
/// How often, and how long apart, a control group is looked at whose processes were ended.
const LOOKS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(20);

/// Takes it away, if there is any; `runc` is the folder of all its containers. Call it when the engine has no process of this name and makes none.
///
/// # Errors
/// It cannot be taken away.
pub(crate) async fn remove(runc: &Path, name: &str) -> Result<(), HostError> {
    let group = Path::new(CGROUPS).join(CGROUP.trim_start_matches('/')).join(name);
    remove_at(&runc.join(NAMESPACE).join(name), &group).await
}

async fn remove_at(folder: &Path, group: &Path) -> Result<(), HostError> {
    if !folder.exists() {
        return Ok(());
    }
    log::warn!("{}: runc was ended while it made this container; what it left is taken away", folder.display());
    end_all(group).await.map_err(HostError::file("end the processes in", group))?;
    fs::remove_dir_all(folder).map_err(HostError::file("remove", folder))
}

/// Ends every process of a control group, and takes the group away (`cgroup.kill` of the kernel's cgroup-v2.rst).
async fn end_all(group: &Path) -> io::Result<()> {
    let kill = group.join("cgroup.kill");
    if !kill.exists() {
        return Ok(());
    }
    fs::write(kill, "1")?;
    for _ in 1..LOOKS {
        match fs::remove_dir(group) {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => tokio::time::sleep(PAUSE).await,
            other => return other,
        }
    }
    fs::remove_dir(group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_that_runc_left_is_taken_away_and_nothing_beside_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let (left, other) = (dir.path().join("ampoule/db"), dir.path().join("ampoule/web"));
        for folder in [&left, &other] {
            fs::create_dir_all(folder).expect("made");
            fs::write(folder.join("state.json"), "{}").expect("written");
        }
        remove(dir.path(), "db").await.expect("taken away");
        remove(dir.path(), "db").await.expect("nothing is left to do");
        assert!(!left.exists() && other.join("state.json").exists());
    }

    #[tokio::test]
    async fn a_group_that_cannot_be_emptied_keeps_the_folder() {
        let dir = tempfile::tempdir().expect("a directory");
        let (folder, group) = (dir.path().join("db"), dir.path().join("group"));
        // No control group: its files stay, so it is not empty.
        for made in [&folder, &group] {
            fs::create_dir_all(made).expect("made");
        }
        fs::write(group.join("cgroup.kill"), "").expect("written");
        assert!(remove_at(&folder, &group).await.is_err());
        assert!(folder.exists(), "processes may still use it");
        assert_eq!(fs::read_to_string(group.join("cgroup.kill")).expect("there"), "1");
    }
}
