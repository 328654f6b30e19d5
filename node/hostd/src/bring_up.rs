//! The way from a workload to a living process: image, network, root file system, container, task.

use std::{
    collections::BTreeMap,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    sync::Arc,
};

use ampoule_workload::{
    Isolation, OciDefaults, Reference, Workload,
    domain::file_label,
    image::ImageConfig,
    oci_defaults::MAX_OCI_DEFAULTS_BYTES,
    pull::PullProgress,
    runtime_spec::{self, Inputs},
    user::{self, User},
};
use containerd_client::types::Mount;

use crate::{
    engine::{Engine, NewContainer, PullOptions},
    error::HostError,
    files,
    ground::Ground,
    network::Attachment,
    output::Output,
    rootfs::Rootfs,
    selinux,
    status::{State, pull as pull_status},
    volumes::{self, Owner},
};

/// The control group above those of all workloads.
pub(crate) const CGROUP: &str = "/ampoule/workloads";
/// Larger than any real resolver file, in bytes.
const MAX_RESOLVER_BYTES: u64 = 64 * 1024;

/// A container whose process can be started.
pub(crate) struct Ready {
    /// Its root file system.
    pub(crate) mounts: Vec<Mount>,
    /// The FIFOs that take its output and its errors.
    pub(crate) output: [PathBuf; 2],
    /// What uid 0 inside is on the node.
    pub(crate) root: u32,
    /// The container's address.
    pub(crate) address: String,
}

/// Makes the container of a workload of which nothing is there. `output` is set as soon as something may write to it. Wherever this
/// ends, the caller can clear up.
pub(crate) async fn bring_up(
    ground: &Ground,
    name: &str,
    workload: &Workload,
    digest: &str,
    output: &mut Option<Output>,
) -> Result<Ready, HostError> {
    let reference = Reference::parse(&workload.image)?;
    let image = ready_image(ground, name, &reference).await?;
    ground.board.update(name, |status| status.state = State::Creating);
    let folder = ground.folder(name)?;
    let isolation = ground.register.assign(name)?;
    let ids = workload.ids(isolation);
    let selinux = selinux::is_live()?;
    let attachment = ground.network.attach(name, &folder, ids).await?;
    ground.network.publish(name, &workload.publish).await?;
    let owner = selinux.then_some(isolation);
    ground.quota.limit(isolation, workload)?;
    let mounts = ground.engine.prepare_snapshot(name, &image.chain_id()?, ids).await?;
    ground.quota.give_layer(&mounts, isolation)?;
    let user = prepare_rootfs(ground, workload, &image, &mounts, isolation, selinux).await?;
    let files = write_files(ground, name, &folder, &attachment)?;
    if let Some(owner) = owner {
        files.values().try_for_each(|path| selinux::label(path, &file_label(owner)))?;
    }
    let defaults = oci_defaults(ground, name)?;
    let inputs = Inputs {
        name,
        workload,
        defaults: &defaults,
        image: &image,
        user: &user,
        isolation,
        selinux,
        network_namespace: &attachment.namespaces.network,
        user_namespace: attachment.namespaces.user.as_ref().map(|(path, _)| path.as_path()),
        files,
        volumes_root: &ground.options.volumes,
        cgroup_parent: Path::new(CGROUP),
    };
    let container = NewContainer {
        name,
        image: reference.to_string(),
        digest: digest.to_owned(),
        stop_signal: image.stop_signal(),
        isolation,
        spec: serde_json::to_vec(&runtime_spec::build(&inputs)?).unwrap_or_default(),
    };
    ground.engine.create_container(container).await?;
    let out = output.insert(Output::open(&folder, name, &ground.sink)?);
    let root = ids.map_or(0, |ids| ids.first);
    let output = [out.stdout.clone(), out.stderr.clone()];
    Ok(Ready { mounts: labelled(mounts, owner), output, root, address: attachment.address.to_string() })
}

/// The mounts of a root file system in which everything has the label of `owner`, layers that others share too.
fn labelled(mut mounts: Vec<Mount>, owner: Option<Isolation>) -> Vec<Mount> {
    if let Some(owner) = owner {
        // In quotes, because there is a comma in it.
        mounts.iter_mut().for_each(|mount| mount.options.push(format!("context=\"{}\"", file_label(owner))));
    }
    mounts
}

