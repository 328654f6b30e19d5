//! Network namespaces, and the user namespaces that own them, kept alive by a file each.
//!
//! A namespace belongs to a thread. Each of these functions that needs one makes a thread for it
//! that ends with the function, so no other work ever runs in a workload's namespace by mistake.

use std::{
    fs::File,
    future::Future,
    io,
    os::fd::AsFd,
    path::{Path, PathBuf},
    thread,
};

use ampoule_sys::netns::NamespaceHolder;
use ampoule_workload::isolation::IdRange;
use rustix::{
    fs::statfs,
    mount::{UnmountFlags, mount_bind, unmount},
    thread::{LinkNameSpaceType, move_into_link_name_space},
};
use tokio::sync::oneshot;

use crate::error::HostError;

/// The file system type of a namespace's file (`NSFS_MAGIC`, linux/magic.h).
const NAMESPACE_MAGIC: i64 = 0x6e73_6673;

/// The files of a workload's namespaces. Their names say which ids they are for, so that none is taken for another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Namespaces {
    /// Its network.
    pub(crate) network: PathBuf,
    /// Its user namespace, which owns the network: root inside may then do there what root does. `None`: that of the node.
    pub(crate) user: Option<(PathBuf, IdRange)>,
}

impl Namespaces {
    /// Those in `folder` for these ids.
    pub(crate) fn of(folder: &Path, ids: Option<IdRange>) -> Self {
        let name = |kind: &str| folder.join(ids.map_or_else(|| kind.to_owned(), |ids| format!("{kind}-{}", ids.first)));
        Self { network: name("netns"), user: ids.map(|ids| (name("userns"), ids)) }
    }

    fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.network].into_iter().chain(self.user.as_ref().map(|(path, _)| path))
    }

    /// Makes namespaces that live as long as the mounts on their files. False: they were there.
    pub(crate) async fn ensure(&self, folder: &Path) -> Result<bool, HostError> {
        if self.paths().all(|path| is_namespace(path)) {
            return Ok(false);
        }
        remove_all(folder)?;
        for path in self.paths() {
            File::create(path).map_err(HostError::file("make", path))?;
        }
        let (target, wanted) = (self.network.clone(), self.clone());
        on_own_thread(move || wanted.make()).await.map_err(HostError::file("make the namespaces of", target))?;
        Ok(true)
    }

    fn make(&self) -> io::Result<()> {
        let Some((user, ids)) = &self.user else {
            ampoule_sys::netns::enter_new_network_namespace()?;
            return Ok(mount_bind("/proc/thread-self/ns/net", &self.network)?);
        };
        let holder = NamespaceHolder::new()?;
        let of = |what: &str| format!("/proc/{}/{what}", holder.pid());
        for map in ["uid_map", "gid_map"] {
            std::fs::write(of(map), format!("0 {} {}\n", ids.first, ids.size))?;
        }
        mount_bind(of("ns/user"), user)?;
        Ok(mount_bind(of("ns/net"), &self.network)?)
    }
}

/// Lets every namespace in `folder` go; each ends with the last process in it.
pub(crate) fn remove_all(folder: &Path) -> Result<(), HostError> {
    let entries = std::fs::read_dir(folder).map_err(HostError::file("read", folder))?;
    let names = entries.flatten().filter(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("netns") || name.starts_with("userns")
    });
    names.map(|entry| entry.path()).try_for_each(|path| remove(&path))
}

fn is_namespace(path: &Path) -> bool {
    statfs(path).is_ok_and(|stat| stat.f_type == NAMESPACE_MAGIC)
}

/// Opens the file of a namespace.
pub(crate) fn open(path: &Path) -> Result<File, HostError> {
    File::open(path).map_err(HostError::file("open", path))
}

fn remove(path: &Path) -> Result<(), HostError> {
    if is_namespace(path) {
        unmount(path, UnmountFlags::DETACH).map_err(HostError::file("unmount", path))?;
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(HostError::file("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Runs `work` on a thread that is in `namespace`, with a runtime of its own.
pub(crate) async fn run_inside<W, F>(namespace: File, work: W) -> Result<(), HostError>
where
    W: FnOnce() -> F + Send + 'static,
    F: Future<Output = Result<(), HostError>>,
{
    let outcome = on_own_thread(move || {
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(work()))
    });
    outcome.await.map_err(HostError::network("enter the network namespace"))?
}

async fn on_own_thread<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    let (done, outcome) = oneshot::channel();
    thread::Builder::new().name("netns".to_owned()).spawn(move || {
        let _ = done.send(work());
    })?;
    outcome.await.unwrap_or_else(|_| Err(io::Error::other("the thread ended early")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            std::fs::read_dir(folder).expect("there").flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Needs root; says so and passes without, unless AMPOULE_REQUIRE_KERNEL is set.
    #[tokio::test]
    async fn namespaces_stay_until_other_ids_are_wanted() {
        let dir = tempfile::tempdir().expect("folder");
        let folder = dir.path();
        let of = |first| Namespaces::of(folder, Some(IdRange { first, size: 65_536 }));
        match of(524_288).ensure(folder).await {
            Ok(made) => assert!(made),
            Err(why) if std::env::var_os("AMPOULE_REQUIRE_KERNEL").is_some() => panic!("{why}"),
            Err(why) => return eprintln!("skipped: {why}"),
        }
        assert!(!of(524_288).ensure(folder).await.expect("there"), "made again although they are there");
        assert_eq!(names(folder), ["netns-524288", "userns-524288"]);
        assert!(of(589_824).ensure(folder).await.expect("made"));
        assert_eq!(names(folder), ["netns-589824", "userns-589824"]);
        assert!(Namespaces::of(folder, None).ensure(folder).await.expect("made"), "one of other ids was taken for the node's");
        assert_eq!(names(folder), ["netns"]);
        remove_all(folder).expect("removed");
        assert!(names(folder).is_empty());
    }
}
