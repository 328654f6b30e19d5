//! `test`: everything that can tell whether this checkout is sound, and one total.

mod reasons;
mod reproducible;
mod stages;
mod tally;

use std::{process::ExitCode, time::Instant};

use ampoule_builder::{Again, BuiltImage};
use anyhow::Result;

use crate::{building, cli::TestArgs, figures, paths, show::Show};
use tally::Tally;

/// The variant that is built and tested in machines.
const VARIANT: &str = "standalone";

/// The same with a program in it that attacks the node from inside.
const PROBE_VARIANT: &str = "test";

/// `./ampoule test`. Runs on after a failure, so that one run tells everything; the exit code tells whether all passed.
pub(crate) fn run(args: &TestArgs) -> Result<ExitCode> {
    let begun = Instant::now();
    let show = Show::new();
    let mut tally = Tally::default();
    if args.filter.is_none() {
        stages::checks(&show, &mut tally);
    }
    if stages::compile(&show, &mut tally) {
        programs(&show, args, &mut tally);
    }
    machines(&show, args, &mut tally);
    conclude(&show, &tally, begun);
    drop(show);
    println!("Total: {} passed, {} failed{}", tally.passed(), tally.failed(), left_out(&tally));
    Ok(if tally.failed() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Tests that are done by compiled programs. Those of the workspace wait a good deal and those of the contract compute, so they run side by side.
fn programs(show: &Show, args: &TestArgs, tally: &mut Tally) {
    let contract = || {
        let mut own = Tally::default();
        if args.filter.is_none() {
            stages::contract(show, &mut own);
        }
        own
    };
    std::thread::scope(|scope| {
        let contract = scope.spawn(contract);
        stages::unit(show, args, tally);
        match contract.join() {
            Ok(own) => tally.add(own),
            Err(_) => tally.fail("contract", "the host tool itself panicked"),
        }
    });
}

/// What needs a built image. Without one it is told as one failure.
fn machines(show: &Show, args: &TestArgs, tally: &mut Tally) {
    if !stages::prepare_machines(show, args, tally) {
        return;
    }
    let Some(built) = image(show, VARIANT, tally) else { return };
    if args.filter.is_none() {
        let which = if args.soak { Again::Everything } else { Again::Unproven };
        reproducible::check(show, VARIANT, &built, which, tally);
    }
    let probe = image(show, PROBE_VARIANT, tally);
    stages::virtual_machines(show, args, &built, probe.as_ref(), tally);
}

/// Builds one; that it can be built is a test as well.
fn image(show: &Show, variant: &str, tally: &mut Tally) -> Option<BuiltImage> {
    match building::image(show, variant, None) {
        Ok(built) => {
            tally.pass();
            Some(built)
        }
        Err(error) => {
            tally.fail(&format!("image {variant}"), &format!("{error:#}"));
            None
        }
    }
}

/// Counted among those that passed, since they say so only to people.
fn left_out(tally: &Tally) -> String {
    match tally.skipped() {
        0 => String::new(),
        many => format!(" ({many} of those that passed looked at nothing: they need root)"),
    }
}

fn conclude(show: &Show, tally: &Tally, begun: Instant) {
    show.say("");
    for failure in tally.failures() {
        show.say(&format!("✗ {failure}"));
    }
    show.say(&format!("Took {}. Logs: {}", figures::duration(begun.elapsed()), paths::logs().display()));
    show.say(match tally.failed() {
        0 => "Next: `./ampoule run` shows it; `./ampoule bench boot` measures it.",
        _ => "Next: `./ampoule test NAME` runs one again.",
    });
}
