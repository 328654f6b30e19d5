//! The only place that draws: bars on a terminal, plain lines elsewhere.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{ErrorKind, IsTerminal, Write},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use ampoule_builder::Progress;
use anyhow::{Context, Result};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::{figures, interrupt::Stopped};

/// Without a terminal, a stage that is silent for so long gets a line: CI systems end jobs that say nothing.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// Lines kept of a stage, to show when it fails.
const TAIL: usize = 20;

/// Writes to standard output. That whoever read it has seen enough (`… | head`) is no error.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("cannot write to standard output"),
        _ => Ok(()),
    }
}

/// Shows stages as they come and go.
pub(crate) struct Show {
    inner: Arc<Inner>,
}

struct Inner {
    bars: MultiProgress,
    terminal: bool,
    stages: Mutex<BTreeMap<String, Stage>>,
    over: AtomicBool,
}

struct Stage {
    bar: ProgressBar,
    begun: Instant,
    spoken: Instant,
    detail: String,
    /// The detail that was said last.
    said: String,
    share: Option<u64>,
    tail: VecDeque<String>,
}

impl Show {
    pub(crate) fn new() -> Self {
        let inner = Arc::new(Inner {
            bars: MultiProgress::new(),
            terminal: std::io::stderr().is_terminal(),
            stages: Mutex::default(),
            over: AtomicBool::new(false),
        });
        let beating = inner.clone();
        // Ends with the program or when this value is dropped.
        thread::spawn(move || {
            while !beating.over.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_secs(1));
                beating.beat();
            }
        });
        Self { inner }
    }

    /// A line for the person.
    pub(crate) fn say(&self, text: &str) {
        self.inner.say(text);
    }

    /// Does one stage: `work` runs between its beginning and its end.
    pub(crate) fn stage<T>(&self, name: &str, detail: &str, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
        self.stage_started(name, detail);
        let result = work();
        match &result {
            Ok(_) => self.stage_done(name, false),
            Err(error) if error.is::<Stopped>() => self.stage_stopped(name),
            Err(_) => self.stage_failed(name),
        }
        result
    }

    /// What the stage is doing now.
    pub(crate) fn detail(&self, name: &str, detail: &str) {
        if let Some(stage) = self.inner.lock().get_mut(name)
            && stage.detail != detail
        {
            stage.detail = detail.to_owned();
            stage.bar.set_message(detail.to_owned());
        }
    }

    /// Ends a stage that was not let finish.
    fn stage_stopped(&self, name: &str) {
        if let Some(stage) = self.inner.lock().remove(name) {
            stage.bar.finish_and_clear();
            self.clear_echo();
            self.say(&format!("- {name} stopped after {}", figures::duration(stage.begun.elapsed())));
        }
    }

    /// The terminal shows a pressed Ctrl-C as `^C`, at the place where the next line will be.
    pub(crate) fn clear_echo(&self) {
        if self.inner.terminal {
            eprint!("\r\x1b[2K");
        }
    }

    /// Ends a stage that went wrong and shows its last lines.
    pub(crate) fn stage_failed(&self, name: &str) {
        let Some(stage) = self.inner.lock().remove(name) else {
            return;
        };
        stage.bar.finish_and_clear();
        self.say(&format!("✗ {name} failed after {}", figures::duration(stage.begun.elapsed())));
        for line in &stage.tail {
            self.say(&format!("    {line}"));
        }
    }
}

impl Stage {
    /// A line that says how far it is. What it does is said again only if that has changed: descriptions are long.
    fn alive(&mut self, name: &str) -> String {
        let share = self.share.map(|share| format!(", {share} %")).unwrap_or_default();
        let news = if self.detail == self.said { String::new() } else { format!(": {}", self.detail) };
        self.said.clone_from(&self.detail);
        format!("  … {name} {}{share}{news}", figures::duration(self.begun.elapsed()))
    }
}

impl Drop for Show {
    fn drop(&mut self) {
        self.inner.over.store(true, Ordering::Relaxed);
        for (_, stage) in std::mem::take(&mut *self.inner.lock()) {
            stage.bar.finish_and_clear();
        }
    }
}

