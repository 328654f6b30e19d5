//! What can be typed after `publish`.

use std::path::PathBuf;

use ampoule_publish::{Given, KeyUriError, Lifetimes, ROOT_LIFETIME, find_policy};
use ampoule_update::{Timestamp, policy::Policy};
use clap::{Args, Subcommand};
use semver::Version;

/// `publish`.
#[derive(Args, Debug, Clone)]
pub(crate) struct PublishArgs {
    #[command(subcommand)]
    pub(crate) what: PublishWhat,
}

/// What is done to a repository.
#[derive(Subcommand, Debug, Clone)]
pub(crate) enum PublishWhat {
    /// Make a root of trust and the keys that sign a repository
    ///
    /// The folder gets root.json, which goes into images (`./ampoule build --update-root`), and private keys: those of the root
    /// belong on a medium that is put away; the others sign at each publication.
    Keys(KeysArgs),
    /// Make a repository, or add an image to one
    Repo(RepoArgs),
    /// Sign a repository anew before its metadata expires
    Refresh(RefreshArgs),
    /// Make the next version of the root of trust: other keys, a later end, or both
    RotateRoot(RotateArgs),
    /// Prove a repository as nodes see it
    ///
    /// The exit code is 0 if nodes would take everything in it and it is as expected, else 1.
    Check(CheckArgs),
    /// Say what a node with one image fetches for another
    DeltaReport(DeltaArgs),
}

/// `publish keys`.
#[derive(Args, Debug, Clone)]
pub(crate) struct KeysArgs {
    /// Where root.json and the keys go
    pub(crate) folder: PathBuf,
    /// Keys of the root
    #[arg(long, default_value_t = 1)]
    pub(crate) root_keys: u32,
    /// How many of them must sign a root
    #[arg(long, default_value_t = 1)]
    pub(crate) root_threshold: u32,
    /// A key that is there already, as ROLE=URI; may be repeated [default: new ones are made]
    ///
    /// URI is file:///PATH, aws-kms://PROFILE/KEY, aws-ssm://PROFILE/PARAMETER, or command:PROGRAM ARGUMENTS for a program that signs with
    /// whatever holds the key (docs/guide/publishing-updates.md).
    #[arg(long, value_name = "ROLE=URI", value_parser = given)]
    pub(crate) key: Vec<Given>,
    /// Until when the root holds, as 2027-01-31T00:00:00Z [default: in a year]
    #[arg(long, value_name = "TIME")]
    pub(crate) expires: Option<Timestamp>,
}

/// Where a repository and its keys are.
#[derive(Args, Debug, Clone)]
pub(crate) struct Place {
    /// Folder of the repository
    #[arg(long, value_name = "FOLDER")]
    pub(crate) repo: PathBuf,
    /// Folder with root.json and the keys
    #[arg(long, value_name = "FOLDER")]
    pub(crate) keys: PathBuf,
    /// How long all metadata holds, as `30 days` [default: two weeks, its timestamp one week]
    #[arg(long, value_name = "DURATION", value_parser = lifetimes)]
    pub(crate) expires: Option<Lifetimes>,
}

/// `publish repo`.
#[derive(Args, Debug, Clone)]
pub(crate) struct RepoArgs {
    /// Folder of a built image; may be repeated
    #[arg(long, value_name = "FOLDER")]
    pub(crate) image: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) place: Place,
    /// When which part of the fleet takes it: default, accelerated, ohno, slow-roll, or a file with [[waves]] [default: all at once]
    #[arg(long, value_name = "POLICY", value_parser = policy)]
    pub(crate) waves: Option<Policy>,
    /// When the waves begin [default: now]
    #[arg(long, value_name = "TIME", requires = "waves")]
    pub(crate) wave_start: Option<Timestamp>,
    /// The newest version that nodes shall run; those with a newer one go back [default: the newest there is]
    #[arg(long, value_name = "VERSION")]
    pub(crate) max_version: Option<Version>,
    /// Take a version out; may be repeated
    #[arg(long, value_name = "VERSION")]
    pub(crate) remove: Vec<Version>,
}

