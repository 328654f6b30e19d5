//! The OCI runtime document of a workload.
//!
//! What is the same for every workload is reviewed data beside this file: `base-spec.json`
//! (mounts, capabilities, masked paths, limits) and `seccomp.json`. Only what differs is code.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
};

use oci_spec::{
    OciSpecError,
    runtime::{
        LinuxCpuBuilder, LinuxIdMapping, LinuxIdMappingBuilder, LinuxMemoryBuilder, LinuxNamespace, LinuxNamespaceBuilder,
        LinuxNamespaceType, LinuxResources, LinuxSeccomp, Mount, MountBuilder, Spec, UserBuilder,
    },
};
use thiserror::Error;

use crate::{Isolation, OciDefaults, Volume, Workload, domain::file_label, image::ImageConfig, user::User};

const BASE: &str = include_str!("base-spec.json");
const SECCOMP: &str = include_str!("seccomp.json");
/// Length of a processor period in microseconds, as all container tools have it.
const CPU_PERIOD: u64 = 100_000;
/// The kernel refuses a smaller share per period.
const MIN_CPU_QUOTA: i64 = 1_000;

/// Why a workload cannot become a container.
#[derive(Debug, Error)]
pub enum SpecError {
    /// Nothing to run.
    #[error("the image names no program; set `command` in the workload")]
    NoCommand,
    /// Our own fixed data does not parse: a bug a test finds.
    #[error("the built-in runtime document is not valid: {0}")]
    Base(#[from] serde_json::Error),
    /// A part could not be put together: a bug.
    #[error("the runtime document could not be built: {0}")]
    Build(#[from] OciSpecError),
}

/// Everything a workload's container is made from.
#[derive(Debug)]
pub struct Inputs<'a> {
    /// The workload's name: host name and control group.
    pub name: &'a str,
    /// What was asked for.
    pub workload: &'a Workload,
    /// What every workload has.
    pub defaults: &'a OciDefaults,
    /// What the image says.
    pub image: &'a ImageConfig,
    /// The image's user, resolved.
    pub user: &'a User,
    /// What keeps it from the others.
    pub isolation: Isolation,
    /// Whether the node enforces SELinux, so that everything must have its label.
    pub selinux: bool,
    /// File of the network namespace on the node.
    pub network_namespace: &'a Path,
    /// File of the user namespace on the node, which maps the workload's ids to its range; `None`: ids inside are ids of the node.
    pub user_namespace: Option<&'a Path>,
    /// Files of the node that appear in the container, read-only: path inside → path on the node.
    pub files: BTreeMap<&'static str, PathBuf>,
    /// Folder of the node with a folder per volume.
    pub volumes_root: &'a Path,
    /// Control group of all workloads.
    pub cgroup_parent: &'a Path,
}

/// The runtime document for `inputs`.
pub fn build(inputs: &Inputs<'_>) -> Result<Spec, SpecError> {
    let mut spec: Spec = serde_json::from_str(BASE)?;
    spec.set_hostname(Some(inputs.name.to_owned()));
    fill_process(&mut spec, inputs)?;
    fill_mounts(&mut spec, inputs)?;
    fill_linux(&mut spec, inputs)?;
    Ok(spec)
}

fn fill_process(spec: &mut Spec, inputs: &Inputs<'_>) -> Result<(), SpecError> {
    let mut process = spec.process().clone().unwrap_or_default();
    let user = UserBuilder::default().uid(inputs.user.uid).gid(inputs.user.gid).additional_gids(inputs.user.groups.clone()).build()?;
    process.set_user(user);
    process.set_args(Some(arguments(inputs.workload, inputs.image)?));
    process.set_env(Some(environment(inputs)));
    process.set_cwd(PathBuf::from(inputs.image.working_dir()));
    process.set_selinux_label(inputs.selinux.then(|| inputs.workload.selinux.process_label(inputs.isolation)));
    inputs.defaults.apply(&mut process)?;
    spec.set_process(Some(process));
    Ok(())
}

/// `command` replaces the entry point and, because the image's arguments belong to its entry
/// point, those too; `args` replaces the arguments alone.
fn arguments(workload: &Workload, image: &ImageConfig) -> Result<Vec<String>, SpecError> {
    let has_command = !workload.command.is_empty();
    let program = if has_command { &workload.command[..] } else { image.entrypoint() };
    let image_args = if has_command { &[] } else { image.cmd() };
    let args = if workload.args.is_empty() { image_args } else { &workload.args[..] };
    let all = [program, args].concat();
    if all.is_empty() { Err(SpecError::NoCommand) } else { Ok(all) }
}

/// Later wins: what every container has, the image, the workload. Sorted, so the document is the
/// same for the same inputs.
fn environment(inputs: &Inputs<'_>) -> Vec<String> {
    let home = inputs.user.home.as_deref().unwrap_or("/");
    let mut all = BTreeMap::from([
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ("HOME", home),
        ("HOSTNAME", inputs.name),
    ]);
    all.extend(inputs.image.env().iter().filter_map(|entry| entry.split_once('=')));
    all.extend(inputs.workload.env.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    all.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
}

fn fill_mounts(spec: &mut Spec, inputs: &Inputs<'_>) -> Result<(), SpecError> {
    let mut mounts = spec.mounts().clone().unwrap_or_default();
    for volume in &inputs.workload.volumes {
        mounts.push(volume_mount(volume, inputs)?);
    }
    for (inside, outside) in &inputs.files {
        mounts.push(bind(Path::new(inside), outside, &["rbind", "ro", "nosuid", "nodev", "noexec"])?);
    }
    spec.set_mounts(Some(mounts));
    Ok(())
}

/// On disk, files of a volume have the ids that the workload knows: the mount maps them, so that its range may change.
fn volume_mount(volume: &Volume, inputs: &Inputs<'_>) -> Result<Mount, OciSpecError> {
    let access = if volume.read_only { "ro" } else { "rw" };
    let mut options = vec!["rbind", "rprivate", access, "nosuid", "nodev", "noexec"];
    options.extend(inputs.user_namespace.map(|_| "idmap"));
    bind(Path::new(&volume.path), &inputs.volumes_root.join(&volume.name), &options)
}

fn bind(inside: &Path, outside: &Path, options: &[&str]) -> Result<Mount, OciSpecError> {
    let options: Vec<_> = options.iter().map(|option| (*option).to_owned()).collect();
    MountBuilder::default().destination(inside).source(outside).typ("bind").options(options).build()
}

fn fill_linux(spec: &mut Spec, inputs: &Inputs<'_>) -> Result<(), SpecError> {
    let mut linux = spec.linux().clone().unwrap_or_default();
    linux.set_cgroups_path(Some(inputs.cgroup_parent.join(inputs.name)));
    linux.set_namespaces(Some(namespaces(inputs)?));
    linux.set_mount_label(inputs.selinux.then(|| file_label(inputs.isolation)));
    let mut groups = u32::MAX / 2;
    if inputs.user_namespace.is_some() {
        let mapping = vec![id_mapping(inputs.isolation)?];
        linux.set_uid_mappings(Some(mapping.clone())).set_gid_mappings(Some(mapping));
        // The kernel refuses groups that the namespace does not have.
        groups = inputs.isolation.ids().size - 1;
    }
    linux.set_resources(Some(limits(linux.resources().clone().unwrap_or_default(), inputs.workload)?));
    linux.set_seccomp(Some(serde_json::from_str::<LinuxSeccomp>(SECCOMP)?));
    // A container has its own network: low ports and ping need no privilege there.
    linux.set_sysctl(Some(HashMap::from([
        ("net.ipv4.ip_unprivileged_port_start".to_owned(), "0".to_owned()),
        ("net.ipv4.ping_group_range".to_owned(), format!("0 {groups}")),
    ])));
    spec.set_linux(Some(linux));
    Ok(())
}

fn id_mapping(isolation: Isolation) -> Result<LinuxIdMapping, OciSpecError> {
    let ids = isolation.ids();
    LinuxIdMappingBuilder::default().container_id(0u32).host_id(ids.first).size(ids.size).build()
}

fn namespaces(inputs: &Inputs<'_>) -> Result<Vec<LinuxNamespace>, OciSpecError> {
    use LinuxNamespaceType::{Cgroup, Ipc, Mount, Network, Pid, User, Uts};
    let own = [Pid, Ipc, Uts, Mount, Cgroup].map(|typ| LinuxNamespaceBuilder::default().typ(typ).build());
    let joined = |typ, path: &Path| LinuxNamespaceBuilder::default().typ(typ).path(path).build();
    let user = inputs.user_namespace.map(|path| joined(User, path));
    own.into_iter().chain([joined(Network, inputs.network_namespace)]).chain(user).collect()
}

fn limits(mut resources: LinuxResources, workload: &Workload) -> Result<LinuxResources, OciSpecError> {
    if let Some(bytes) = workload.memory {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        // Swap equal to memory means none: a workload over its limit is ended, not slowed.
        resources.set_memory(Some(LinuxMemoryBuilder::default().limit(bytes).swap(bytes).build()?));
    }
    if let Some(cpus) = workload.cpus {
        let quota = ((cpus * CPU_PERIOD as f64) as i64).max(MIN_CPU_QUOTA);
        resources.set_cpu(Some(LinuxCpuBuilder::default().quota(quota).period(CPU_PERIOD).build()?));
    }
    Ok(resources)
}

#[cfg(test)]
mod tests;
