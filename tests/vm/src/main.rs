//! Whole-system tests in virtual machines.

mod cases;
mod context;
mod framework;
mod passed;
mod runner;
mod software;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Result, ensure};
use clap::Parser;

use context::{Context, Places};
use runner::Plan;

/// Boots nodes from built images, uses them and attacks them.
#[derive(Parser)]
#[command(name = "vm-tests", version)]
struct Arguments {
    /// Folder of the image under test, as the builder leaves it
    #[arg(long, default_value = "out/standalone")]
    image_dir: PathBuf,
    /// Folder of the image of the variant `test`, which carries a program that attacks from inside [default: `test`
    /// beside the image under test]
    #[arg(long)]
    probe_image_dir: Option<PathBuf>,
    /// The demo workload's program (static) [default: built with cargo when a case needs it]
    #[arg(long)]
    demo: Option<PathBuf>,
    /// The host tool [default: `ampoule-tool` beside this program]
    #[arg(long)]
    tool: Option<PathBuf>,
    /// Cases at once [default: what memory and processors allow, at most 2 under emulation,
    /// and one more of those that mostly wait]
    #[arg(long)]
    jobs: Option<usize>,
    /// Only cases whose name contains one of these words
    #[arg(long, value_delimiter = ',')]
    filter: Vec<String>,
    /// Also the long ones
    #[arg(long)]
    soak: bool,
    /// Folder for consoles, disks and logs of each case
    #[arg(long, default_value = "out/vm-tests")]
    logs: PathBuf,
    /// Folder that remembers which cases passed; those that did with the same images, tests and emulator are not run
    #[arg(long)]
    passed: Option<PathBuf>,
    /// Run them all the same
    #[arg(long)]
    again: bool,
    /// Print the cases and end
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("vm-tests: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether every case passed.
fn run(arguments: Arguments) -> Result<bool> {
    let cases = runner::choose(&arguments.filter, arguments.soak);
    if arguments.list {
        for case in &cases {
            println!("{:44} {}", case.name, case.about);
        }
        return Ok(true);
    }
    ensure!(!cases.is_empty(), "no case has {:?} in its name; see --list", arguments.filter);
    let (probe, demo) = (arguments.probe_image_dir.as_deref(), arguments.demo.as_deref());
    let places = Places::find(&arguments.image_dir, probe, demo, arguments.tool, &arguments.logs)?;
    let passed = arguments.passed.as_deref().map(|folder| places.passed(folder));
    let passed = passed.and_then(|known| known.inspect_err(|error| println!("     what passed before is not known: {error:#}")).ok());
    let jobs = arguments.jobs.unwrap_or_else(runner::default_jobs);
    // Who names a number means it.
    let one_more_waits = arguments.jobs.is_none() && runner::one_more_fits(jobs);
    let plan = Plan { jobs, one_more_waits, cases, passed, again: arguments.again };
    Ok(runner::run(plan, Context::new(places)))
}
