//! From a service file to a running process.

use crate::{cgroup, environment, output::Output};
use ampoule_supervise::service::{Readiness, ServiceFile};
use ampoule_sys::spawn::{Confinement, spawn_confined};
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::process::{Command, Stdio};

/// The service that takes everyone's output.
const LOG_SERVICE: &str = "logd";
/// Where services say that they are ready.
pub(crate) const NOTIFY_SOCKET: &str = "/run/ampoule/notify.sock";

/// Starts a service and returns its process number.
///
/// # Errors
/// The step that failed.
pub(crate) fn start(name: &str, file: &ServiceFile, output: &mut Output) -> io::Result<u32> {
    make_directories(file)?;
    remove_old_socket(file);
    let confinement = confinement(name, file, output)?;
    let mut command = command(file);
    command.stdin(Stdio::null()).stdout(output.writer(name)?).stderr(output.writer(name)?);
    // The child is reaped by number with all the others; std's handle is not needed, and dropping it does nothing to the process.
    spawn_confined(&mut command, confinement).map(|child| child.id())
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
        capabilities_dropped: file.rights.capabilities.absent().collect(),
        no_new_privileges: file.rights.no_new_privileges,
        descriptor_3: if name == LOG_SERVICE { Some(output.connect_logd()?) } else { None },
    })
}

/// A socket that an earlier life left behind must not say that this one is ready.
fn remove_old_socket(file: &ServiceFile) {
    if let Readiness::Socket(path) = &file.readiness {
        // There is none at the first start.
        let _ = std::fs::remove_file(path);
    }
}

fn make_directories(file: &ServiceFile) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    file.directories.run.iter().try_for_each(|folder| builder.create(format!("/run/{folder}")))
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
