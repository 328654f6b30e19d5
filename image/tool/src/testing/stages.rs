//! The stages that run other programs.

use std::{
    path::{Path, PathBuf},
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
    testing::{reasons::reasons, tally::Tally},
};

/// What is looked at without running it: format, lints, licences of dependencies.
pub(crate) fn checks(show: &Show, tally: &mut Tally) {
    check(show, tally, "format", &["fmt", "--all", "--check"]);
    check(show, tally, "lint", &["clippy", "--workspace", "--all-targets", "--locked", "--quiet", "--", "-D", "warnings"]);
    match cargo_deny(show) {
        Ok(program) => {
            deny(show, tally, &program, &["--workspace"]);
            for manifest in packaged_manifests() {
                deny(show, tally, &program, &["--manifest-path", &manifest]);
            }
        }
        Err(error) => tally.fail("dependencies", &format!("{error:#}")),
    }
}

fn deny(show: &Show, tally: &mut Tally, program: &Path, of: &[&str]) {
    let mut command = Command::new(program);
    command.args(of).args(["check", "licenses", "bans", "sources"]);
    judge(show, tally, "dependencies", in_repo(command));
}

/// Manifests of packages that are built from the registry, each with a lock file of its own.
fn packaged_manifests() -> Vec<String> {
    let folders = paths::repo().and_then(|repo| Ok(std::fs::read_dir(repo.join("image/packages"))?));
    let manifests = folders.into_iter().flatten().flatten().map(|entry| entry.path().join("Cargo.toml"));
    manifests.filter(|path| path.is_file()).map(|path| path.display().to_string()).collect()
}

fn check(show: &Show, tally: &mut Tally, name: &str, arguments: &[&str]) {
    judge(show, tally, name, cargo(arguments));
}

/// Runs a program whose exit code is the verdict.
fn judge(show: &Show, tally: &mut Tally, name: &str, command: Result<Command>) {
    let result = show.stage(name, "checking", || programs::must(show, name, &mut command?));
    match result {
        Ok(_) => tally.pass(),
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
            // It runs for a second: what optimisation took would never come back.
            command.args(["install", "--locked", "--quiet", "--debug", "cargo-deny", "--root"]).arg(&root);
            command.env("CARGO_PROFILE_DEV_DEBUG", "0");
            command.env("CARGO_TARGET_DIR", paths::target());
            programs::must(show, "cargo-deny", &mut command)
        })?;
    }
    Ok(program)
}

/// How long each parser meets changed input, in seconds: in every run, in which the contract's tests compute beside it, and in a long one.
const FUZZ_SECONDS: (&str, &str) = ("10", "300");

/// Compiles the tests of the whole workspace in one go. Whether there are any to run then.
pub(crate) fn compile(show: &Show, tally: &mut Tally) -> bool {
    let compiled = show.stage("tests", "compiling the workspace's tests", || {
        programs::must(show, "tests", &mut cargo(&["test", "--workspace", "--locked", "--no-run"])?)
    });
    match compiled {
        Ok(_) => true,
        Err(error) => {
            tally.fail("tests", &format!("{error:#}"));
            false
        }
    }
}

/// Tests at once for each processor: tests of whole programs wait for them most of their time.
const TESTS_AT_ONCE: usize = 6;

/// Unit, property, fuzz and program tests of the whole workspace.
pub(crate) fn unit(show: &Show, args: &TestArgs, tally: &mut Tally) {
    let mut command = cargo(&["test", "--workspace", "--locked", "--no-fail-fast"]);
    if let Ok(command) = command.as_mut() {
        command.env("AMPOULE_FUZZ_SECONDS", if args.soak { FUZZ_SECONDS.1 } else { FUZZ_SECONDS.0 });
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        command.env("RUST_TEST_THREADS", (TESTS_AT_ONCE * processors).to_string());
        command.arg("--").args(&args.filter);
        with_namespaces(command, may_make_namespaces(), std::env::var_os("CI").is_some(), tally);
    }
    let must_run = args.filter.is_none();
    tests(show, tally, "unit", "running the workspace's tests", command, must_run);
}

/// Whether tests may make network and mount namespaces here, which takes root.
fn may_make_namespaces() -> bool {
    let quiet = |command: &mut Command| command.stderr(std::process::Stdio::null()).status().is_ok_and(|status| status.success());
    quiet(Command::new("unshare").args(["--net", "--mount", "true"]))
}

/// Tests that need namespaces and cannot have them pass without having looked at anything. Where they can, they must; elsewhere they are counted, and a failure in CI.
fn with_namespaces(command: &mut Command, allowed: bool, is_ci: bool, tally: &mut Tally) {
    if allowed {
        command.env("AMPOULE_REQUIRE_KERNEL", "1");
        return;
    }
    // Else what a test says is shown only if it fails.
    command.arg("--show-output");
    if is_ci {
        tally.fail("namespaces", "tests that need namespaces of their own cannot run, and CI is set, so none may be left out: run as root");
    }
}

