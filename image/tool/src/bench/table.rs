//! Medians, their spread, and ratios.

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
    ours: (Size, Vec<Sample>),
    theirs: (Size, Vec<Sample>),
}

/// A figure's name, how it is read, how it is shown, and how many times more of it Debian should take.
struct Figure {
    name: &'static str,
    of: fn(&Size, &Sample) -> f64,
    unit: fn(f64) -> String,
    wanted: Option<f64>,
}

/// The wanted ratios are the project's own aims; a figure without one is there to explain the others.
const FIGURES: [Figure; 6] = [
    Figure { name: "kernel start → PID 1", of: |_, sample| sample.init, unit: seconds, wanted: None },
    Figure { name: "→ API and containerd answering", of: |_, sample| sample.ready, unit: seconds, wanted: Some(6.0) },
    Figure { name: "→ first output of a preloaded container", of: |_, sample| sample.output, unit: seconds, wanted: Some(5.0) },
    Figure { name: "memory in use when idle", of: |_, sample| sample.memory, unit: bytes, wanted: Some(3.0) },
    Figure { name: "bytes on disk", of: |size, _| size.bytes as f64, unit: bytes, wanted: Some(7.0) },
    // At most 3 % of them.
    Figure { name: "executables", of: |size, _| size.executables as f64, unit: count, wanted: Some(100.0 / 3.0) },
];

impl Comparison {
    pub(crate) fn new(ours: (Size, Vec<Sample>), theirs: (Size, Vec<Sample>)) -> Self {
        Self { ours, theirs }
    }

    /// The table.
    pub(crate) fn markdown(&self) -> String {
        let head = "| | Ampoule | Debian 13 | Debian / Ampoule | wanted | reached |\n|---|---|---|---|---|---|\n";
        FIGURES.iter().fold(head.to_owned(), |table, figure| table + &self.row(figure))
    }

    fn row(&self, figure: &Figure) -> String {
        let [ours, theirs] = [&self.ours, &self.theirs].map(|(size, samples)| Spread::of(samples.iter().map(|s| (figure.of)(size, s))));
        let ratio = if ours.median > 0.0 { theirs.median / ours.median } else { 0.0 };
        let wanted = figure.wanted.map_or("-".to_owned(), |wanted| format!("≥ {wanted:.1}"));
        let reached = figure.wanted.map_or("-", |wanted| if ratio >= wanted { "yes" } else { "no" });
        format!("| {} | {} | {} | {ratio:.1} | {wanted} | {reached} |\n", figure.name, ours.show(figure.unit), theirs.show(figure.unit))
    }
}

pub(super) fn seconds(value: f64) -> String {
    format!("{value:.2} s")
}

pub(super) fn bytes(value: f64) -> String {
    figures::bytes(value as u64)
}

fn count(value: f64) -> String {
    format!("{value:.0}")
}

/// The values of one figure over all boots.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

impl Spread {
    pub(super) fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        match values.as_slice() {
            [] => Self::default(),
            [least, .., most] => Self { median: median(&values), least: *least, most: *most },
            [only] => Self { median: *only, least: *only, most: *only },
        }
    }

    /// The middle value.
    pub(super) fn median(&self) -> f64 {
        self.median
    }

    /// The median, and the extremes if they can be told apart.
    pub(super) fn show(&self, unit: fn(f64) -> String) -> String {
        let (median, least, most) = (unit(self.median), unit(self.least), unit(self.most));
        if least == most { median } else { format!("{median} ({least} to {most})") }
    }
}

/// The middle of sorted values; the mean of the two middle ones of an even number.
fn median(sorted: &[f64]) -> f64 {
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[half] } else { f64::midpoint(sorted[half - 1], sorted[half]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_extremes() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0].into_iter()), Spread { median: 2.0, least: 1.0, most: 3.0 });
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 3.0].into_iter()).median, 2.5);
        assert_eq!(Spread::of(std::iter::empty()), Spread::default());
        assert_eq!(Spread::of([7.0].into_iter()).show(count), "7");
        assert_eq!(Spread::of([7.0, 9.0].into_iter()).show(count), "8 (7 to 9)");
    }

    #[test]
    fn the_ratio_says_how_many_times_more_and_whether_that_is_enough() {
        let sample = |init, ready| vec![Sample { init, ready, ..Sample::default() }];
        let of = |theirs| Comparison::new((Size::default(), sample(2.0, 2.0)), (Size::default(), sample(9.0, theirs))).markdown();
        assert!(of(12.0).contains("| kernel start → PID 1 | 2.00 s | 9.00 s | 4.5 | - | - |"), "{}", of(12.0));
        assert!(of(12.0).contains("answering | 2.00 s | 12.00 s | 6.0 | ≥ 6.0 | yes |"));
        assert!(of(11.9).contains("answering | 2.00 s | 11.90 s | 6.0 | ≥ 6.0 | no |"), "{}", of(11.9));
    }
}
