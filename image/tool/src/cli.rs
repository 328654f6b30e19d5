//! Everything that can be typed.

use std::path::PathBuf;

use ampoule_api_cli::OutputFormat;
use ampoule_machine::Firmware;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::bench::Conditions;

/// Ampoule: a sealed Linux that only runs containers
///
/// Builds node images, runs them in local virtual machines and tests them. Start with `./ampoule run`.
#[derive(Parser, Debug)]
#[command(name = "ampoule", bin_name = "./ampoule", version, propagate_version = true)]
pub(crate) struct Cli {
    /// What to do
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Boot a node on this machine and have it serve a container
    ///
    /// Without IMAGE: a demo page from a registry inside this program; no internet is needed for it. The node keeps its
    /// state between runs. Ctrl-C stops it in an orderly way.
    Run(RunArgs),
    /// Build a node image
    Build(BuildArgs),
    /// Run all tests, or those whose name contains FILTER
    ///
    /// The last line is the total. The exit code is 0 only if nothing failed.
    Test(TestArgs),
    /// Check a file as a node would, without a node
    Check(CheckArgs),
    /// Write the reference of the settings from the code: docs/reference
    Docs,
    /// Show what a built image consists of
    Inspect(InspectArgs),
    /// Measure Ampoule beside a general-purpose Linux
    Bench(BenchArgs),
    /// Make and check repositories that nodes take updates from
    Publish(crate::publish::args::PublishArgs),
    /// Check whether this machine has what is needed, and say what to do if not
    Doctor,
    /// List the workloads of the running node
    Ps(NodeArgs),
    /// Show the output of services and workloads of the running node
    Logs(ShowLogsArgs),
    /// Show the console of the node: its kernel and first program
    Console(ConsoleArgs),
    /// Speak to the API of the running node: `./ampoule ctl get settings`
    Ctl(CtlArgs),
    /// Stop the running node in an orderly way
    Stop(NodeArgs),
    /// Remove what was built, or what nodes have kept
    Clean(CleanArgs),
    /// Move the lock of an input to the newest of its series
    Lock(LockArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// Which local node.
#[derive(Args, Debug, Clone)]
pub(crate) struct NodeArgs {
    /// Name of the local node
    #[arg(long, default_value = "default", value_parser = node_name)]
    pub(crate) name: String,
}

/// `run`.
#[derive(Args, Debug, Clone)]
pub(crate) struct RunArgs {
    /// What to run: a reference (docker.io/library/nginx:1), an OCI layout folder, or an image archive
    pub(crate) image: Option<String>,
    /// Lead a port of this machine to the container, as HOST:NODE[:CONTAINER]; may be repeated
    #[arg(long, short, value_name = "HOST:NODE", value_parser = crate::local::publish::parse)]
    pub(crate) publish: Vec<crate::local::publish::Publish>,
    /// User data for the node's first boot, as Bottlerocket's TOML, plain or gzip
    #[arg(long, value_name = "FILE")]
    pub(crate) user_data: Option<PathBuf>,
    /// Which image, from the folder variants/
    #[arg(long, default_value = "standalone")]
    pub(crate) variant: String,
    /// Boot the image that lies built in this folder instead of building that of this checkout
    #[arg(long, value_name = "FOLDER", conflicts_with = "variant")]
    pub(crate) image_dir: Option<PathBuf>,
    /// Memory of the node in MiB
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u32).range(192..=1 << 20))]
    pub(crate) memory: u32,
    /// Processors of the node
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=255))]
    pub(crate) cpus: u32,
    /// How it boots: `direct` is quickest, `uefi` is as on real hardware
    #[arg(long, value_enum, default_value_t = FirmwareArg::Direct)]
    pub(crate) firmware: FirmwareArg,
    /// Return when the node serves, and leave it running
    #[arg(long, short)]
    pub(crate) detach: bool,
    /// Forget what this node has kept
    #[arg(long)]
    pub(crate) fresh: bool,
    #[command(flatten)]
    pub(crate) node: NodeArgs,
    /// Set by `--detach` for the process that stays behind
    #[arg(long, hide = true)]
    pub(crate) behind: bool,
}

