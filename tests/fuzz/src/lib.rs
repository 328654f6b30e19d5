//! Runs each parser of outside bytes on changed and hostile input for a bounded time.
//!
//! The generator is seeded from a fixed number and the count of rounds, so a failure comes again in the next run.

mod change;
mod numbers;

use std::{
    env, fs,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

pub use change::changed;
pub use numbers::Numbers;

/// Longest that one input may take. Parsers here need microseconds; a tenth of a second for 64 KiB means that time grows with the square of the length.
const SLOWEST: Duration = Duration::from_secs(1);

/// Longest input: all parsers here refuse longer ones before they look at them.
pub const LONGEST: usize = 70 * 1024;

/// How long each target runs.
fn time() -> Duration {
    let seconds = env::var("AMPOULE_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(10))
}

/// Seeds of a target.
///
/// # Panics
/// If there are none: a target without a start finds nothing.
#[must_use]
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/hostile").join(target);
    let mut paths: Vec<PathBuf> = fs::read_dir(&folder).expect("a folder of seeds").flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let seeds: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).expect("a seed")).collect();
    assert!(!seeds.is_empty(), "no seeds in {}", folder.display());
    seeds
}

/// Calls `parse` with every seed, then with changed ones until the time is over.
///
/// # Panics
/// If `parse` does, or is slow; the input is then in the target directory.
pub fn run(target: &str, parse: impl Fn(&[u8])) {
    let seeds = seeds(target);
    for seed in &seeds {
        judge(target, seed, &parse);
    }
    let (start, limit) = (Instant::now(), time());
    let mut numbers = Numbers::new(0x00A3_9001_E000_0001);
    let mut rounds: u64 = 0;
    while start.elapsed() < limit {
        judge(target, &changed(&seeds, &mut numbers), &parse);
        rounds += 1;
    }
    println!("{target}: {rounds} inputs");
}

fn judge(target: &str, input: &[u8], parse: &impl Fn(&[u8])) {
    let start = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| parse(input)));
    let slow = start.elapsed() > SLOWEST;
    if outcome.is_err() || slow {
        let path = keep(target, input);
        eprintln!("{target}: broken by {} ({} ms)", path.display(), start.elapsed().as_millis());
    }
    if let Err(panic) = outcome {
        resume_unwind(panic);
    }
    assert!(!slow, "{target}: slow");
}

fn keep(target: &str, input: &[u8]) -> PathBuf {
    let path = env::temp_dir().join(format!("ampoule-fuzz-{target}-{}", std::process::id()));
    fs::write(&path, input).expect("the input is kept");
    path
}
