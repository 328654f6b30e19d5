//! Asks the sources and makes the values, each with a limit of its own.

use crate::devices;
use crate::files;
use crate::finding::{Answer, Finding};
use crate::imds::{self, Metadata};
use crate::mounts;
use crate::network;
use crate::options::Options;
use ampoule_provision::imds::Endpoint;
use ampoule_provision::{Dmi, Generated, GeneratedValue, Platform, Source, host_name, identity, seed, time_servers};
use std::time::{Duration, Instant};

/// Longest wait for block devices. A disc that spins up takes seconds; a broken one must not take the boot.
const DEVICE_LIMIT: Duration = Duration::from_secs(10);
/// Longest wait for an address after the metadata service gave no name.
const SHORT_NETWORK_LIMIT: Duration = Duration::from_secs(3);
/// What `netd` calls a node that nobody named.
const NAMELESS: [&str; 3] = ["", "ampoule", "localhost"];

const FW_CFG: &str = "/sys/firmware/qemu_fw_cfg/by_name/opt/org.ampoule";

/// Where the metadata service is, if this machine has one; or why that cannot be known.
pub(crate) type Service = Result<Option<Endpoint>, String>;

/// Whether this machine has a metadata service: its firmware says it is EC2, or its hypervisor names another address (for tests).
pub(crate) fn service(options: &Options) -> Service {
    let text = files::line(&options.path(&format!("{FW_CFG}/imds-endpoint/raw")));
    if !text.is_empty() {
        return Endpoint::parse(&text).map(Some).map_err(|error| format!("fw_cfg opt/org.ampoule/imds-endpoint: {error}"));
    }
    let word = |name: &str| files::line(&options.path(&format!("/sys/class/dmi/id/{name}")));
    let dmi = Dmi { sys_vendor: word("sys_vendor"), board_vendor: word("board_vendor") };
    Ok((Platform::of(&dmi) == Platform::Ec2).then_some(Endpoint::EC2))
}

/// Whether no settings are stored yet.
pub(crate) fn is_first_boot(options: &Options) -> bool {
    std::fs::read_dir(options.path("/state/settings")).map_or(true, |mut entries| entries.next().is_none())
}

/// Asks all sources that need no network, in their order.
pub(crate) async fn local(options: &Options) -> Vec<Answer> {
    let mut answers = Vec::new();
    for (source, path) in [
        (Source::LocalDefaults, "/state/user-data-defaults.toml"),
        (Source::LocalUserData, "/state/user-data.toml"),
        (Source::FirmwareConfig, &format!("{FW_CFG}/user-data/raw")),
        (Source::LocalOverrides, "/state/user-data-overrides.toml"),
    ] {
        let start = Instant::now();
        answers.push(Answer::since(start, source, files::user_data(&options.path(path))));
    }
    answers.extend(on_devices(options).await);
    answers.sort_by_key(|answer| answer.source);
    answers
}

async fn on_devices(options: &Options) -> [Answer; 2] {
    let (sys, dev, start) = (options.path("/sys/block"), options.path("/dev"), Instant::now());
    let looking = tokio::task::spawn_blocking(move || {
        let candidates = devices::scan(&sys, &dev);
        [devices::disc(&candidates, &mounts::open), devices::config_volume(&candidates, &mounts::open)]
    });
    let late = || Finding::Failed(format!("a device did not answer within {} s", DEVICE_LIMIT.as_secs()));
    let found = tokio::time::timeout(DEVICE_LIMIT, looking).await;
    let [disc, volume] = found.map_or_else(|_| [late(), late()], |done| done.unwrap_or_else(|_| [late(), late()]));
    [Answer::since(start, Source::Disc, disc), Answer::since(start, Source::Volume, volume)]
}

/// Asks the metadata service, if there is one, and makes the values that come from it.
pub(crate) async fn remote(options: &Options, service: &Service) -> (Answer, Generated) {
    let start = Instant::now();
    let endpoint = match service {
        Ok(Some(endpoint)) => *endpoint,
        Ok(None) => return (absent(start), Generated::new()),
        Err(why) => return (Answer::since(start, Source::Imds, Finding::Failed(why.clone())), Generated::new()),
    };
    let metadata = imds::ask(endpoint, options.metadata_limit).await;
    let answer = Answer::since(start, Source::Imds, metadata.user_data.clone());
    let mut generated = Generated::from([("aws.region".to_owned(), region(&metadata))]);
    generated.extend(cloud_name(options, &metadata).await.map(|name| ("network.hostname".to_owned(), name)));
    (answer, generated)
}

/// What is said of the metadata service as long as it is not asked.
pub(crate) fn before_asking(service: &Service) -> Answer {
    match service {
        Ok(None) => absent(Instant::now()),
        _ => Answer { source: Source::Imds, finding: Finding::Pending, ms: 0 },
    }
}

fn absent(start: Instant) -> Answer {
    Answer::since(start, Source::Imds, Finding::Absent("the firmware does not say that this is an EC2 instance".into()))
}

/// A region that was only assumed is not kept: the next boot may know.
fn region(metadata: &Metadata) -> GeneratedValue {
    match &metadata.region {
        Ok(region) => GeneratedValue::strong(region.clone(), "the instance identity document"),
        Err(why) => GeneratedValue::weak(identity::DEFAULT_REGION, format!("assumed: {why}")),
    }
}

async fn cloud_name(options: &Options, metadata: &Metadata) -> Option<GeneratedValue> {
    match &metadata.host_name {
        Ok(name) => Some(GeneratedValue::strong(name.as_str(), "the metadata service's local-hostname")),
        Err(why) => {
            log::warn!("No host name from the metadata service: {why}");
            let (address, status) = network::address(&options.path("/run/ampoule/netd/status"), SHORT_NETWORK_LIMIT).await?;
            name_of(options, address, &status.name_servers).await
        }
    }
}

/// A name for a node that is no cloud's, if nothing else names it.
pub(crate) async fn other_name(options: &Options) -> Option<GeneratedValue> {
    let (address, status) = network::address(&options.path("/run/ampoule/netd/status"), options.network_limit).await?;
    if !NAMELESS.contains(&status.hostname.as_str()) {
        return None;
    }
    name_of(options, address, &status.name_servers).await
}

/// What the DNS calls the address, else a name made from it. Only a name that somebody gave is kept.
async fn name_of(options: &Options, address: std::net::IpAddr, servers: &[String]) -> Option<GeneratedValue> {
    match network::reverse(servers, options.dns_port, address).await {
        Ok(name) => Some(GeneratedValue::strong(name.as_str(), format!("the DNS name of {address}"))),
        Err(why) => {
            let name = host_name::from_address(address)?;
            Some(GeneratedValue::strong(name.as_str(), format!("made from the address {address}; no name in the DNS: {why}")))
        }
    }
}

/// Values that need nothing but this machine.
pub(crate) fn own_values(service: &Service) -> Generated {
    let platform = if matches!(service, Ok(Some(_))) { Platform::Ec2 } else { Platform::Other };
    let mut values = Generated::new();
    match crate::random::number() {
        Ok(random) => drop(values.insert("updates.seed".into(), seed(random))),
        Err(error) => log::error!("No seed for update waves: {error}"),
    }
    values.extend(time_servers(platform).map(|servers| ("ntp.time-servers".to_owned(), servers)));
    values
}
