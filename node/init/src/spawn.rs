//! From a service file to a running process.

use crate::{cgroup, environment, folders, output::Output};
use ampoule_supervise::service::{self, Network, Processes, Readiness, ServiceFile};
use ampoule_sys::privilege::Privilege;
use ampoule_sys::seccomp::Filter;
use ampoule_sys::spawn::{Confinement, spawn_confined};
use ampoule_sys::view::Mounts;
use std::ffi::CString;
use std::io::{self, Read};
use std::process::{Command, Stdio};

/// The service that takes everyone's output.
const LOG_SERVICE: &str = "logd";
/// Where services say that they are ready.
pub(crate) const NOTIFY_SOCKET: &str = "/run/ampoule/notify.sock";

/// Lists of system calls, compiled when the image was built.
const LISTS: &str = "/usr/share/ampoule/seccomp";
/// Longest one, in bytes: what the kernel takes at most.
const MAX_LIST: u64 = 32 * 1024;

/// Starts a service and returns its process number, without waiting for it: making a box takes longer than making a process.
///
/// # Errors
/// The step that failed, of those before there is a process.
pub(crate) fn start(name: &str, file: &ServiceFile, output: &mut Output) -> io::Result<u32> {
    folders::make(file)?;
    remove_old_socket(file);
    let confinement = confinement(name, file, output)?;
    let mut command = command(file);
    command.stdin(Stdio::null()).stdout(output.writer(name)?).stderr(output.writer(name)?);
    spawn_confined(&mut command, confinement)
}

fn command(file: &ServiceFile) -> Command {
    let mut command = Command::new(&file.command[0]);
    command.args(&file.command[1..]).env_clear().current_dir("/");
    // What the verified root says stands last, so no setting takes its place.
    file.environment_files.iter().for_each(|path| {
        command.envs(environment::read(path));
    });
    command.env("PATH", "/usr/bin").env("NOTIFY_SOCKET", NOTIFY_SOCKET).envs(&file.environment);
    command
}

fn confinement(name: &str, file: &ServiceFile, output: &mut Output) -> io::Result<Confinement> {
    Ok(Confinement {
        cgroup_procs: cgroup::prepare(name, file)?,
        open_files: file.limits.open_files,
        oom_score_adjust: file.limits.oom_score_adjust,
        network: file.view.network == Network::Host,
        mounts: mounts(file),
        privilege: privilege(file),
        no_new_privileges: file.rights.no_new_privileges,
        seccomp: file.rights.seccomp.as_deref().map(filter).transpose()?,
        descriptor_3: if name == LOG_SERVICE { Some(output.connect_logd()?) } else { None },
    })
}

fn mounts(file: &ServiceFile) -> Option<Mounts> {
    // A service file's paths hold no NUL: `lib/supervise` has refused those.
    let path = |text: &str| CString::new(text).ok();
    let own = || Mounts {
        hidden: file.hidden().into_iter().filter_map(path).collect(),
        writable: file.writable().iter().filter_map(|text| path(text)).collect(),
        devices: file.devices().map(|all| all.into_iter().filter_map(path).collect()),
        own_processes: file.view.processes == Processes::Own,
    };
    (file.view.mounts == service::Mounts::Own).then(own)
}

fn privilege(file: &ServiceFile) -> Privilege {
    Privilege {
        user: file.rights.user.id(),
        groups: file.rights.groups.iter().map(|group| group.id()).collect(),
        capabilities: file.rights.capabilities.bits(),
        // Only an engine, whose children set `no_new_privs` by themselves, counts on what being root gives.
        root_is_special: !file.rights.no_new_privileges,
    }
}

/// A service whose list cannot be read does not start: it never runs wider than its file says.
fn filter(name: &str) -> io::Result<Filter> {
    let path = format!("{LISTS}/{name}.bpf");
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{path}: {error}"));
    let mut bytes = Vec::new();
    let file = std::fs::File::open(&path).map_err(named)?;
    file.take(MAX_LIST).read_to_end(&mut bytes).map_err(named)?;
    Filter::read(&bytes).map_err(named)
}

/// A socket that an earlier life left behind must not say that this one is ready.
fn remove_old_socket(file: &ServiceFile) {
    if let Readiness::Socket(path) = &file.readiness {
        // There is none at the first start.
        let _ = std::fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_adds_to_the_environment_and_the_verified_root_wins() {
        let path = std::env::temp_dir().join(format!("ampoule-spawn-{}", std::process::id()));
        std::fs::write(&path, "HTTPS_PROXY=http://proxy\nPATH=/var\nGOGC=1\nNOTIFY_SOCKET=/x\n").expect("written");
        let text = format!(
            "description = \"x\"\ncommand = [\"/usr/bin/x\"]\nreadiness = \"exit\"\nenvironment = {{ GOGC = \"50\" }}\nenvironment-files = [\"/absent\", \"{}\"]\n",
            path.display()
        );
        let command = command(&ServiceFile::parse(&text).expect("a service file"));
        let value = |name: &str| command.get_envs().find(|(key, _)| *key == name).and_then(|(_, value)| value?.to_str());
        assert_eq!(value("HTTPS_PROXY"), Some("http://proxy"));
        assert_eq!((value("PATH"), value("GOGC"), value("NOTIFY_SOCKET")), (Some("/usr/bin"), Some("50"), Some(NOTIFY_SOCKET)));
        std::fs::remove_file(&path).expect("removed");
    }
}
