//! What each workload may take of DATA and what it takes, by the kernel's quotas of projects.
//!
//! Fails closed: where limits are in force, what could not be limited is not started.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io,
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use ampoule_api_types::v1::{DiskUse, SharedVolume};
use ampoule_sys::quota::{self, Amount};
use ampoule_workload::{Isolation, Room, Volume, Workload, Workloads, disk};
use containerd_client::types::Mount;
use rustix::fs::{CWD, FileType, Mode, OFlags, fstatvfs, openat};

use crate::{error::HostError, register::Register, tree};

/// The folders of a container's writable layer, as the options of its mount name them.
const LAYER: [&str; 2] = ["upperdir=", "workdir="];

/// DATA's quotas.
pub(crate) struct Quota {
    /// DATA, or why nothing is limited there.
    data: Result<OwnedFd, String>,
    path: PathBuf,
    shared: Mutex<Shared>,
}

/// Volumes that several workloads share.
#[derive(Default)]
struct Shared {
    /// The project of each. It is read from the volumes themselves: there is nothing to lose beside them.
    projects: BTreeMap<String, u32>,
    /// What each may take.
    rooms: BTreeMap<String, Room>,
}

impl Quota {
    /// Looks whether limits are in force on `data`, and which of the `volumes` are shared.
    pub(crate) fn open(data: &Path, volumes: &Path) -> Self {
        let state = look(data);
        if let Err(reason) = &state {
            log::warn!("limits of the disk are not in force: {reason}");
        }
        let projects = if state.is_ok() { shared_projects(volumes) } else { BTreeMap::new() };
        Self { data: state, path: data.to_owned(), shared: Mutex::new(Shared { projects, ..Shared::default() }) }
    }

    /// Why limits are not in force; `None`: they are.
    pub(crate) fn missing(&self) -> Option<&str> {
        self.data.as_ref().err().map(String::as_str)
    }

    /// What `workload` may take from now on. If that is less than it has, it keeps what it has.
    pub(crate) fn limit(&self, isolation: Isolation, workload: &Workload) -> Result<(), HostError> {
        self.with_data(|data| set(data, isolation.project(), workload.room(whole(data)?)))
    }

    /// Limits as `wanted` has them, for all that have a number and for shared volumes.
    pub(crate) fn follow(&self, wanted: &Workloads, register: &Register) {
        let numbered = wanted.iter().filter_map(|(name, workload)| Some((register.get(name)?, workload)));
        let limited = numbered.map(|(isolation, workload)| self.limit(isolation, workload));
        for error in limited.chain([self.follow_shared(wanted)]).filter_map(Result::err) {
            log::warn!("limits of the disk stay as they are: {error}");
        }
    }

    fn follow_shared(&self, wanted: &Workloads) -> Result<(), HostError> {
        self.with_data(|data| {
            let mut shared = self.shared();
            shared.rooms = disk::shared_rooms(wanted, whole(data)?);
            let both = shared.projects.iter().filter_map(|(name, project)| Some((*project, *shared.rooms.get(name)?)));
            both.into_iter().try_for_each(|(project, room)| set(data, project, room))
        })
    }

    /// The project that what is in `volume` counts for, if the workload with the number `isolation` has it; `None`: nothing is limited.
    pub(crate) fn project_of(&self, volume: &Volume, isolation: Isolation) -> Result<Option<u32>, HostError> {
        let Ok(data) = &self.data else { return Ok(None) };
        if !volume.shared {
            return Ok(Some(isolation.project()));
        }
        let mut shared = self.shared();
        if let Some(project) = shared.projects.get(&volume.name) {
            return Ok(Some(*project));
        }
        let taken: BTreeSet<u32> = shared.projects.values().copied().collect();
        let project = disk::free_shared(&taken).ok_or(HostError::NoProject)?;
        if let Some(room) = shared.rooms.get(&volume.name) {
            set(data, project, *room).map_err(HostError::file("limit the disk at", &self.path))?;
        }
        shared.projects.insert(volume.name.clone(), project);
        Ok(Some(project))
    }

    /// Makes what will be written to a container's layer count for its workload; before anything of the container runs.
    pub(crate) fn give_layer(&self, mounts: &[Mount], isolation: Isolation) -> Result<(), HostError> {
        if self.missing().is_some() {
            return Ok(());
        }
        let options = mounts.iter().flat_map(|mount| &mount.options);
        let folders: Vec<&str> = options.filter_map(|option| LAYER.iter().find_map(|key| option.strip_prefix(key))).collect();
        if folders.len() != LAYER.len() {
            let what = io::Error::other("containerd describes it in a way we do not know");
            return Err(HostError::file("limit", "the container's layer")(what));
        }
        folders.into_iter().map(Path::new).try_for_each(|folder| give(folder, isolation.project()))
    }

    /// What the workload with this number takes.
    pub(crate) fn of_workload(&self, isolation: Isolation) -> Option<DiskUse> {
        self.of(isolation.project())
    }