/// Firmware by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FirmwareArg {
    /// QEMU loads the kernel itself
    Direct,
    /// OVMF, systemd-boot and the unified kernel image
    Uefi,
}

impl From<FirmwareArg> for Firmware {
    fn from(arg: FirmwareArg) -> Self {
        match arg {
            FirmwareArg::Direct => Self::Direct,
            FirmwareArg::Uefi => Self::Uefi,
        }
    }
}

/// `build`.
#[derive(Args, Debug, Clone)]
pub(crate) struct BuildArgs {
    /// Which image, from the folder variants/
    #[arg(default_value = "standalone")]
    pub(crate) variant: String,
    /// Refuse an input that is not exactly the locked one
    #[arg(long)]
    pub(crate) locked: bool,
    /// Folder for the finished image [default: out/VARIANT]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
    /// The root.json that nodes of this image trust for updates [default: that of the variant, if it names one]
    #[arg(long, value_name = "FILE")]
    pub(crate) update_root: Option<PathBuf>,
}

/// `test`.
#[derive(Args, Debug, Clone)]
pub(crate) struct TestArgs {
    /// Only tests whose name contains this; stages that are no tests are left out then
    pub(crate) filter: Option<String>,
    /// Add the long runs that are kept out of CI
    #[arg(long)]
    pub(crate) soak: bool,
    /// Also run the tests in machines that passed before with the very same images, tests and emulator
    ///
    /// So it is with `CI` in the environment, with a name, and for long runs.
    #[arg(long)]
    pub(crate) again: bool,
}

/// `check`.
#[derive(Args, Debug, Clone)]
pub(crate) struct CheckArgs {
    #[command(subcommand)]
    pub(crate) what: CheckWhat,
}

/// What is checked.
#[derive(Subcommand, Debug, Clone)]
pub(crate) enum CheckWhat {
    /// User data: every error at once, with its place, what is wrong and what to do
    ///
    /// The same code as on the node. The exit code is 0 if a node would take the file, else 1.
    UserData(UserDataArgs),
}

/// `check user-data`.
#[derive(Args, Debug, Clone)]
pub(crate) struct UserDataArgs {
    /// TOML with [settings] at its top, plain or gzip; `-` is standard input
    pub(crate) file: PathBuf,
    /// Which image it is for, from the folder variants/
    #[arg(long, default_value = "standalone")]
    pub(crate) variant: String,
    /// For people or for programs
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: OutputFormat,
    /// Show also what the node would do, compared with its defaults
    #[arg(long)]
    pub(crate) plan: bool,
}

/// `inspect`.
#[derive(Args, Debug, Clone)]
pub(crate) struct InspectArgs {
    /// Which image, from the folder variants/
    #[arg(default_value = "standalone")]
    pub(crate) variant: String,
    /// Print the manifest as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `bench`.
#[derive(Args, Debug, Clone)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    pub(crate) what: BenchWhat,
}

