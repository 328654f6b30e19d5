//! Runs cases side by side, each bounded in time, and says how they went.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use ampoule_machine::machines_that_fit;
use anyhow::{Result, anyhow};

use crate::{cases, context::Context, framework::NodeFailure};

/// One test.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// What holds if it passes.
    pub(crate) about: &'static str,
    /// Longest it may take, all its waiting included.
    pub(crate) limit: Duration,
    /// Too long for every day.
    pub(crate) soak: bool,
    pub(crate) run: fn(&Context) -> Result<()>,
}

/// What is to be run.
pub(crate) struct Plan {
    pub(crate) jobs: usize,
    pub(crate) cases: Vec<Case>,
}

/// Cases whose name contains one of `words` (all, if there are none).
pub(crate) fn choose(words: &[String], soak: bool) -> Vec<Case> {
    let wanted = |case: &Case| {
        let named = words.iter().any(|word| case.name.contains(word.as_str()));
        (words.is_empty() || named) && (soak || !case.soak)
    };
    cases::all().into_iter().filter(wanted).collect()
}

/// Emulated nodes keep a processor busy each; more than two at once only makes all of them slow.
pub(crate) fn default_jobs() -> usize {
    machines_that_fit(1024, 1).clamp(1, 2)
}

/// Runs the plan; whether everything passed.
pub(crate) fn run(plan: Plan, context: Context) -> bool {
    let start = Instant::now();
    let total = plan.cases.len();
    println!("{total} cases, {} at once", plan.jobs);
    let queue = Arc::new(Mutex::new(VecDeque::from(plan.cases)));
    let (report, outcomes) = mpsc::channel();
    let workers: Vec<_> = (0..plan.jobs.max(1))
        .map(|_| {
            let (queue, context, report) = (queue.clone(), context.clone(), report.clone());
            thread::spawn(move || {
                while let Some(case) = take(&queue) {
                    // The receiver lives until all workers have ended.
                    let _ = report.send((case, tried(case, &context)));
                }
            })
        })
        .collect();
    drop(report);
    let failed: Vec<&str> = outcomes.iter().filter_map(|(case, passed)| (!passed).then_some(case.name)).collect();
    for worker in workers {
        let _ = worker.join();
    }
    context.end();
    let passed = total - failed.len();
    println!("{passed} passed, {} failed ({} s)", failed.len(), start.elapsed().as_secs());
    if !failed.is_empty() {
        println!("failed: {}", failed.join(" "));
    }
    failed.is_empty()
}

fn take(queue: &Mutex<VecDeque<Case>>) -> Option<Case> {
    queue.lock().ok()?.pop_front()
}

/// Once, or twice if the emulator itself died.
fn tried(case: Case, context: &Context) -> bool {
    let start = Instant::now();
    let mut outcome = bounded(case, context);
    if outcome.as_ref().is_err_and(|error| error.is::<NodeFailure>()) {
        println!("AGAIN {} (the emulator died)", case.name);
        outcome = bounded(case, context);
    }
    let seconds = start.elapsed().as_secs_f32();
    match outcome {
        Ok(()) => println!("PASS  {:44} {seconds:6.1} s", case.name),
        Err(ref error) => println!("FAIL  {:44} {seconds:6.1} s\n{}", case.name, indented(error)),
    }
    outcome.is_ok()
}

/// Runs a case in a thread of its own. One that overruns its limit is left behind; its machine ends with us.
fn bounded(case: Case, context: &Context) -> Result<()> {
    let context = context.for_case(case.name)?;
    let folder = context.folder().display().to_string();
    let (done, wait) = mpsc::channel();
    thread::spawn(move || {
        let outcome = catch_unwind(AssertUnwindSafe(|| (case.run)(&context)));
        let outcome = outcome.unwrap_or_else(|_| Err(anyhow!("the test itself panicked")));
        if outcome.is_ok() {
            context.clean();
        }
        let _ = done.send(outcome);
    });
    let late = || anyhow!("not finished within {} s; see {folder}", case.limit.as_secs());
    wait.recv_timeout(case.limit).unwrap_or_else(|_| Err(late()))
}

/// What went wrong in sentences, then what is longer than a line (the console's end).
fn indented(error: &anyhow::Error) -> String {
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    let (long, short): (Vec<&String>, Vec<&String>) = causes.iter().partition(|cause| cause.trim().contains('\n'));
    let lines = short.into_iter().chain(long).flat_map(|cause| cause.lines());
    lines.map(|line| format!("      {line}")).collect::<Vec<_>>().join("\n")
}
