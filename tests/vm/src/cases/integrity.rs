//! What is not the image is not run.

use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    process::Command,
};

use ampoule_layout::CommandLine;
use ampoule_update_attacks::hash_tree;
use anyhow::{Context as _, Result, ensure};

use super::devices;
use crate::{context::Context, framework::within, runner::Case, software};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "one_flipped_byte_is_refused",
        about: "one changed byte in the root file system: the kernel refuses to go on",
        limit: within(300),
        soak: false,
        run: one_flipped_byte_is_refused,
    },
    Case {
        name: "a_swapped_hash_tree_is_refused",
        about: "another hash tree than the one of the command line: the kernel refuses to go on",
        limit: within(300),
        soak: false,
        run: a_swapped_hash_tree_is_refused,
    },
    Case {
        name: "no_node_runs_without_its_policy",
        about: "an image that is verified and whose policy the kernel does not take: nothing is started",
        limit: within(300),
        soak: false,
        run: no_node_runs_without_its_policy,
    },
    Case {
        name: "a_changed_module_is_not_loaded",
        about: "an image that is verified and has one byte of a driver changed: the kernel refuses the driver for its signature, and the node serves without the card",
        limit: within(480),
        soak: false,
        run: a_changed_module_is_not_loaded,
    },
];

/// A copy of the image whose disk has `change` made to the partition `name`.
fn broken_image(context: &Context, name: &str, change: impl FnOnce(&mut File, u64, u64) -> Result<()>) -> Result<PathBuf> {
    let folder = context.folder().join("image");
    fs::create_dir_all(&folder)?;
    for file in ["vmlinuz", "cmdline"] {
        fs::copy(context.image().join(file), folder.join(file))?;
    }
    let disk = folder.join("disk.raw");
    let status =
        Command::new("cp").args(["--sparse=always", "--reflink=auto"]).arg(context.image().join("disk.raw")).arg(&disk).status()?;
    ensure!(status.success(), "the disk cannot be copied");
    let mut file = File::options().read(true).write(true).open(&disk)?;
    let (start, length) = partition(&mut file, name)?;
    change(&mut file, start, length)?;
    file.sync_all()?;
    Ok(folder)
}

fn one_flipped_byte_is_refused(context: &Context) -> Result<()> {
    // In the file system's first block, which the kernel reads whatever it does next.
    let image = broken_image(context, "ROOT-A", |disk, start, _| flip(disk, start + 1024 + 80))?;
    refuses(context, &image)
}

fn a_swapped_hash_tree_is_refused(context: &Context) -> Result<()> {
    // A tree of the right shape that belongs to other data: every hash block of it changed alike.
    let image = broken_image(context, "VERITY-A", |disk, start, length| {
        let mut tree = vec![0; usize::try_from(length.min(4 << 20))?];
        disk.seek(SeekFrom::Start(start))?;
        disk.read_exact(&mut tree)?;
        tree.iter_mut().for_each(|byte| *byte = byte.rotate_left(1));
        write_at(disk, start, &tree)
    })?;
    refuses(context, &image)
}

fn refuses(context: &Context, image: &Path) -> Result<()> {
    let mut node = context.node().of_image(image.to_owned()).start()?;
    node.panics(within(120))?;
    let console = node.console();
    ensure!(console.contains("dm-verity device corrupted"), "another panic than wanted:\n{console}");
    fs::remove_dir_all(image)?;
    Ok(())
}

fn no_node_runs_without_its_policy(context: &Context) -> Result<()> {
    // With these words a policy begins (`POLICYDB_STRING`, security/selinux/ss/policydb.h).
    let image = image_made_so(context, "SE Linux", "SE linux")?;
    let mut node = context.node().of_image(image.clone()).start()?;
    node.shows("The SELinux policy is not in force: load the policy", within(120))?;
    node.shows("reboot: Restarting system", within(60))?;
    let console = node.console();
    ensure!(!console.contains("is ready after"), "it was ready:\n{console}");
    Ok(fs::remove_dir_all(image)?)
}

fn a_changed_module_is_not_loaded(context: &Context) -> Result<()> {
    // The name of a test that a driver of network cards can make.
    let image = image_made_so(context, "Register test  (offline)", "Register test  (Offline)")?;
    let mut node = context.node().of_image(image.clone()).start()?;
    node.boots()?;
    node.stops_at_the_power_button()?;
    let mut node = node.starts_again_with(devices::card_arguments())?;
    node.boots()?;
    node.eventually("the kernel refuses the driver", within(60), |node| {
        let lines = node.log_of("modload")?;
        ensure!(lines.iter().any(|line| line.text.contains("e1000e.ko (EKEYREJECTED")), "{lines:?}");
        Ok(())
    })?;
    ensure!(
        devices::card(&node, devices::MAC)?.is_none() && devices::loads(&node)?.is_empty(),
        "it was loaded: {:?}",
        devices::loads(&node)?
    );
    node.stops_at_the_power_button()?;
    Ok(fs::remove_dir_all(image)?)
}

/// An image with `new` in the only place of its root where `old` is, as who builds it could make it: hash tree and command line are of this root.
fn image_made_so(context: &Context, old: &str, new: &str) -> Result<PathBuf> {
    let mut root = fs::read(context.image().join("root.erofs"))?;
    software::replace(&mut root, old, new)?;
    let (tree, hash) = hash_tree(&root);
    let image = broken_image(context, "ROOT-A", |disk, start, _| {
        write_at(disk, start, &root)?;
        let (start, _) = partition(disk, "VERITY-A")?;
        write_at(disk, start, &tree)
    })?;
    let mut line: CommandLine = fs::read_to_string(image.join("cmdline"))?.parse()?;
    // The partitions keep their names, which would follow from the hash.
    line.root.root_hash = hash;
    fs::write(image.join("cmdline"), line.to_string())?;
    Ok(image)
}

fn write_at(disk: &mut File, start: u64, bytes: &[u8]) -> Result<()> {
    disk.seek(SeekFrom::Start(start))?;
    Ok(disk.write_all(bytes)?)
}

fn flip(disk: &mut File, at: u64) -> Result<()> {
    let mut byte = [0];
    disk.seek(SeekFrom::Start(at))?;
    disk.read_exact(&mut byte)?;
    disk.seek(SeekFrom::Start(at))?;
    Ok(disk.write_all(&[byte[0] ^ 0x10])?)
}

/// Where a partition lies, in bytes: start and length. Reads the GPT (128 entries of 128 bytes from sector 2).
fn partition(disk: &mut File, name: &str) -> Result<(u64, u64)> {
    let mut entries = vec![0; 128 * 128];
    disk.seek(SeekFrom::Start(2 * 512))?;
    disk.read_exact(&mut entries)?;
    let found = entries.chunks_exact(128).find(|entry| partition_name(&entry[56..]) == name);
    let entry = found.with_context(|| format!("no partition {name}"))?;
    let sector = |at: usize| -> Result<u64> { Ok(u64::from_le_bytes(entry[at..at + 8].try_into()?)) };
    let (first, last) = (sector(32)?, sector(40)?);
    Ok((first * 512, (last + 1 - first) * 512))
}

fn partition_name(utf16: &[u8]) -> String {
    let units = utf16.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    String::from_utf16_lossy(&units.take_while(|unit| *unit != 0).collect::<Vec<_>>())
}
