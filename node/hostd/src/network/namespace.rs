//! Network namespaces, kept alive by a file each.
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

use rustix::{
    fs::statfs,
    mount::{UnmountFlags, mount_bind, unmount},
    thread::{LinkNameSpaceType, move_into_link_name_space},
};
use tokio::sync::oneshot;

use crate::error::HostError;

/// The file system type of a namespace's file (`NSFS_MAGIC`, linux/magic.h).
const NAMESPACE_MAGIC: i64 = 0x6e73_6673;

/// Makes a network namespace that lives as long as the mount on `path`. False: it was there.
pub(crate) async fn ensure(path: &Path) -> Result<bool, HostError> {
    if is_namespace(path) {
        return Ok(false);
    }
    File::create(path).map_err(HostError::file("make", path))?;
    let target = path.to_owned();
    on_own_thread(move || make(&target)).await.map_err(HostError::file("make the network namespace", path))?;
    Ok(true)
}

fn make(target: &Path) -> io::Result<()> {
    ampoule_sys::netns::enter_new_network_namespace()?;
    Ok(mount_bind("/proc/thread-self/ns/net", target)?)
}

fn is_namespace(path: &Path) -> bool {
    statfs(path).is_ok_and(|stat| stat.f_type == NAMESPACE_MAGIC)
}

/// Opens the file of a namespace.
pub(crate) fn open(path: &Path) -> Result<File, HostError> {
    File::open(path).map_err(HostError::file("open", path))
}

/// Lets a namespace go; it ends with the last process in it.
pub(crate) fn remove(path: &PathBuf) -> Result<(), HostError> {
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