/// What is measured.
#[derive(Subcommand, Debug, Clone)]
pub(crate) enum BenchWhat {
    /// Boot, memory and size beside Debian 13 with systemd and containerd
    Boot {
        /// Boots of each system; the median counts
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=99))]
        runs: u32,
        #[command(flatten)]
        machine: Conditions,
        /// Measure the image that lies built in this folder instead of building that of this checkout
        #[arg(long, value_name = "FOLDER")]
        image: Option<PathBuf>,
        /// Write the table to docs/benchmarks.md
        #[arg(long)]
        write: bool,
    },
    /// The settings API: requests, changes until they have effect, memory, checking of user data
    Api {
        /// Changes that are timed; the median counts
        #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=99))]
        runs: u32,
        #[command(flatten)]
        machine: Conditions,
        /// Measure the image that lies built in this folder instead of building that of this checkout
        #[arg(long, value_name = "FOLDER")]
        image: Option<PathBuf>,
        /// Write the table to docs/benchmarks-api.md
        #[arg(long)]
        write: bool,
    },
    /// What a stranger could attack, counted on a running node beside Debian 13: programs, processes, ports, system calls, kernel options
    Surface {
        #[command(flatten)]
        machine: Conditions,
        /// Write the table to docs/benchmarks-surface.md
        #[arg(long)]
        write: bool,
    },
    /// What a node fetches for typical updates, put together from two built images, beside other ways to bring them
    Update {
        /// Folder of the image that nodes run
        from: PathBuf,
        /// Folder of the newer image
        to: PathBuf,
        /// Write the table to docs/benchmarks-update.md
        #[arg(long)]
        write: bool,
    },
    /// How long a restart, which is all that an update interrupts, keeps a container from answering, beside Debian 13
    Reboot {
        /// Restarts of each system; the median counts
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=99))]
        runs: u32,
        /// Write the table to docs/benchmarks-reboot.md
        #[arg(long)]
        write: bool,
    },
    /// Boot and memory of this checkout's image beside another one that lies built in a folder: what a change costs
    Image {
        /// Where the other image is, such as another checkout's out/standalone
        folder: std::path::PathBuf,
        /// Boots of each image; the median counts
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=99))]
        runs: u32,
        #[command(flatten)]
        machine: Conditions,
        /// Write the table to this file in docs/
        #[arg(long, value_name = "NAME", value_parser = file_name)]
        write: Option<String>,
    },
}

/// `logs`.
#[derive(Args, Debug, Clone)]
pub(crate) struct ShowLogsArgs {
    #[command(flatten)]
    pub(crate) lines: ampoule_api_cli::LogsArgs,
    #[command(flatten)]
    pub(crate) node: NodeArgs,
}

/// `console`.
#[derive(Args, Debug, Clone)]
pub(crate) struct ConsoleArgs {
    /// Keep showing what comes
    #[arg(long, short)]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) node: NodeArgs,
}

/// `ctl`.
#[derive(Args, Debug, Clone)]
pub(crate) struct CtlArgs {
    #[command(flatten)]
    pub(crate) node: NodeArgs,
    #[command(flatten)]
    pub(crate) arguments: ampoule_api_cli::Arguments,
}

/// `clean`.
#[derive(Args, Debug, Clone)]
pub(crate) struct CleanArgs {
    /// Also the cache: the next build starts from nothing and takes many minutes
    #[arg(long)]
    pub(crate) cache: bool,
    /// Also what local nodes have kept (settings, volumes); running nodes are left alone
    #[arg(long)]
    pub(crate) nodes: bool,
}

/// `lock`.
#[derive(Args, Debug, Clone)]
pub(crate) struct LockArgs {
    #[command(subcommand)]
    pub(crate) what: LockWhat,
}

/// What is done to the lock.
#[derive(Subcommand, Debug, Clone)]
pub(crate) enum LockWhat {
    /// Move one input, or `all`
    Update {
        /// Name of the input, as in image/lock.toml
        name: String,
    },
}

/// A page of the documentation, by its name alone.
fn file_name(text: &str) -> Result<String, String> {
    let is_page = text.strip_suffix(".md").is_some_and(|stem| stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
    if is_page { Ok(text.to_owned()) } else { Err("a name such as `benchmarks-confinement.md`".to_owned()) }
}

/// It becomes a folder name.
fn node_name(text: &str) -> Result<String, String> {
    let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=40).contains(&text.len()) && text.bytes().all(fine) && !text.starts_with('-') {
        return Ok(text.to_owned());
    }
    Err("1 to 40 of a-z, 0-9 and -".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definitions_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_node_name_cannot_leave_its_folder() {
        assert!(node_name("a-1").is_ok());
        assert!(node_name("../x").is_err());
        assert!(node_name("").is_err());
    }
}
