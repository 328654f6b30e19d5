//! Medians and ratios.

use crate::figures;

/// One boot. Times in seconds since the kernel's start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sample {
    /// The first program of user space runs.
    pub(crate) init: f64,
    /// Whoever manages the machine can order containers.
    pub(crate) ready: f64,
    /// The container that was there before the boot said its first line.
    pub(crate) output: f64,
    /// Memory that is not available to programs, in bytes, some time later.
    pub(crate) memory: f64,
}

/// What does not change from boot to boot.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Size {
    /// Bytes a machine must hold.
    pub(crate) bytes: u64,
    /// Programs that can be started.
    pub(crate) executables: u64,
}

/// Both systems, measured.
pub(crate) struct Comparison {
    ours: (Size, Sample),
    theirs: (Size, Sample),
}

impl Comparison {
    pub(crate) fn new(ours: (Size, Vec<Sample>), theirs: (Size, Vec<Sample>)) -> Self {
        Self { ours: (ours.0, middle(&ours.1)), theirs: (theirs.0, middle(&theirs.1)) }
    }

    /// The table.
    pub(crate) fn markdown(&self) -> String {
        let (ours, theirs) = (&self.ours.1, &self.theirs.1);
        let seconds = |value: f64| format!("{value:.2} s");
        let bytes = |value: f64| figures::bytes(value as u64);
        let count = |value: f64| format!("{value:.0}");
        let head = "| | Ampoule | Debian 13 | Debian / Ampoule |\n|---|---|---|---|\n".to_owned();
        let rows = [
            row("kernel start → PID 1", ours.init, theirs.init, &seconds),
            row("→ API and containerd answering", ours.ready, theirs.ready, &seconds),
            row("→ first output of a preloaded container", ours.output, theirs.output, &seconds),
            row("memory in use when idle", ours.memory, theirs.memory, &bytes),
            row("bytes on disk", self.ours.0.bytes as f64, self.theirs.0.bytes as f64, &bytes),
            row("executables", self.ours.0.executables as f64, self.theirs.0.executables as f64, &count),
        ];
        head + &rows.concat()
    }
}

fn row(name: &str, ours: f64, theirs: f64, unit: &dyn Fn(f64) -> String) -> String {
    let ratio = if ours > 0.0 { format!("{:.1}", theirs / ours) } else { "-".to_owned() };
    format!("| {name} | {} | {} | {ratio} |\n", unit(ours), unit(theirs))
}

/// Each figure's own median.
fn middle(samples: &[Sample]) -> Sample {
    let of = |field: fn(&Sample) -> f64| median(samples.iter().map(field).collect());
    Sample { init: of(|s| s.init), ready: of(|s| s.ready), output: of(|s| s.output), memory: of(|s| s.memory) }
}

/// The middle value; the mean of the two middle ones of an even number; 0 of none.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => values[odd / 2],
        even => f64::midpoint(values[even / 2 - 1], values[even / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(Vec::new()), 0.0);
    }

    #[test]
    fn the_ratio_says_how_many_times_more() {
        let sample = |init| vec![Sample { init, ..Sample::default() }];
        let table = Comparison::new((Size::default(), sample(2.0)), (Size::default(), sample(9.0))).markdown();
        assert!(table.contains("| kernel start → PID 1 | 2.00 s | 9.00 s | 4.5 |"), "{table}");
        assert!(table.contains("| executables | 0 | 0 | - |"));
    }
}
