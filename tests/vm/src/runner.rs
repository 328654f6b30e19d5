//! Runs cases side by side, each bounded in time, and says how they went.

use std::{
    collections::VecDeque,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use ampoule_machine::{machines_in_memory, machines_that_fit};
use anyhow::{Result, anyhow};

use crate::{cases, context::Context, framework::NodeFailure, passed::Passed};

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
    /// Beside these, one of the cases that mostly wait.
    pub(crate) one_more_waits: bool,
    pub(crate) cases: Vec<Case>,
    /// Where it is noted which cases passed.
    pub(crate) passed: Option<Passed>,
    /// Also those that need not be run.
    pub(crate) again: bool,
}

impl Plan {
    /// Takes out the cases that passed before with the same things; how many.
    fn take_out_known(&mut self) -> usize {
        let before = self.cases.len();
        if let Some(passed) = self.passed.as_ref().filter(|_| !self.again) {
            self.cases.retain(|case| !passed.has(case.name));
        }
        before - self.cases.len()
    }
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

/// Whether there is memory for one more machine than `jobs`. Two more did no more than one on two processors: machines that share a processor wait for each other.
pub(crate) fn one_more_fits(jobs: usize) -> bool {
    machines_in_memory(1024) > jobs
}

/// Cases not yet begun.
struct Queue {
    busy: VecDeque<Case>,
    waiting: VecDeque<Case>,
}

impl Queue {
    fn new(cases: Vec<Case>) -> Self {
        let (waiting, busy): (Vec<Case>, Vec<Case>) = cases.into_iter().partition(|case| cases::WAITING.contains(&case.name));
        Self { busy: busy.into(), waiting: waiting.into() }
    }

    /// The next case; for a worker that only waits, one that mostly waits.
    fn take(&mut self, only_waits: bool) -> Option<Case> {
        if only_waits { self.waiting.pop_front() } else { self.busy.pop_front().or_else(|| self.waiting.pop_front()) }
    }
}

/// What all processors have done since the host started, in ticks (`proc_stat(5)`): whether more cases at once would end sooner.
struct Load {
    all: u64,
    idle: u64,
}

impl Load {
    fn now() -> Self {
        Self::parse(&std::fs::read_to_string("/proc/stat").unwrap_or_default())
    }

    /// Of the first line: user, nice, system, idle, waiting for a disk, interrupts, soft interrupts, stolen; what guests have is in the first two.
    fn parse(stat: &str) -> Self {
        let first = stat.lines().next().unwrap_or_default();
        let ticks: Vec<u64> = first.split_whitespace().skip(1).take(8).filter_map(|word| word.parse().ok()).collect();
        Self { all: ticks.iter().sum(), idle: ticks.iter().skip(3).take(2).sum() }
    }

    /// In percent.
    fn busy_since(&self) -> u64 {
        self.busy_until(&Self::now())
    }

