//! What failed tests said, out of what a test runner printed: where only the output is kept, as in CI, nobody can look into its log.

use std::collections::VecDeque;

/// Lines shown of one test: its first say what went wrong, its last are the end of a node's console.
const FIRST: usize = 12;
const LAST: usize = 60;

/// Each failed test with what it said, shortened.
pub(crate) fn reasons(output: &str) -> Vec<String> {
    let (mut all, mut said): (Vec<String>, Option<Said>) = (Vec::new(), None);
    for line in output.lines() {
        if is_end(line, said.as_ref()) {
            all.extend(said.take().map(Said::text));
        }
        match (said.as_mut(), begun(line)) {
            (None, Some(runner)) => said = Some(Said::new(line, runner)),
            (Some(said), _) => said.add(line),
            (None, None) => {}
        }
    }
    all.extend(said.map(Said::text));
    all
}

#[derive(Clone, Copy, PartialEq)]
enum Runner {
    /// `---- NAME stdout ----`, up to the next of them or the list of names.
    Cargo,
    /// `FAIL  NAME  3.1 s`, and all that is indented below it.
    Ours,
}

fn begun(line: &str) -> Option<Runner> {
    match line {
        line if line.starts_with("FAIL ") => Some(Runner::Ours),
        line if line.starts_with("---- ") && line.ends_with(" stdout ----") => Some(Runner::Cargo),
        _ => None,
    }
}

fn is_end(line: &str, said: Option<&Said>) -> bool {
    match said.map(|said| said.runner) {
        None => false,
        Some(Runner::Ours) => !line.starts_with("      "),
        Some(Runner::Cargo) => line == "failures:" || begun(line).is_some(),
    }
}

/// The beginning and the end of what a test said.
struct Said {
    runner: Runner,
    first: Vec<String>,
    last: VecDeque<String>,
    left_out: usize,
}

impl Said {
    fn new(line: &str, runner: Runner) -> Self {
        Self { runner, first: vec![line.to_owned()], last: VecDeque::new(), left_out: 0 }
    }

    fn add(&mut self, line: &str) {
        if self.first.len() < FIRST {
            return self.first.push(line.to_owned());
        }
        self.last.push_back(line.to_owned());
        if self.last.len() > LAST {
            self.last.pop_front();
            self.left_out += 1;
        }
    }

    fn text(self) -> String {
        let gap = (self.left_out > 0).then(|| format!("      … {} lines left out", self.left_out));
        let lines: Vec<String> = self.first.into_iter().chain(gap).chain(self.last).collect();
        lines.join("\n").trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_runners_tell_why() {
        let ours = "PASS  a   1.0 s\nFAIL  b   2.0 s\n      it is off\n      [ 3.2] panic\nPASS  c   1.0 s\nfailed: b\n";
        assert_eq!(reasons(ours), ["FAIL  b   2.0 s\n      it is off\n      [ 3.2] panic"]);
        let cargo = "test b ... FAILED\n\nfailures:\n\n---- b stdout ----\nassertion failed\n\n---- c stdout ----\nother\n\nfailures:\n    b\n    c\n";
        assert_eq!(reasons(cargo), ["---- b stdout ----\nassertion failed", "---- c stdout ----\nother"]);
        assert_eq!(reasons("test a ... ok\nPASS  a  1.0 s\n"), [""; 0]);
    }

    #[test]
    fn long_ones_keep_both_ends() {
        let lines: Vec<String> = (0..500).map(|n| format!("      line {n}")).collect();
        let [reason] = &reasons(&format!("FAIL  b  2.0 s\n{}\n", lines.join("\n")))[..] else { panic!("one failed") };
        assert_eq!(reason.lines().count(), FIRST + 1 + LAST);
        assert!(reason.contains("line 0\n") && reason.ends_with("line 499") && reason.contains("lines left out"), "{reason}");
    }
}