    /// What each shared volume takes, of those that are wanted.
    pub(crate) fn of_shared(&self) -> Vec<SharedVolume> {
        let shared = self.shared();
        let wanted = shared.projects.iter().filter(|(name, _)| shared.rooms.contains_key(*name));
        wanted.filter_map(|(name, project)| Some(SharedVolume { name: name.clone(), disk: self.of(*project)? })).collect()
    }

    fn of(&self, project: u32) -> Option<DiskUse> {
        let data = self.data.as_ref().ok()?;
        let (used, limit) = quota::usage(data, project).inspect_err(|error| log::debug!("project {project}: {error}")).ok()?;
        Some(DiskUse { used: used.bytes, limit: limit.bytes, inodes: used.inodes, inode_limit: limit.inodes })
    }

    fn with_data(&self, act: impl FnOnce(&OwnedFd) -> io::Result<()>) -> Result<(), HostError> {
        self.data.as_ref().map_or(Ok(()), act).map_err(HostError::file("limit the disk at", &self.path))
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// DATA if its file system holds projects to limits, else why not, as a sentence.
fn look(data: &Path) -> Result<OwnedFd, String> {
    let folder = File::open(data).map_err(|error| format!("{}: {error}", data.display()))?;
    match quota::is_enforced(&folder) {
        Ok(true) => Ok(folder.into()),
        Ok(false) => Err(format!(
            "the file system at {} has no quotas of projects: an older version made it, or it lives in memory. All works on; a node whose DATA is made anew has them",
            data.display()
        )),
        Err(error) => Err(format!("the kernel does not say whether {} has quotas: {error}", data.display())),
    }
}

fn whole(data: &OwnedFd) -> io::Result<Room> {
    let facts = fstatvfs(data)?;
    Ok(Room { bytes: facts.f_blocks.saturating_mul(facts.f_frsize), inodes: facts.f_files })
}

fn set(data: &OwnedFd, project: u32, room: Room) -> io::Result<()> {
    quota::set_limit(data, project, Amount { bytes: room.bytes, inodes: room.inodes })
}

/// The volumes whose files are of a project of shared volumes.
fn shared_projects(volumes: &Path) -> BTreeMap<String, u32> {
    // Before the first volume there is no folder.
    let entries = std::fs::read_dir(volumes).into_iter().flatten().flatten();
    let project = |path: &Path| quota::project(open_folder(path).ok()?).ok().filter(|project| disk::is_shared(*project));
    entries.filter_map(|entry| Some((entry.file_name().into_string().ok()?, project(&entry.path())?))).collect()
}

fn open_folder(path: &Path) -> io::Result<OwnedFd> {
    Ok(openat(CWD, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?)
}

/// Makes a folder in which there is nothing yet, and all that will be made in it, count for `project`.
pub(crate) fn give(folder: &Path, project: u32) -> Result<(), HostError> {
    let given = open_folder(folder).and_then(|open| quota::set_project(open, project, true));
    given.map_err(HostError::file("limit", folder))
}

/// Makes a folder and what is in it count for `project`. One that does already is not looked into: this costs time only when it has another owner.
/// Links, sockets and devices stay where they were counted: they are an inode each, and have no bytes.
pub(crate) fn give_tree(folder: &Path, project: u32) -> Result<(), HostError> {
    let current = open_folder(folder).and_then(quota::project).map_err(HostError::file("ask whom it counts for:", folder))?;
    if current == project {
        return Ok(());
    }
    let reading = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let given = tree::for_each(folder, &mut |parent, name, kind| match kind {
        FileType::Directory | FileType::RegularFile => {
            let open = openat(parent, name, reading, Mode::empty())?;
            quota::set_project(open.as_fd(), project, kind == FileType::Directory)
        }
        _ => Ok(()),
    });
    given.map_err(HostError::file("limit what is in", folder))?;
    // Last: if this was cut short, the next start goes on.
    give(folder, project)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where files live in memory nothing is limited, everything goes on, and it is said why.
    #[test]
    fn without_quotas_nothing_is_limited_and_the_reason_is_told() {
        let quota = Quota::open(Path::new("/proc"), Path::new("/nowhere"));
        assert!(quota.missing().is_some_and(|why| why.contains("/proc has no quotas")), "{:?}", quota.missing());
        let isolation = Isolation::try_from(3).expect("a number");
        let volume = "pool:/pool:shared".parse().expect("a volume");
        assert_eq!(quota.project_of(&volume, isolation).expect("no error"), None);
        quota.give_layer(&[], isolation).expect("nothing to do");
        assert_eq!((quota.of_workload(isolation), quota.of_shared().len()), (None, 0));
        assert!(Quota::open(Path::new("/nowhere"), Path::new("/nowhere")).missing().is_some_and(|why| why.contains("/nowhere")));
    }
}