/// `publish refresh`.
#[derive(Args, Debug, Clone)]
pub(crate) struct RefreshArgs {
    #[command(flatten)]
    pub(crate) place: Place,
}

/// `publish rotate-root`.
#[derive(Args, Debug, Clone)]
pub(crate) struct RotateArgs {
    /// Folder with root.json and the keys, those before among them
    #[arg(long, value_name = "FOLDER")]
    pub(crate) keys: PathBuf,
    /// Folder of the repository, which is signed anew
    #[arg(long, value_name = "FOLDER")]
    pub(crate) repo: Option<PathBuf>,
    /// Role that gets new keys: root, targets, snapshot or timestamp; may be repeated [default: none, only a later end]
    #[arg(long, value_name = "ROLE")]
    pub(crate) replace: Vec<String>,
    /// Keys of the root, if they are replaced [default: as many as before]
    #[arg(long, requires = "root_threshold")]
    pub(crate) root_keys: Option<u32>,
    /// How many of them must sign a root
    #[arg(long, requires = "root_keys")]
    pub(crate) root_threshold: Option<u32>,
    /// A key for a role that is replaced, as ROLE=URI; may be repeated [default: new ones are made]
    ///
    /// URI is file:///PATH, aws-kms://PROFILE/KEY, aws-ssm://PROFILE/PARAMETER, or command:PROGRAM ARGUMENTS for a program that signs with
    /// whatever holds the key (docs/guide/publishing-updates.md).
    #[arg(long, value_name = "ROLE=URI", value_parser = given, requires = "replace")]
    pub(crate) key: Vec<Given>,
    /// Until when the root holds [default: in a year]
    #[arg(long, value_name = "TIME")]
    pub(crate) expires: Option<Timestamp>,
}

/// `publish check`.
#[derive(Args, Debug, Clone)]
pub(crate) struct CheckArgs {
    /// Folder or address of the repository
    #[arg(long, value_name = "FOLDER|URL")]
    pub(crate) repo: String,
    /// The root.json that nodes have
    #[arg(long, value_name = "FILE")]
    pub(crate) root: PathBuf,
    /// The manifest.json that the repository should offer
    #[arg(long, value_name = "FILE")]
    pub(crate) expect: Option<PathBuf>,
    /// Keep in this folder what was seen, so that a repository that went back is found the next time
    #[arg(long, value_name = "FOLDER")]
    pub(crate) seen: Option<PathBuf>,
    /// Warn if metadata expires within so many days
    #[arg(long, default_value_t = 3)]
    pub(crate) warn_days: u16,
}

/// `publish delta-report`.
#[derive(Args, Debug, Clone)]
pub(crate) struct DeltaArgs {
    /// Folder of the image that nodes run, or its version in a repository
    pub(crate) from: String,
    /// Folder of the image that they shall run, or its version
    pub(crate) to: String,
    /// Take both from this repository
    #[arg(long, value_name = "FOLDER")]
    pub(crate) repo: Option<PathBuf>,
    /// Which variant of the repository
    #[arg(long, default_value = "standalone", requires = "repo")]
    pub(crate) variant: String,
    /// Print it as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

fn lifetimes(text: &str) -> Result<Lifetimes, String> {
    Lifetimes::all(text).map_err(|error| format!("{error:#}"))
}

fn given(text: &str) -> Result<Given, String> {
    let (role, uri) = text.split_once('=').ok_or("ROLE=URI is wanted, as targets=aws-kms://PROFILE/KEY")?;
    if !["root", "targets", "snapshot", "timestamp"].contains(&role) {
        return Err(format!("{role} is no role: root, targets, snapshot or timestamp"));
    }
    Ok(Given { role: role.to_owned(), uri: uri.parse().map_err(|error: KeyUriError| error.to_string())? })
}

fn policy(text: &str) -> Result<Policy, String> {
    find_policy(text).map_err(|error| format!("{error:#}"))
}

/// The end of a root, in a year unless it was given.
pub(crate) fn end(given: Option<Timestamp>) -> Timestamp {
    given.unwrap_or_else(|| ampoule_publish::now().plus(ROOT_LIFETIME))
}
