//! The host tool behind `./ampoule`.

mod bench;
mod building;
mod check;
mod clean;
mod cli;
mod demo;
mod docs;
mod doctor;
mod figures;
mod inspect;
mod interrupt;
mod local;
mod lock;
mod observe;
mod paths;
mod programs;
mod publish;
mod remove;
mod show;
mod testing;

use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, Parser};
use cli::{BenchWhat, Cli, Command, LockWhat};

fn main() -> ExitCode {
    let cli = Cli::parse();
    match dispatch(cli.command) {
        Ok(code) => code,
        Err(error) if error.is::<interrupt::Stopped>() => {
            eprintln!("Stopped on request.");
            ExitCode::from(interrupt::Stopped::EXIT_CODE)
        }
        Err(error) => {
            explain(&error);
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: Command) -> Result<ExitCode> {
    match command {
        Command::Run(args) => local::run::run(&args)?,
        Command::Build(args) => building::command(&args)?,
        Command::Test(args) => return testing::run(&args),
        Command::Check(args) => return check::run(&args),
        Command::Docs => docs::run()?,
        Command::Inspect(args) => inspect::run(&args)?,
        Command::Bench(args) => match args.what {
            BenchWhat::Boot { runs, machine, image, write } => bench::boot(runs, machine, image.as_deref(), write)?,
            BenchWhat::Surface { machine, write } => bench::surface::run(machine, write)?,
            BenchWhat::Update { from, to, write } => bench::update::run(&from, &to, write)?,
            BenchWhat::Reboot { runs, write } => bench::reboot::run(runs, write)?,
            BenchWhat::Image { folder, runs, machine, write } => {
                bench::images::run(&folder, runs, machine, write.as_deref())?;
            }
            BenchWhat::Api { runs, machine, image, write } => {
                bench::api::run(runs, machine, image.as_deref(), write)?;
            }
        },
        Command::Publish(args) => return publish::run(&args),
        Command::Doctor => return doctor::run(),
        Command::Ps(args) => return observe::ps(&args),
        Command::Logs(args) => return observe::logs(&args),
        Command::Console(args) => observe::console(&args)?,
        Command::Ctl(args) => return observe::ctl(&args),
        Command::Stop(args) => local::stop::run(&args.name)?,
        Command::Clean(args) => clean::run(&args)?,
        Command::Lock(args) => match args.what {
            LockWhat::Update { name } => lock::update(&name)?,
        },
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "ampoule", &mut script);
            show::print(&String::from_utf8_lossy(&script))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The error and its causes, each once, outermost first.
fn explain(error: &anyhow::Error) {
    let mut chain = error.chain();
    eprintln!("error: {}", chain.next().map(ToString::to_string).unwrap_or_default());
    for cause in chain {
        eprintln!("  because: {cause}");
    }
    if let Some(failed) = error.downcast_ref::<ampoule_builder::StageFailed>()
        && let Some(log) = &failed.log
    {
        let text = std::fs::read_to_string(log).unwrap_or_default();
        eprintln!("\nlast lines of {}:\n{}", log.display(), ampoule_machine::last_lines(&text, 20));
    }
}
