//! A service that says the same again and again is heard ever less often, and then with how often it was. Only services: what a workload says is its owner's, every line of it.

use std::collections::BTreeMap;

use ampoule_logwire::Source;

use crate::draft::Draft;

/// So many of the same pass in the first window: more than a person does by hand in that time, so that who changed what is there line by line.
const FREE: u32 = 20;
/// First window, in milliseconds; the next are twice as long each as long as it goes on.
const FIRST_WINDOW: u64 = 60_000;
/// Longest window: a node that is offline for days still says every hour that it is.
const LONGEST_WINDOW: u64 = 3_600_000;
/// Most different lines remembered of a service: one that asks several servers in turn says several things in turn.
const MOST_LINES: usize = 16;

/// What services said lately.
#[derive(Debug, Default)]
pub(super) struct Repeats(BTreeMap<Source, Vec<Said>>);

#[derive(Debug)]
struct Said {
    level: u8,
    text: String,
    began: u64,
    window: u64,
    passed: u32,
    dropped: u32,
    last: Option<Draft>,
}

impl Repeats {
    /// The drafts that are to be kept, with what tells of those that are not.
    pub(super) fn filter(&mut self, drafts: Vec<Draft>) -> Vec<Draft> {
        drafts.into_iter().flat_map(|draft| self.one(draft)).collect()
    }

    /// Sums up all that was dropped and not told of yet; for the end.
    pub(super) fn finish(&mut self) -> Vec<Draft> {
        std::mem::take(&mut self.0).into_values().flatten().filter_map(|mut said| said.sum()).collect()
    }

    fn one(&mut self, draft: Draft) -> Vec<Draft> {
        // The first piece of a cut line says nothing about the rest.
        if draft.cut {
            return vec![draft];
        }
        let now = draft.moment.monotonic_ms;
        let lines = self.0.entry(draft.source.clone()).or_default();
        let mut kept = Vec::new();
        // What has been over for a while is told of and forgotten; so is the oldest if there are too many.
        lines.retain_mut(|said| {
            let is_over = now.saturating_sub(said.began) > 2 * said.window;
            kept.extend(if is_over { said.sum() } else { None });
            !is_over
        });
        match lines.iter_mut().find(|said| said.is(&draft)) {
            Some(said) => kept.extend(said.again(draft, now)),
            None => {
                if lines.len() >= MOST_LINES {
                    kept.extend(lines.remove(0).sum());
                }
                lines.push(Said::first(&draft, now));
                kept.push(draft);
            }
        }
        kept
    }
}

impl Said {
    fn first(draft: &Draft, now: u64) -> Self {
        let text = without_time(&draft.text).to_owned();
        Self { level: draft.level, text, began: now, window: FIRST_WINDOW, passed: 1, dropped: 0, last: None }
    }

    fn is(&self, draft: &Draft) -> bool {
        self.level == draft.level && self.text == without_time(&draft.text)
    }

    fn again(&mut self, draft: Draft, now: u64) -> Vec<Draft> {
        if now.saturating_sub(self.began) >= self.window {
            let sum = self.sum();
            // Rare enough by itself: it begins anew.
            self.window = if sum.is_some() { (self.window * 2).min(LONGEST_WINDOW) } else { FIRST_WINDOW };
            (self.began, self.passed) = (now, if self.window == FIRST_WINDOW { 1 } else { FREE });
            return sum.into_iter().chain([draft]).collect();
        }
        if self.passed < FREE {
            self.passed += 1;
            return vec![draft];
        }
        self.dropped = self.dropped.saturating_add(1);
        self.last = Some(draft);
        Vec::new()
    }

    /// A line in place of those that were dropped, at the time of the last one.
    fn sum(&mut self) -> Option<Draft> {
        let last = self.last.take()?;
        let times = std::mem::take(&mut self.dropped);
        Some(Draft { text: format!("({times} more like this were left out) {}", last.text), ..last })
    }
}

/// Some programs begin their lines with the time (RFC 3339).
fn without_time(text: &str) -> &str {
    let is_of_time = |c: char| c.is_ascii_digit() || "-:.TZ+".contains(c);
    match text.split_once(' ') {
        Some((word, rest)) if word.len() >= "2026-01-01T00:00:00".len() && word.chars().all(is_of_time) => rest,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Moment;

    fn said(source: &str, second: u64, text: &str) -> Draft {
        let moment = Moment { time_ms: 0, monotonic_ms: second * 1_000 };
        Draft { source: source.parse().expect("a source"), level: 6, text: text.to_owned(), cut: false, moment }
    }

    fn texts(drafts: &[Draft]) -> Vec<&str> {
        drafts.iter().map(|draft| draft.text.as_str()).collect()
    }

    #[test]
    fn a_day_of_the_same_each_second_is_some_dozen_lines_and_all_are_counted() {
        let mut repeats = Repeats::default();
        let day = (0..86_400).map(|second| said("ntpd", second, &format!("2026-11-25T07:22:{:02}.123Z WARN no server", second % 60)));
        let mut kept = repeats.filter(day.collect());
        assert!((20..80).contains(&kept.len()), "{}", kept.len());
        kept.extend(repeats.finish());
        let left_out = |text: &&str| text.strip_prefix('(').and_then(|rest| rest.split(' ').next()?.parse::<usize>().ok());
        let (sums, plain): (Vec<&str>, Vec<&str>) = texts(&kept).into_iter().partition(|text| left_out(text).is_some());
        assert_eq!(plain.len() + sums.iter().filter_map(left_out).sum::<usize>(), 86_400);
    }

    #[test]
    fn several_things_in_turn_are_each_heard_less_often() {
        let mut repeats = Repeats::default();
        let servers = (0..4_000).map(|n| said("ntpd", n / 4, &format!("no answer of {}.pool", n % 4)));
        assert!(repeats.filter(servers.collect()).len() < 120);
    }

    #[test]
    fn what_differs_or_is_rare_passes() {
        let mut repeats = Repeats::default();
        let different: Vec<_> = (0..1_000).map(|n| said("apid", n, &format!("request {n}"))).collect();
        assert_eq!(repeats.filter(different.clone()), different);
        let rare: Vec<_> = (0..100).map(|n| said("netd", n * 61, "renewed")).collect();
        assert_eq!(repeats.filter(rare.clone()), rare);
        let two: Vec<_> = ["a", "b"].iter().flat_map(|source| (0..20).map(move |n| said(source, n, "the same"))).collect();
        assert_eq!(repeats.filter(two.clone()), two, "of each service its own");
    }

    #[test]
    fn after_a_pause_it_is_heard_at_once_and_the_sum_comes_before_it() {
        let mut repeats = Repeats::default();
        repeats.filter((0..35).map(|n| said("ntpd", n, "no server")).collect());
        let kept = repeats.filter(vec![said("ntpd", 10_000, "no server")]);
        assert_eq!(texts(&kept), ["(15 more like this were left out) no server", "no server"]);
        assert_eq!(kept[0].moment.monotonic_ms, 34_000);
    }

    #[test]
    fn memory_is_bounded() {
        let mut repeats = Repeats::default();
        repeats.filter((0..10_000).map(|n| said("x", 1, &n.to_string())).collect());
        assert!(repeats.0.values().all(|lines| lines.len() <= MOST_LINES));
    }
}
