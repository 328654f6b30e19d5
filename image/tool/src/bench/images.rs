//! `bench image`: this image beside another one of Ampoule, to see what a change costs or saves.

use std::{
    fs,
    path::{Path, PathBuf},
};

use ampoule_machine::Accelerator;
use ampoule_registry::Registry;
use anyhow::{Context, Result};

use crate::{
    bench::{
        Conditions, built, lock, ours,
        table::{Sample, Spread, bytes, seconds},
        tell, workdir,
    },
    demo,
    show::Show,
};

/// A figure of the table.
type Figure = (&'static str, fn(&Sample) -> f64, fn(f64) -> String);

const FIGURES: [Figure; 5] = [
    ("kernel start → PID 1", |sample| sample.init, seconds),
    ("→ API and containerd answering", |sample| sample.ready, seconds),
    ("→ first output of a preloaded container", |sample| sample.output, seconds),
    ("API and containerd → first output", |sample| sample.output - sample.ready, seconds),
    ("memory in use when idle", |sample| sample.memory, bytes),
];

/// `./ampoule bench image FOLDER`: alternating boots of the image of this checkout and of the one in `other`.
pub(crate) fn run(other: &Path, runs: u32, conditions: Conditions, write: Option<&str>) -> Result<()> {
    let _lock = lock()?;
    let show = Show::new();
    let image = demo::image(&show)?;
    let registry = Registry::start(vec![("demo".to_owned(), image)])?;
    let [this, other] = [built(&show, None)?, built(&show, Some(other))?];
    let work = workdir()?;
    let place = |name: &str| -> Result<PathBuf> {
        let folder = work.join(name);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(folder)
    };
    let places = [place("this")?, place("other")?];
    let prepared =
        [&this, &other].into_iter().zip(&places).map(|(built, work)| ours::prepare(&show, built, registry.port(), conditions, work));
    let prepared = prepared.collect::<Result<Vec<_>>>()?;
    let mut samples: [Vec<Sample>; 2] = Default::default();
    for run in 1..=runs {
        for ((prepared, work), samples) in prepared.iter().zip(&places).zip(&mut samples) {
            samples.push(show.stage("ampoule", &format!("boot {run} of {runs}"), || ours::boot(prepared, conditions, work))?);
        }
    }
    drop(show);
    let page = page(&samples, runs, conditions, &[&this, &other].map(|built| built.manifest.build_id.clone()));
    tell(&page, write)
}

fn page(samples: &[Vec<Sample>; 2], runs: u32, conditions: Conditions, builds: &[String; 2]) -> String {
    let [this, other] = builds;
    let table = FIGURES.iter().fold(String::new(), |table, figure| table + &row(samples, figure));
    format!(
        "# One image beside another\n\nBy `./ampoule bench image FOLDER --runs {runs}`: this image is build {this}, the other one build {other}. {} MiB of memory, {} processors,\n\
         direct kernel boot, engine {}; alternating boots, medians of {runs} with the extremes in brackets. Look at the ratios, not at the seconds.\n\n\
         | | this image | the other | this / other |\n|---|---|---|---|\n{table}",
        conditions.memory,
        conditions.cpus,
        Accelerator::detect(),
    )
}

fn row(samples: &[Vec<Sample>; 2], (name, of, unit): &Figure) -> String {
    let [this, other] = samples.each_ref().map(|samples| Spread::of(samples.iter().map(of)));
    let ratio = if other.median() > 0.0 { this.median() / other.median() } else { 0.0 };
    format!("| {name} | {} | {} | {ratio:.2} |\n", this.show(*unit), other.show(*unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_this_by_the_other() {
        let sample = |ready, output| vec![Sample { ready, output, init: 1.0, ..Sample::default() }];
        let conditions = Conditions { memory: 1024, cpus: 2 };
        let page = page(&[sample(6.0, 9.0), sample(4.0, 6.0)], 1, conditions, &["a".into(), "b".into()]);
        assert!(page.contains("| → API and containerd answering | 6.00 s | 4.00 s | 1.50 |"), "{page}");
        assert!(page.contains("| API and containerd → first output | 3.00 s | 2.00 s | 1.50 |"), "{page}");
        assert!(page.contains("this image is build a, the other one build b"), "{page}");
    }
}
