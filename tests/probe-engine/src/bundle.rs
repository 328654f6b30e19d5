//! What runc makes a container of.

use std::{
    ffi::CString,
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use rustix::mount::{MountFlags, mount};

pub(crate) const PLACE: &str = "/run/probe-engine";
/// Where the runc of these containers keeps what it knows, and where that of hostd's workloads does.
const STATE: &str = "/run/probe-engine/state";
const STATE_OF_WORKLOADS: &str = "/run/containerd/runc/ampoule";
/// Categories of what attacks, and of what it must not reach. No workload of hostd's has them: its pairs end before.
pub(crate) const MINE: &str = "s0:c1000,c1001";
pub(crate) const THEIRS: &str = "s0:c1002,c1003";

/// A folder for runc, with a root file system in memory in which this program is a container's.
pub(crate) struct Bundle {
    folder: PathBuf,
    level: &'static str,
    /// Further `mounts` of the document, each with a comma before it.
    pub(crate) mounts: String,
    /// With a comma behind it: a namespace for process numbers, or none, so that others are seen.
    pub(crate) processes: &'static str,
    /// As in JSON.
    pub(crate) words: String,
}

impl Bundle {
    pub(crate) fn new(name: &str, level: &'static str) -> io::Result<Self> {
        let folder = Path::new(PLACE).join(name);
        let root = folder.join("rootfs");
        in_memory(&root, level)?;
        fs::create_dir(root.join("proc"))?;
        fs::copy("/usr/bin/probe-engine", root.join("program"))?;
        let (processes, words) = (r#"{"type":"pid"},"#, r#""inside""#.to_owned());
        Ok(Self { folder, level, mounts: String::new(), processes, words })
    }

    /// Waits for the end of the container; what it said, and why there was none.
    pub(crate) fn run(&self, domain: &str) -> io::Result<Output> {
        let output = self.runc(domain, &["run"], &[])?.output();
        self.delete(domain)?;
        output
    }

    /// Starts a container that waits, and returns the number of its process.
    pub(crate) fn start(&self, domain: &str) -> io::Result<String> {
        let file = self.folder.join("pid");
        let mut runc = self.runc(domain, &["run", "--detach", "--pid-file"], &[file.as_path()])?;
        made(&mut runc, &file)
    }

    /// Leaves what a runc leaves that was ended while it made a workload's container: the folder, and a process that waits to be started, whose number it
    /// gives.
    pub(crate) fn leave_half(&self, workload: &str) -> io::Result<String> {
        let file = self.folder.join("pid");
        let mut runc = runc(STATE_OF_WORKLOADS);
        runc.args(["create", "--pid-file"]).arg(&file);
        self.describe("container_t", &format!("/ampoule/workloads/{workload}"), &mut runc)?;
        made(runc.arg(workload), &file)
    }

    pub(crate) fn delete(&self, domain: &str) -> io::Result<()> {
        runc(STATE).args(["delete", "--force"]).arg(self.name(domain)).output().map(drop)
    }

    fn name(&self, domain: &str) -> String {
        let folder = self.folder.file_name().unwrap_or_default().to_string_lossy();
        format!("probe-{folder}-{}", domain.replace('_', "-"))
    }

    fn runc(&self, domain: &str, words: &[&str], paths: &[&Path]) -> io::Result<Command> {
        let mut runc = runc(STATE);
        runc.args(words).args(paths);
        self.describe(domain, &format!("/ampoule/{}", self.name(domain)), &mut runc)?;
        runc.arg(self.name(domain));
        Ok(runc)
    }

    /// Writes the document and names it to runc. Without a keyring, whose label would be refused before anything is started.
    fn describe(&self, domain: &str, cgroup: &str, runc: &mut Command) -> io::Result<()> {
        runc.args(["--no-pivot", "--no-new-keyring", "--bundle"]).arg(&self.folder);
        fs::write(self.folder.join("config.json"), self.document(domain, cgroup))
    }

    /// As little as runc takes.
    fn document(&self, domain: &str, cgroup: &str) -> String {
        let Self { level, mounts, processes, words, .. } = self;
        format!(
            r#"{{"ociVersion":"1.2.0","root":{{"path":"rootfs","readonly":true}},
            "process":{{"terminal":false,"user":{{"uid":0,"gid":0}},"args":["/program",{words}],"cwd":"/","noNewPrivileges":true,
                "selinuxLabel":"system_u:system_r:{domain}:{level}"}},
            "mounts":[{{"destination":"/proc","type":"proc","source":"proc"}},
                {{"destination":"/dev","type":"tmpfs","source":"tmpfs","options":["nosuid","mode=755","size=64k"]}}{mounts}],
            "linux":{{"mountLabel":"system_u:object_r:container_file_t:{level}","cgroupsPath":"{cgroup}","namespaces":[{processes}{{"type":"mount"}},{{"type":"ipc"}},{{"type":"uts"}},{{"type":"network"}}]}}}}"#
        )
    }
}

/// Has a container made that lives on; the number of its process, which runc writes to `file`.
fn made(runc: &mut Command, file: &Path) -> io::Result<String> {
    // What it has as output it keeps: a pipe would stay open as long as it waits.
    match runc.stdout(Stdio::null()).stderr(Stdio::null()).status()?.success() {
        true => Ok(fs::read_to_string(file)?.trim().to_owned()),
        false => Err(io::Error::other(format!("{runc:?} made no container"))),
    }
}

fn runc(state: &str) -> Command {
    let mut runc = Command::new("/usr/bin/runc");
    // With it runc waits until the container says that it is ready.
    runc.env_remove("NOTIFY_SOCKET").stdin(Stdio::null());
    runc.args(["--root", state]);
    runc
}

/// An empty file system whose files have the label of a container's with these categories.
pub(crate) fn in_memory(place: &Path, level: &str) -> io::Result<()> {
    fs::create_dir_all(place)?;
    let options = format!("size=16m,mode=0755,context=\"system_u:object_r:container_file_t:{level}\"");
    Ok(mount("tmpfs", place, "tmpfs", MountFlags::NODEV, CString::new(options)?.as_c_str())?)
}
