//! The stages that run other programs.

use std::{
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicU64, Ordering},
};

use ampoule_builder::{BuiltImage, Progress};
use anyhow::Result;

use crate::{
    cli::TestArgs,
    paths,
    programs::{self, Finished},
    show::Show,
    testing::tally::Tally,
};

/// What is looked at without running it: format, lints, licences of dependencies.
pub(crate) fn checks(show: &Show, tally: &mut Tally) {
    check(show, tally, "format", &["fmt", "--all", "--check"]);
    check(
        show,
        tally,
        "lint",
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--locked",
            "--quiet",
            "--",
            "-D",
            "warnings",
        ],
    );
    match cargo_deny(show) {
        Ok(program) => {
            let mut command = Command::new(program);
            command.args(["--workspace", "check", "licenses", "bans", "sources"]);
            judge(show, tally, "dependencies", in_repo(command));
        }
        Err(error) => tally.fail("dependencies", &format!("{error:#}")),
    }
}

fn check(show: &Show, tally: &mut Tally, name: &str, arguments: &[&str]) {
    judge(show, tally, name, cargo(arguments));
}

/// Runs a program whose exit code is the verdict.
fn judge(show: &Show, tally: &mut Tally, name: &str, command: Result<Command>) {
    let result = show.stage(name, "checking", || {
        programs::must(show, name, &mut command?)
    });
    match result {
        Ok(_) => tally.pass(name),
        Err(error) => tally.fail(name, &format!("{error:#}")),
    }
}

/// The program that knows licences; compiled once and kept in the cache.
fn cargo_deny(show: &Show) -> Result<PathBuf> {
    let root = paths::cache().join("tools");
    let program = root.join("bin/cargo-deny");
    if !program.is_file() {
        show.stage("cargo-deny", "compiling it, once for this cache", || {
            let mut command = Command::new("cargo");
            command
                .args(["install", "--locked", "--quiet", "cargo-deny", "--root"])
                .arg(&root);
            command.env("CARGO_TARGET_DIR", paths::target());
            programs::must(show, "cargo-deny", &mut command)
        })?;
    }
    Ok(program)
}

/// Unit, property and program tests of the whole workspace, compiled in one go.
pub(crate) fn unit(show: &Show, args: &TestArgs, tally: &mut Tally) {
    let mut command = cargo(&["test", "--workspace", "--locked", "--no-fail-fast"]);
    if let (Ok(command), Some(filter)) = (command.as_mut(), &args.filter) {
        command.args(["--", filter]);
    }
    let must_run = args.filter.is_none();
    tests(
        show,
        tally,
        "unit",
        "compiling, then running the workspace's tests",
        command,
        must_run,
    );
}

/// Whole nodes in virtual machines.
pub(crate) fn virtual_machines(
    show: &Show,
    args: &TestArgs,
    built: &BuiltImage,
    tally: &mut Tally,
) {
    let built_tests = show.stage("vm-tests", "compiling the tests", || {
        programs::must(
            show,
            "vm-tests",
            &mut cargo(&[
                "build",
                "--locked",
                "--profile",
                "host",
                "-p",
                "ampoule-vm-tests",
            ])?,
        )
    });
    if let Err(error) = built_tests {
        tally.fail("vm-tests", &format!("{error:#}"));
        return;
    }
    let mut command = Command::new(paths::target().join("host/vm-tests"));
    command
        .args(args.filter.iter())
        .env("AMPOULE_IMAGE", &built.dir)
        .env("AMPOULE_CACHE", paths::cache());
    if args.soak {
        command.arg("--soak");
    }
    let must_run = args.filter.is_none();
    tests(
        show,
        tally,
        "vm",
        "running nodes in machines",
        in_repo(command),
        must_run,
    );
}

/// Runs a program that reports tests as cargo does; each finished one is counted on the bar, failed ones are said.
fn tests(
    show: &Show,
    tally: &mut Tally,
    name: &str,
    detail: &str,
    command: Result<Command>,
    must_run: bool,
) {
    let done = AtomicU64::new(0);
    show.stage_started(name, detail);
    let on_line = |line: &str| {
        if line.starts_with("test ") && line.contains(" ... ") {
            let count = done.fetch_add(1, Ordering::Relaxed) + 1;
            show.detail(name, &format!("{count} tests done"));
        }
        if line.contains(" ... FAILED") {
            show.say(&format!("  ✗ {line}"));
        }
    };
    match command.and_then(|mut command| programs::run(show, name, &mut command, on_line)) {
        Ok(finished) => {
            end(show, name, &finished);
            tally.take(name, &finished.output, finished.success, must_run);
        }
        Err(error) => {
            show.stage_failed(name);
            tally.fail(name, &format!("{error:#}"));
        }
    }
}

fn end(show: &Show, name: &str, finished: &Finished) {
    if finished.success {
        show.stage_done(name, false);
    } else {
        show.stage_failed(name);
        show.say(&format!(
            "  its whole output is in {}",
            finished.log.display()
        ));
    }
}

/// Cargo in the checkout, with colour off so that its words can be read.
fn cargo(arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new("cargo");
    command.args(arguments);
    in_repo(command)
}

fn in_repo(mut command: Command) -> Result<Command> {
    let repo = paths::repo()?;
    command
        .current_dir(&repo)
        .env("AMPOULE_REPO", repo)
        .env("CARGO_TARGET_DIR", paths::target());
    command.env("CARGO_TERM_COLOR", "never");
    Ok(command)
}
