//! Counting what passed and what did not.

/// Results so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    passed: u64,
    failed: u64,
    skipped: u64,
    failures: Vec<String>,
}

impl Tally {
    pub(crate) fn passed(&self) -> u64 {
        self.passed
    }

    pub(crate) fn failed(&self) -> u64 {
        self.failed
    }

    /// Of those that passed, how many looked at nothing because this machine does not let them.
    pub(crate) fn skipped(&self) -> u64 {
        self.skipped
    }

    /// What failed, a line each.
    pub(crate) fn failures(&self) -> &[String] {
        &self.failures
    }

    /// One more passed.
    pub(crate) fn pass(&mut self) {
        self.passed += 1;
    }

    /// One more failed.
    pub(crate) fn fail(&mut self, name: &str, why: &str) {
        self.failed += 1;
        self.failures.push(format!("{name}: {why}"));
    }

    /// What another has counted, too.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.failures.extend(other.failures);
    }

    /// Takes the results of a program that prints `N passed` and `N failed`, as cargo's and our own runner do.
    ///
    /// `success` is how it ended: a program that fails without naming a failed test (it did not compile, it was
    /// killed) counts as one failure, and so does one that ran no test at all when `must_run` is set.
    pub(crate) fn take(&mut self, name: &str, output: &str, success: bool, must_run: bool) {
        let (passed, failed) = totals(output);
        self.passed += passed;
        self.failed += failed;
        self.skipped += skipped(output);
        self.failures.extend(failed_names(output).into_iter().map(|test| format!("{name}: {test}")));
        if !success && failed == 0 {
            self.fail(name, "ended with an error; see its log");
        } else if must_run && passed + failed == 0 {
            self.fail(name, "ran no test");
        }
    }
}

/// Tests that say so, in lines like `skipped: no network namespace: …`.
fn skipped(output: &str) -> u64 {
    output.lines().filter(|line| line.starts_with("skipped: ")).count() as u64
}

/// Sums over all lines that hold both numbers.
fn totals(output: &str) -> (u64, u64) {
    let numbers = output.lines().filter_map(|line| Some((before(line, " passed")?, before(line, " failed")?)));
    numbers.fold((0, 0), |sum, line| (sum.0 + line.0, sum.1 + line.1))
}

/// The number in front of `word`.
fn before(line: &str, word: &str) -> Option<u64> {
    let text = &line[..line.find(word)?];
    text.rsplit(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Names from lines like `test NAME ... FAILED` and `FAIL  NAME  3.1 s`.
fn failed_names(output: &str) -> Vec<String> {
    let name = |line: &str| match line.strip_prefix("FAIL ") {
        Some(rest) => rest.split_whitespace().next().map(str::to_owned),
        None => Some(line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?.to_owned()),
    };
    output.lines().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARGO: &str = "test a::b ... ok\ntest c ... FAILED\n\
        test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured\n\
        test result: ok. 7 passed; 0 failed; 0 ignored\n";

    #[test]
    fn sums_over_all_programs() {
        let mut tally = Tally::default();
        tally.take("unit", CARGO, false, true);
        assert_eq!((tally.passed(), tally.failed()), (8, 1));
        assert_eq!(tally.failures(), ["unit: c"]);
    }

    #[test]
    fn what_two_have_counted_is_one_total() {
        let (mut tally, mut other) = (Tally::default(), Tally::default());
        tally.take("unit", CARGO, false, true);
        other.pass();
        other.fail("contract", "broken");
        tally.add(other);
        assert_eq!((tally.passed(), tally.failed()), (9, 2));
        assert_eq!(tally.failures(), ["unit: c", "contract: broken"]);
    }

    #[test]
    fn tests_that_left_themselves_out_are_counted() {
        let mut tally = Tally::default();
        let said = "\nsuccesses:\n\n---- a stdout ----\nskipped: no network namespace: EPERM\n\ntest result: ok. 2 passed; 0 failed\n";
        tally.take("unit", said, true, true);
        let mut all = Tally::default();
        all.add(tally);
        assert_eq!((all.passed(), all.skipped(), all.failed()), (2, 1, 0));
    }

    #[test]
    fn silence_is_not_success() {
        let mut tally = Tally::default();
        tally.take("unit", "error: could not compile", false, true);
        tally.take("vm", "", true, true);
        tally.take("filtered", "", true, false);
        assert_eq!(tally.failed(), 2);
    }
}