    fn busy_until(&self, later: &Self) -> u64 {
        let all = later.all.saturating_sub(self.all);
        100 - (100 * later.idle.saturating_sub(self.idle)).checked_div(all).unwrap_or(100).min(100)
    }
}

/// Runs the plan; whether everything passed.
pub(crate) fn run(mut plan: Plan, context: Context) -> bool {
    let (start, load) = (Instant::now(), Load::now());
    let known = plan.take_out_known();
    let total = plan.cases.len();
    println!("{total} cases, {} at once", plan.jobs);
    if known > 0 {
        println!("{known} more passed before with the same images, tests and emulator, and are not run (--again)");
    }
    let queue = Arc::new(Mutex::new(Queue::new(plan.cases)));
    let (report, outcomes) = mpsc::channel();
    let workers: Vec<_> = std::iter::repeat_n(false, plan.jobs.max(1))
        .chain(plan.one_more_waits.then_some(true))
        .map(|only_waits| {
            let (queue, context, report) = (queue.clone(), context.clone(), report.clone());
            thread::spawn(move || {
                while let Some(case) = take(&queue, only_waits) {
                    // The receiver lives until all workers have ended.
                    let _ = report.send((case, tried(case, &context)));
                }
            })
        })
        .collect();
    drop(report);
    let note = |case: Case| plan.passed.as_ref().map(|passed| passed.add(case.name));
    let mut failed = Vec::new();
    for (case, passed) in outcomes {
        if !passed {
            failed.push(case.name);
        } else if let Some(Err(error)) = note(case) {
            println!("     {}: that it passed cannot be noted: {error}", case.name);
        }
    }
    for worker in workers {
        let _ = worker.join();
    }
    context.end();
    let passed = total - failed.len();
    println!("{passed} passed, {} failed ({} s, processors {} % busy)", failed.len(), start.elapsed().as_secs(), load.busy_since());
    if !failed.is_empty() {
        println!("failed: {}", failed.join(" "));
    }
    failed.is_empty()
}

fn take(queue: &Mutex<Queue>, only_waits: bool) -> Option<Case> {
    queue.lock().ok()?.take(only_waits)
}

/// Once, or twice if it was the emulator that failed.
fn tried(case: Case, context: &Context) -> bool {
    let start = Instant::now();
    let mut outcome = bounded(case, context);
    if let Some(why) = outcome.as_ref().err().and_then(|error| emulator_failed(error, &context.folder().join(case.name))) {
        println!("AGAIN {} ({why})", case.name);
        outcome = bounded(case, context);
    }
    let seconds = start.elapsed().as_secs_f32();
    match outcome {
        Ok(()) => println!("PASS  {:44} {seconds:6.1} s", case.name),
        Err(ref error) => println!("FAIL  {:44} {seconds:6.1} s\n{}", case.name, indented(error)),
    }
    outcome.is_ok()
}

/// Whether the emulator ended, or had no more of this host's disk for a machine than errors: no case makes its own disk fail, and nothing on a node could.
fn emulator_failed(error: &anyhow::Error, folder: &Path) -> Option<&'static str> {
    if error.is::<NodeFailure>() {
        return Some("the emulator died");
    }
    let consoles = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path().join("serial.log"));
    let mut told = consoles.filter_map(|console| fs::read(console).ok()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    told.any(|console| console.contains("I/O error, dev vda, sector")).then_some("its disk failed on this host")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_fails_on_the_host_is_told_from_a_case_that_fails() {
        let folder = tempfile::tempdir().expect("a folder");
        let node = folder.path().join("node0");
        fs::create_dir(&node).expect("made");
        let failed = || emulator_failed(&anyhow!("the update failed"), folder.path());
        fs::write(node.join("serial.log"), b"EXT4-fs (vda7): mounted\xff").expect("written");
        assert_eq!(failed(), None);
        fs::write(node.join("serial.log"), "[ 23.2] I/O error, dev vda, sector 5697520 op 0x1:(WRITE)").expect("written");
        assert_eq!(failed(), Some("its disk failed on this host"));
    }

    #[test]
    fn a_load_is_what_was_not_idle() {
        let before = Load::parse("cpu  10 0 10 70 10 0 0 0 5 0\ncpu0 1 2 3 4\n");
        let after = Load::parse("cpu  70 0 20 80 30 0 0 0 65 0\n");
        assert_eq!(before.busy_until(&after), 70);
        assert_eq!(Load::parse("").busy_until(&Load::parse("")), 0);
    }

    #[test]
    fn what_passed_before_is_left_out_unless_it_is_asked_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let cases = cases::all();
        for again in [false, true] {
            let passed = Passed::open(folder.path(), &[b"7.2"], &[], &[]).expect("opened");
            passed.add(cases[0].name).expect("noted");
            let mut plan = Plan { jobs: 1, one_more_waits: false, cases: cases.clone(), passed: Some(passed), again };
            assert_eq!(plan.take_out_known(), usize::from(!again));
            assert_eq!(plan.cases.iter().any(|case| case.name == cases[0].name), again);
        }
    }

    #[test]
    fn each_case_is_taken_once_and_those_that_wait_by_whoever_is_free() {
        let all = cases::all();
        let waiting = |case: &Case| cases::WAITING.contains(&case.name);
        assert_eq!(all.iter().filter(|case| waiting(case)).count(), cases::WAITING.len(), "a name in the list is no case");
        assert!(cases::OF_THE_HOST_TOOL.iter().all(|name| all.iter().any(|case| case.name == *name)), "a name in the list is no case");
        let mut queue = Queue::new(all.clone());
        assert!(queue.take(true).is_some_and(|case| waiting(&case)));
        let rest: Vec<Case> = std::iter::from_fn(|| queue.take(false)).collect();
        assert_eq!(rest.len(), all.len() - 1);
        assert!(!waiting(&rest[0]) && waiting(&rest[rest.len() - 1]));
        assert!(queue.take(true).is_none());
    }
}