impl Inner {
    /// A panic elsewhere must not silence us.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Stage>> {
        self.stages.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn say(&self, text: &str) {
        if !self.terminal || self.bars.println(text).is_err() {
            eprintln!("{text}");
        }
    }

    fn beat(&self) {
        if self.terminal {
            return;
        }
        for (name, stage) in self.lock().iter_mut().filter(|(_, stage)| stage.spoken.elapsed() > HEARTBEAT) {
            stage.spoken = Instant::now();
            eprintln!("{}", stage.alive(name));
        }
    }

    fn new_bar(&self, name: &str, detail: &str) -> ProgressBar {
        if !self.terminal {
            return ProgressBar::hidden();
        }
        let bar = self.bars.add(ProgressBar::new_spinner());
        bar.set_style(spinner());
        bar.set_prefix(name.to_owned());
        bar.set_message(detail.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }
}

/// A template that does not parse would be a mistake of ours; the plain style serves then.
fn style(template: &str, otherwise: ProgressStyle) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or(otherwise)
}

fn spinner() -> ProgressStyle {
    style("{spinner:.cyan} {prefix:18} {elapsed:>5} {wide_msg:.dim}", ProgressStyle::default_spinner())
}

fn counted() -> ProgressStyle {
    style("{spinner:.cyan} {prefix:18} {elapsed:>5} [{bar:24.cyan}] {percent:>3} % {wide_msg:.dim}", ProgressStyle::default_bar())
        .progress_chars("━╸ ")
}

impl Progress for Show {
    fn stage_started(&self, name: &str, detail: &str) {
        if !self.inner.terminal {
            eprintln!("→ {name}: {detail}");
        }
        let now = Instant::now();
        let stage = Stage {
            bar: self.inner.new_bar(name, detail),
            begun: now,
            spoken: now,
            detail: detail.to_owned(),
            said: detail.to_owned(),
            share: None,
            tail: VecDeque::new(),
        };
        self.inner.lock().insert(name.to_owned(), stage);
    }

    fn stage_progress(&self, name: &str, done: u64, total: u64) {
        if let Some(stage) = self.inner.lock().get_mut(name) {
            if stage.share.is_none() {
                stage.bar.set_style(counted());
            }
            stage.share = Some(done.saturating_mul(100) / total.max(1));
            stage.bar.set_length(total);
            stage.bar.set_position(done);
        }
    }

    fn stage_done(&self, name: &str, from_cache: bool) {
        let Some(stage) = self.inner.lock().remove(name) else {
            return;
        };
        stage.bar.finish_and_clear();
        let took = figures::duration(stage.begun.elapsed());
        let origin = if from_cache { " (from the cache)" } else { "" };
        self.say(&format!("✓ {name:18} {took:>12}{origin}"));
    }

    fn line(&self, name: &str, line: &str) {
        if let Some(stage) = self.inner.lock().get_mut(name) {
            let line = ampoule_machine::strip_escapes(line);
            if stage.tail.len() == TAIL {
                stage.tail.pop_front();
            }
            if stage.share.is_none() && !line.trim().is_empty() {
                stage.bar.set_message(line.clone());
            }
            stage.tail.push_back(line);
        }
    }

    fn notice(&self, text: &str) {
        self.say(&format!("! {text}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_stage_does_is_said_again_only_when_it_changed() {
        let now = Instant::now();
        let detail = || "compiling".to_owned();
        let bar = ProgressBar::hidden();
        let mut stage = Stage { bar, begun: now, spoken: now, detail: detail(), said: detail(), share: Some(7), tail: VecDeque::new() };
        assert_eq!(stage.alive("kernel"), "  … kernel 0.0 s, 7 %");
        stage.detail = "linking".into();
        assert_eq!(stage.alive("kernel"), "  … kernel 0.0 s, 7 %: linking");
        assert_eq!(stage.alive("kernel"), "  … kernel 0.0 s, 7 %");
    }
}