/// What every workload has; read at each start, so a change is there for the next one that starts.
fn oci_defaults(ground: &Ground, name: &str) -> Result<OciDefaults, HostError> {
    let path = &ground.options.oci_defaults;
    let Some(text) = files::read_bounded(path, MAX_OCI_DEFAULTS_BYTES)? else { return Ok(OciDefaults::default()) };
    let defaults: OciDefaults = files::parse_secret(path, &text)?;
    defaults
        .beyond_reach()
        .for_each(|c| log::warn!("{name}: settings.oci-defaults.capabilities.{c} has no effect: no container of this node can have it"));
    Ok(defaults)
}

/// The image's configuration, after pulling the image if it is not here whole. One that is here is
/// not pulled again: a node must come up without its registry.
async fn ready_image(ground: &Ground, name: &str, reference: &Reference) -> Result<ImageConfig, HostError> {
    if let Some(config) = local_image(&ground.engine, reference).await? {
        return Ok(config);
    }
    log::info!("{name}: pulling {reference}");
    ground.board.update(name, |status| status.state = State::Pulling);
    let pull = PullOptions { hosts: ground.options.hosts.clone(), credentials: ground.options.credentials.clone() };
    let news = |progress: &PullProgress| ground.board.update(name, |status| status.pull = Some(pull_status(progress)));
    ground.engine.pull(reference, &pull, news).await?;
    log::info!("{name}: pulled {reference}");
    let lost = || HostError::Pull { reference: reference.to_string(), reason: "it was removed at once".to_owned() };
    local_image(&ground.engine, reference).await?.ok_or_else(lost)
}

async fn local_image(engine: &Engine, reference: &Reference) -> Result<Option<ImageConfig>, HostError> {
    let Some(digest) = engine.image_digest(&reference.to_string()).await? else {
        return Ok(None);
    };
    let config = match engine.image_config(digest).await {
        Ok(config) => config,
        Err(error) if error.is_missing() => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(engine.is_unpacked(&config.chain_id()?).await?.then_some(config))
}

/// Everything that needs a look into the root file system; on a thread where waiting for a disk hurts nobody.
async fn prepare_rootfs(
    ground: &Ground,
    workload: &Workload,
    image: &ImageConfig,
    mounts: &[Mount],
    isolation: Isolation,
    selinux: bool,
) -> Result<User, HostError> {
    let (mounts, wanted, volumes) = (mounts.to_vec(), image.user().to_owned(), workload.volumes.clone());
    let (root, quota) = (ground.options.volumes.clone(), Arc::clone(&ground.quota));
    let work = move || {
        let rootfs = Rootfs::open(&mounts, selinux.then(|| file_label(isolation)).as_deref())?;
        volumes::prepare(&root, &volumes, &rootfs, &Owner { isolation, selinux, quota: &quota })?;
        Ok(user::resolve(&wanted, &rootfs.read_text("etc/passwd")?, &rootfs.read_text("etc/group")?)?)
    };
    let died = |error| HostError::network("look into the root file system")(error);
    tokio::task::spawn_blocking(work).await.map_err(died)?
}

/// Writes the files about names that every container expects, as root's.
fn write_files(ground: &Ground, name: &str, folder: &Path, attachment: &Attachment) -> Result<BTreeMap<&'static str, PathBuf>, HostError> {
    let resolver = files::read_bounded(&ground.options.resolver, MAX_RESOLVER_BYTES)?.unwrap_or_default();
    let hosts = format!("127.0.0.1 localhost\n::1 localhost\n{} {name}\n", attachment.address);
    let content = [
        ("/etc/resolv.conf", "resolv.conf", resolver),
        ("/etc/hosts", "hosts", hosts.into_bytes()),
        ("/etc/hostname", "hostname", format!("{name}\n").into_bytes()),
    ];
    let mut paths = BTreeMap::new();
    for (inside, file, content) in content {
        let path = folder.join(file);
        std::fs::write(&path, content).and_then(|()| chown(&path, Some(0), Some(0))).map_err(HostError::file("write", &path))?;
        paths.insert(inside, path);
    }
    Ok(paths)
}
