//! Attacks a node from inside a workload that runs as root and has nothing that other workloads do not have.

mod ambush;
mod exhaust;
mod files;
mod host;
mod kernel;
mod mounts;
mod network;
mod others;
mod outcome;
mod packet;
mod packets;
mod roles;
mod settings;
mod swap;

use std::{
    env, io,
    process::{Child, Command, ExitCode, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use outcome::Outcome;

/// A way out: its name, and what is done.
type Attempt = (&'static str, fn() -> Outcome);

/// Longest that one attempt may take. One that waits for packets takes 5 s, one that tries thousands of ports 15 s on a machine that others use too.
const LIMIT: Duration = Duration::from_secs(90);

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] | ["attack"] => attack(),
        ["try", name] => return try_one(name),
        [role, rest @ ..] => return roles::play(role, rest),
    }
    ExitCode::SUCCESS
}

/// Every way out, one after another; then it stays, so that nothing starts it again.
fn attack() {
    files::look_at_descriptors_of_the_first_process();
    for (name, _) in all() {
        println!("ESCAPE {name} {}", run_apart(name));
    }
    println!("ESCAPE done");
    thread::sleep(Duration::MAX);
}

fn all() -> impl Iterator<Item = &'static Attempt> {
    [files::ATTEMPTS, settings::ATTEMPTS, mounts::ATTEMPTS, kernel::ATTEMPTS, others::ATTEMPTS, network::ATTEMPTS].into_iter().flatten()
}

/// In a process of its own: what it breaks, it breaks there.
fn run_apart(name: &str) -> String {
    let child = Command::new("/proc/self/exe").args(["try", name]).stdout(Stdio::piped()).spawn();
    match child.and_then(|child| wait(child, LIMIT)) {
        Ok((Some(status), said)) if status.success() && !said.is_empty() => said,
        Ok((Some(status), said)) => format!("DIED: {status} {said}"),
        Ok((None, said)) => format!("HUNG: {said}"),
        Err(error) => format!("NOT STARTED: {error}"),
    }
}

fn wait(mut child: Child, limit: Duration) -> io::Result<(Option<ExitStatus>, String)> {
    let start = Instant::now();
    let mut status = child.try_wait()?;
    while status.is_none() && start.elapsed() < limit {
        thread::sleep(Duration::from_millis(5));
        status = child.try_wait()?;
    }
    if status.is_none() {
        child.kill()?;
    }
    let said = child.wait_with_output()?.stdout;
    Ok((status, String::from_utf8_lossy(&said).trim().to_owned()))
}

fn try_one(name: &str) -> ExitCode {
    let Some((_, attempt)) = all().find(|(known, _)| *known == name) else {
        return ExitCode::from(2);
    };
    println!("{}", attempt());
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn names_differ() {
        let names: BTreeSet<&str> = super::all().map(|(name, _)| *name).collect();
        assert_eq!(names.len(), super::all().count());
    }
}
