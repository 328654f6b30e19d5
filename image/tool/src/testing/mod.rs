//! `test`: everything that can tell whether this checkout is sound, and one total.

mod reproducible;
mod stages;
mod tally;

use std::{process::ExitCode, time::Instant};

use anyhow::Result;

use crate::{building, cli::TestArgs, figures, paths, show::Show};
use tally::Tally;

/// The variant that is built and tested in machines.
const VARIANT: &str = "standalone";

/// `./ampoule test`. Runs on after a failure, so that one run tells everything; the exit code tells whether all passed.
pub(crate) fn run(args: &TestArgs) -> Result<ExitCode> {
    let begun = Instant::now();
    let show = Show::new();
    let mut tally = Tally::default();
    if args.filter.is_none() {
        stages::checks(&show, &mut tally);
    }
    stages::unit(&show, args, &mut tally);
    machines(&show, args, &mut tally);
    conclude(&show, &tally, begun);
    drop(show);
    println!(
        "Total: {} passed, {} failed",
        tally.passed(),
        tally.failed()
    );
    Ok(if tally.failed() == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What needs a built image. Without one it is told as one failure.
fn machines(show: &Show, args: &TestArgs, tally: &mut Tally) {
    match building::image(show, VARIANT, None, false) {
        Ok(built) => {
            tally.pass("image");
            if args.filter.is_none() {
                reproducible::check(show, VARIANT, &built, args.soak, tally);
            }
            stages::virtual_machines(show, args, &built, tally);
        }
        Err(error) => tally.fail(
            "image",
            &format!("{error:#}; the tests in machines were not run"),
        ),
    }
}

fn conclude(show: &Show, tally: &Tally, begun: Instant) {
    show.say("");
    for failure in tally.failures() {
        show.say(&format!("✗ {failure}"));
    }
    show.say(&format!(
        "Took {}. Logs: {}",
        figures::duration(begun.elapsed()),
        paths::logs().display()
    ));
    show.say(match tally.failed() {
        0 => "Next: `./ampoule run` shows it; `./ampoule bench boot` measures it.",
        _ => "Next: `./ampoule test NAME` runs one again.",
    });
}
