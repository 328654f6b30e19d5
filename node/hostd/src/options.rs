//! Where things are. The defaults are a node's; flags move them for a trial elsewhere.

use std::path::PathBuf;

use thiserror::Error;

/// Every path `hostd` uses.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// containerd's socket.
    pub(crate) containerd: PathBuf,
    /// Where the runc that containerd starts keeps what it knows of containers.
    pub(crate) runc: PathBuf,
    /// The workloads, as `apid` wrote them.
    pub(crate) workloads: PathBuf,
    /// Credentials for registries, as `apid` wrote them.
    pub(crate) credentials: PathBuf,
    /// What every workload has, as `apid` wrote it.
    pub(crate) oci_defaults: PathBuf,
    /// A folder per registry with a `hosts.toml`, as `apid` wrote them.
    pub(crate) hosts: PathBuf,
    /// Our own folder below `/run`.
    pub(crate) run: PathBuf,
    /// The file system of containers and volumes.
    pub(crate) data: PathBuf,
    /// The folder of all volumes.
    pub(crate) volumes: PathBuf,
    /// Who has which isolation number.
    pub(crate) isolations: PathBuf,
    /// Commands that tell whether a workload is well, as `apid` wrote them.
    pub(crate) checks: PathBuf,
    /// The socket we make on which they are asked for.
    pub(crate) checks_socket: PathBuf,
    /// The status socket we make.
    pub(crate) status: PathBuf,
    /// The log service's socket.
    pub(crate) log: PathBuf,
    /// The node's name servers.
    pub(crate) resolver: PathBuf,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            containerd: "/run/containerd/containerd.sock".into(),
            runc: "/run/containerd/runc".into(),
            workloads: "/etc/ampoule/workloads.json".into(),
            credentials: "/etc/ampoule/registry-credentials.json".into(),
            oci_defaults: "/etc/ampoule/oci-defaults.json".into(),
            hosts: "/etc/containerd/certs.d".into(),
            run: "/run/ampoule/hostd".into(),
            data: "/var".into(),
            volumes: "/var/lib/ampoule/volumes".into(),
            isolations: "/var/lib/ampoule/hostd/isolations.json".into(),
            checks: ampoule_workload::check::PATH.into(),
            checks_socket: ampoule_workload::check::SOCKET.into(),
            status: "/run/ampoule/hostd/status".into(),
            log: "/run/ampoule/logd/ingest.sock".into(),
            resolver: "/etc/resolv.conf".into(),
        }
    }
}

/// Why the command line is not understood.
#[derive(Debug, Error)]
pub(crate) enum OptionsError {
    /// No such flag.
    #[error(
        "unknown flag '{0}'; known: --containerd --runc --workloads --credentials --oci-defaults --hosts --run --data --volumes --isolations --checks --checks-socket --status --log --resolver, each with a path"
    )]
    Unknown(String),
    /// A flag at the end.
    #[error("flag '{0}' needs a path after it")]
    NoValue(String),
}

impl Options {
    /// Reads `--flag path` pairs.
    pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, OptionsError> {
        let mut options = Self::default();
        while let Some(flag) = args.next() {
            let Some(place) = options.place(&flag) else {
                return Err(OptionsError::Unknown(flag));
            };
            *place = args.next().ok_or(OptionsError::NoValue(flag))?.into();
        }
        Ok(options)
    }

    fn place(&mut self, flag: &str) -> Option<&mut PathBuf> {
        Some(match flag {
            "--containerd" => &mut self.containerd,
            "--runc" => &mut self.runc,
            "--workloads" => &mut self.workloads,
            "--credentials" => &mut self.credentials,
            "--oci-defaults" => &mut self.oci_defaults,
            "--hosts" => &mut self.hosts,
            "--run" => &mut self.run,
            "--data" => &mut self.data,
            "--volumes" => &mut self.volumes,
            "--isolations" => &mut self.isolations,
            "--checks" => &mut self.checks,
            "--checks-socket" => &mut self.checks_socket,
            "--status" => &mut self.status,
            "--log" => &mut self.log,
            "--resolver" => &mut self.resolver,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Options, OptionsError> {
        Options::parse(args.iter().map(|arg| (*arg).to_owned()))
    }

    #[test]
    fn flags_move_paths() {
        assert_eq!(parse(&["--run", "/tmp/x"]).expect("valid").run, PathBuf::from("/tmp/x"));
        assert!(matches!(parse(&["--nope", "x"]), Err(OptionsError::Unknown(_))));
        assert!(matches!(parse(&["--run"]), Err(OptionsError::NoValue(_))));
    }
}
