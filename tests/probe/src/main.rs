//! Attacks a node from inside; only in the image of the variant `test`.

mod attack;
mod bomb;
mod daemons;
mod listeners;
mod noise;
mod report;

use std::{env, fs, process::ExitCode, thread, time::Duration};

use report::Report;

/// Attacks that would disturb each other, or a test that is about something else.
const ON_REQUEST: [&str; 5] = ["attack", "kill", "init", "bomb", "never"];

/// A test asks for attacks by name in the one setting that has no other effect: the message of the day.
fn is_wanted(attack: &str) -> bool {
    let motd = fs::read_to_string("/etc/motd").unwrap_or_default();
    motd.split_whitespace().any(|word| word.strip_prefix("probe-") == Some(attack))
}

fn main() -> ExitCode {
    let mut report = Report::default();
    let attack = env::args().nth(1).unwrap_or_default();
    if ON_REQUEST.contains(&attack.as_str()) && !is_wanted(&attack) {
        return ExitCode::SUCCESS;
    }
    match attack.as_str() {
        "attack" => attack::run(&mut report),
        "kill" => daemons::kill_each(&mut report),
        "api" => daemons::ask_api(&mut report),
        "init" => noise::run(&mut report),
        "bomb" => bomb::run(&mut report),
        "never" => thread::sleep(Duration::MAX),
        // Roles this program gives to copies of itself.
        "parent-of-orphan" => return noise::leave_an_orphan(),
        "short-life" => return ExitCode::SUCCESS,
        "long-life" => thread::sleep(Duration::from_secs(60)),
        other => report.failed(&format!("unknown attack {other:?}")),
    }
    report.done()
}
