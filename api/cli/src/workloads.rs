//! `workloads`: the containers that the settings name.

use std::io::Write;

use ampoule_api_client::Client;
use ampoule_api_types::v1::{DiskUse, SharedVolume, WorkloadStatus};

use crate::{
    CliError, OutputFormat,
    output::{self, or_dash},
};

pub(crate) fn run(client: &Client, format: OutputFormat, out: &mut dyn Write) -> Result<(), CliError> {
    let list = client.workloads()?;
    if format == OutputFormat::Json {
        return output::json(out, &list);
    }
    let rows: Vec<Vec<String>> = list.workloads.iter().map(row).collect();
    output::table(out, &["NAME", "STATE", "PID", "ADDRESS", "RESTARTS", "DISK", "IMAGE", "MESSAGE"], &rows)?;
    if !list.shared_volumes.is_empty() {
        let volumes: Vec<Vec<String>> = list.shared_volumes.iter().map(volume).collect();
        writeln!(out)?;
        output::table(out, &["SHARED VOLUME", "DISK"], &volumes)?;
    }
    if let Some(reason) = &list.without_disk_limits {
        writeln!(out, "\nThe disk is not limited: {}", output::printable(reason))?;
    }
    Ok(())
}

fn volume(volume: &SharedVolume) -> Vec<String> {
    vec![volume.name.clone(), disk(volume.disk)]
}

/// Bytes; inodes where they are what ends first.
fn disk(disk: DiskUse) -> String {
    let of = |used: u64, limit: u64| u128::from(used) * 1000 / u128::from(limit.max(1));
    if of(disk.inodes, disk.inode_limit) > of(disk.used, disk.limit) {
        return format!("{} of {} inodes", disk.inodes, disk.inode_limit);
    }
    format!("{} of {}", output::size(disk.used), output::size(disk.limit))
}

fn row(workload: &WorkloadStatus) -> Vec<String> {
    let state = match workload.pull {
        Some(pull) => format!("{} {} %", workload.state, pull.percent),
        None => workload.state.to_string(),
    };
    vec![
        workload.name.clone(),
        state,
        or_dash(workload.pid),
        or_dash(workload.address.clone()),
        workload.restarts.to_string(),
        or_dash(workload.disk.map(disk)),
        short(&workload.image),
        workload.message.clone(),
    ]
}

/// A digest is longer than a terminal's line; twelve digits tell images apart. The whole one is in the JSON.
fn short(image: &str) -> String {
    match image.split_once("@sha256:") {
        Some((name, digest)) if digest.chars().count() > 12 => format!("{name}@{}…", digest.chars().take(12).collect::<String>()),
        _ => image.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_first_is_shown() {
        let of = |used, inodes| disk(DiskUse { used, limit: 4 << 30, inodes, inode_limit: 1000 });
        assert_eq!((of(3 << 30, 10), of(1 << 20, 999)), ("3.0 GiB of 4.0 GiB".to_owned(), "999 of 1000 inodes".to_owned()));
    }

    #[test]
    fn only_a_long_digest_is_cut() {
        assert_eq!(short("r/a@sha256:0123456789abcdef"), "r/a@0123456789ab…");
        assert_eq!(short("docker.io/library/nginx:1"), "docker.io/library/nginx:1");
    }
}
