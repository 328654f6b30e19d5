//! `ephemeral-storage`: the node's disks that last as long as the machine.

use std::io::Write;

use ampoule_api_client::{Client, Method};
use ampoule_api_types::{EphemeralStorageBind, EphemeralStorageInit, Filesystem};
use clap::{Args, Subcommand, ValueEnum};

use crate::{CliError, output::raw_body, report::FormatArgs};

/// What to do with the disks.
#[derive(Subcommand, Clone, Debug)]
pub enum EphemeralStorageCommand {
    /// Make one file system of them
    Init(InitArgs),
    /// Bind folders to it
    Bind(BindArgs),
    /// List the disks
    ListDisks(FormatArgs),
    /// List the folders that may be bound
    ListDirs(FormatArgs),
    /// List the EBS volumes that can be used
    ListEbsVolumes(FormatArgs),
}

/// Which file system, of what.
#[derive(Args, Clone, Debug)]
pub struct InitArgs {
    /// Which file system [default: xfs]
    #[arg(short = 't', long, value_enum)]
    pub filesystem: Option<FilesystemArg>,
    /// Disks to use [default: all ephemeral disks]
    #[arg(long, value_name = "DISK", num_args = 1..)]
    pub disks: Option<Vec<String>>,
    /// EBS volumes to use, from xvdda to xvddx
    #[arg(long, value_name = "VOLUME", num_args = 1..)]
    pub ebs_volumes: Option<Vec<String>>,
    /// Kinds of disks, the preferred first: ephemeral-disk, ebs-volume, or both with a +
    #[arg(long, value_name = "KIND", num_args = 1..)]
    pub prefer: Option<Vec<String>>,
}

/// File systems by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FilesystemArg {
    /// XFS.
    Xfs,
    /// ext4.
    Ext4,
}

/// Which folders.
#[derive(Args, Clone, Debug)]
pub struct BindArgs {
    /// Folders to bind [default: the image's own list]
    #[arg(long, value_name = "FOLDER", num_args = 1..)]
    pub dirs: Vec<String>,
}

pub(crate) fn run(client: &Client, command: &EphemeralStorageCommand, out: &mut dyn Write) -> Result<(), CliError> {
    let list = |args: &FormatArgs, what: &str| client.call(Method::Get, &args.path(&format!("/actions/ephemeral-storage/{what}")), None);
    let answer = match command {
        EphemeralStorageCommand::Init(args) => client.send_json(Method::Post, "/actions/ephemeral-storage/init", &init(args)),
        EphemeralStorageCommand::Bind(args) => {
            let body = EphemeralStorageBind { targets: args.dirs.clone() };
            client.send_json(Method::Post, "/actions/ephemeral-storage/bind", &body)
        }
        EphemeralStorageCommand::ListDisks(args) => list(args, "list-disks"),
        EphemeralStorageCommand::ListDirs(args) => list(args, "list-dirs"),
        EphemeralStorageCommand::ListEbsVolumes(args) => list(args, "list-ebs-volumes"),
    };
    raw_body(out, &answer?.body)
}

fn init(args: &InitArgs) -> EphemeralStorageInit {
    let filesystem = args.filesystem.map(|name| match name {
        FilesystemArg::Xfs => Filesystem::Xfs,
        FilesystemArg::Ext4 => Filesystem::Ext4,
    });
    EphemeralStorageInit { filesystem, disks: args.disks.clone(), ebs_volumes: args.ebs_volumes.clone(), prefer: args.prefer.clone() }
}