/// The API server against its document, by requests that nobody wrote; Python's package for it is kept in the cache.
pub(crate) fn contract(show: &Show, tally: &mut Tally) {
    // Of the whole workspace, so that its dependencies have the features that the stage before has compiled them with.
    let mut command = cargo(&["test", "--workspace", "--locked", "--test", "contract", "--", "--ignored"]);
    if let Ok(command) = command.as_mut() {
        command.env("AMPOULE_CACHE", paths::cache());
    }
    tests(show, tally, "contract", "asking the API server all that its document allows, and more", command, true);
}

/// Compiles the tests in machines. Whether there is one to run: a filter may leave none.
pub(crate) fn prepare_machines(show: &Show, args: &TestArgs, tally: &mut Tally) -> bool {
    let compiled = show.stage("vm-tests", "compiling the tests in machines", || {
        programs::must(show, "vm-tests", &mut cargo(&["build", "--locked", "--profile", "host", "-p", "ampoule-vm-tests"])?)
    });
    if let Err(error) = compiled {
        tally.fail("vm-tests", &format!("{error:#}"));
        return false;
    }
    let listed = machine_tests(args).and_then(|mut command| Ok(command.arg("--list").output()?));
    args.filter.is_none() || listed.is_ok_and(|output| !output.stdout.is_empty())
}

/// Whole nodes in virtual machines: of the image under test, and of one that attacks itself.
pub(crate) fn virtual_machines(show: &Show, args: &TestArgs, built: &BuiltImage, probe: Option<&BuiltImage>, tally: &mut Tally) {
    let command = machine_tests(args).and_then(|mut command| {
        command
            .arg("--tool")
            .arg(std::env::current_exe()?)
            .arg("--image-dir")
            .arg(&built.dir)
            .arg("--logs")
            .arg(paths::logs().join("machines"));
        if let Some(probe) = probe {
            command.arg("--probe-image-dir").arg(&probe.dir);
        }
        Ok(command)
    });
    // Nothing to run is an answer as well, when all passed before.
    tests(show, tally, "vm", "running nodes in machines", command, is_again(args));
}

/// Whether also those are run that passed before.
fn is_again(args: &TestArgs) -> bool {
    args.again || args.soak || args.filter.is_some() || std::env::var_os("CI").is_some()
}

fn machine_tests(args: &TestArgs) -> Result<Command> {
    let mut command = Command::new(paths::target().join("host/vm-tests"));
    command.env("AMPOULE_CACHE", paths::cache());
    if let Some(filter) = &args.filter {
        command.args(["--filter", filter]);
    }
    if args.soak {
        command.arg("--soak");
    }
    command.arg("--passed").arg(paths::cache().join("passed"));
    if is_again(args) {
        command.arg("--again");
    }
    in_repo(command)
}

/// Runs a program that reports tests as cargo does; each finished one is counted on the bar, failed ones are said.
fn tests(show: &Show, tally: &mut Tally, name: &str, detail: &str, command: Result<Command>, must_run: bool) {
    let done = AtomicU64::new(0);
    show.stage_started(name, detail);
    let on_line = |line: &str| match outcome(line) {
        None => {}
        Some(passed) => {
            let count = done.fetch_add(1, Ordering::Relaxed) + 1;
            show.detail(name, &format!("{count} tests done"));
            if !passed {
                show.say(&format!("  ✗ {line}"));
            }
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

/// Whether the line tells of a finished test, and whether that passed: cargo's `test x ... ok`, our runner's `PASS  x`.
fn outcome(line: &str) -> Option<bool> {
    if line.starts_with("PASS ") || (line.starts_with("test ") && line.ends_with(" ... ok")) {
        return Some(true);
    }
    let failed = line.starts_with("FAIL ") || (line.starts_with("test ") && line.ends_with(" ... FAILED"));
    failed.then_some(false)
}

fn end(show: &Show, name: &str, finished: &Finished) {
    if finished.success {
        show.stage_done(name, false);
    } else {
        show.stage_failed(name);
        for reason in reasons(&finished.output) {
            show.say(&reason);
        }
        show.say(&format!("  its whole output is in {}", finished.log.display()));
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
    command.current_dir(&repo).env("AMPOULE_REPO", repo).env("CARGO_TARGET_DIR", paths::target());
    command.env("CARGO_TERM_COLOR", "never");
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_in_namespaces_must_run_where_they_can_and_fail_ci_where_not() {
        for (allowed, is_ci) in [(true, true), (true, false), (false, true), (false, false)] {
            let (mut command, mut tally) = (Command::new("cargo"), Tally::default());
            with_namespaces(&mut command, allowed, is_ci, &mut tally);
            assert_eq!(command.get_envs().any(|(name, _)| name == "AMPOULE_REQUIRE_KERNEL"), allowed);
            assert_eq!(command.get_args().any(|argument| argument == "--show-output"), !allowed);
            assert_eq!(tally.failed(), u64::from(!allowed && is_ci));
        }
    }

    #[test]
    fn lines_of_both_runners_are_understood() {
        assert_eq!(outcome("test a::b ... ok"), Some(true));
        assert_eq!(outcome("test a::b ... FAILED"), Some(false));
        assert_eq!(outcome("PASS  boots   3.1 s"), Some(true));
        assert_eq!(outcome("FAIL  boots   3.1 s"), Some(false));
        assert_eq!(outcome("PASSED"), None);
    }
}
