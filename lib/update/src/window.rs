//! Times of the week in which a node may update by itself.

use std::cmp::Reverse;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The days as they are written; Monday is the first.
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

const DAY: u64 = 24 * 3600;
const WEEK: u64 = 7 * DAY;

/// What a window looks like, for whoever wrote one that does not.
const FORM: &str = "this is not a window: days (or none for every day) and times of UTC, like \"Sat,Sun 02:00-05:00\"";

/// A time of the week, in UTC: `Sat,Sun 02:00-05:00`, `Mon-Fri 22:00-04:00`, `03:00-04:00` (every day). Days are those on which it begins; one that ends before it begins goes on past
/// midnight. Proves: at least one day, and a length from one minute to 24 hours.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Window {
    text: String,
    days: [bool; 7],
    /// From midnight to its begin, in seconds.
    begin: u64,
    /// In seconds.
    length: u64,
}

impl Window {
    /// Reads a window.
    ///
    /// # Errors
    /// What is wrong with it, in words for whoever wrote it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (days, times) = text.split_once(' ').map_or((None, text), |(days, times)| (Some(days), times));
        let parsed = days.map_or(Some([true; 7]), parse_days).zip(parse_times(times));
        let (days, (begin, end)) = parsed.filter(|_| text.len() <= MAX_TEXT).ok_or_else(|| FORM.to_owned())?;
        let length = (end + DAY - begin) % DAY;
        match length {
            0 if begin != 0 || end != DAY => Err("this window has no length; the whole day is \"00:00-24:00\"".to_owned()),
            0 => Ok(Self { text: text.to_owned(), days, begin, length: DAY }),
            length => Ok(Self { text: text.to_owned(), days, begin, length }),
        }
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How long it is until it opens, at `now` (seconds since 1970, UTC); zero while it is open.
    #[must_use]
    pub fn opens_in(&self, now: u64) -> Duration {
        let waits = self.since_begins(now).map(|since| match since {
            since if since < self.length => 0,
            since => WEEK - since,
        });
        Duration::from_secs(waits.min().unwrap_or_default())
    }

    /// How long it is, at `now`, until the turn of a node that drew the number `random`: until it opens and a part of it, of at most `spread`. Zero after that, while it is open.
    pub(crate) fn turn_in(&self, now: u64, spread: Duration, random: u32) -> Duration {
        // `now` leaves out up to a second, and the turn must not come when the window is over.
        let part = Duration::from_secs(self.length - 1).min(spread) * random / u32::MAX;
        match self.opens_in(now) {
            Duration::ZERO => part.saturating_sub(self.since_begin(now)),
            opens_in => opens_in + part,
        }
    }

    /// Smallest for the window that opened first or, if none is open, opens first; of two that do so at once, for the longer one. It stays the same from before that window opens to its end.
    pub(crate) fn order(&self, now: u64) -> impl Ord + use<> {
        (self.opens_in(now), Reverse(self.since_begin(now)), Reverse(self.length))
    }

    fn since_begin(&self, now: u64) -> Duration {
        Duration::from_secs(self.since_begins(now).min().unwrap_or_default())
    }

    /// For each of its days, the seconds since it last began on it.
    fn since_begins(&self, now: u64) -> impl Iterator<Item = u64> {
        let begins = (0..7).zip(self.days).filter(|(_, is_in)| *is_in).map(|(day, _)| day * DAY + self.begin);
        begins.map(move |begin| (second_of_week(now) + WEEK - begin) % WEEK)
    }
}

/// All days with commas and the times: longer is not a window.
const MAX_TEXT: usize = 64;

/// From Monday, 00:00. 1970 began on a Thursday.
fn second_of_week(now: u64) -> u64 {
    (now % WEEK + 3 * DAY) % WEEK
}

fn parse_days(text: &str) -> Option<[bool; 7]> {
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        // `Sat-Mon` goes over the end of the week.
        (0..=(last + 7 - first) % 7).for_each(|ahead| days[(first + ahead) % 7] = true);
    }
    Some(days)
}

fn day(name: &str) -> Option<usize> {
    DAYS.iter().position(|day| *day == name)
}

fn parse_times(text: &str) -> Option<(u64, u64)> {
    let (begin, end) = text.split_once('-')?;
    time(begin).filter(|begin| *begin < DAY).zip(time(end))
}

/// Seconds since midnight of `HH:MM`, up to `24:00`.
fn time(text: &str) -> Option<u64> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |digits: &str| digits.parse::<u64>().ok().filter(|_| digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit()));
    let seconds = number(hours)? * 3600 + number(minutes).filter(|minutes| *minutes < 60)? * 60;
    (seconds <= DAY).then_some(seconds)
}

impl TryFrom<String> for Window {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<Window> for String {
    fn from(window: Window) -> Self {
        window.text
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Window({:?})", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 2026-01-03 is a Saturday.
    const SATURDAY: u64 = 1_767_398_400;

    fn wait(window: &str, now: u64) -> u64 {
        Window::parse(window).unwrap_or_else(|e| panic!("{window}: {e}")).opens_in(now).as_secs()
    }

    #[test]
    fn a_window_is_open_from_its_first_second_to_before_its_last() {
        let window = "Sat,Sun 02:00-05:00";
        assert_eq!(wait(window, SATURDAY), 7200);
        assert_eq!(wait(window, SATURDAY + 7199), 1);
        assert_eq!(wait(window, SATURDAY + 7200), 0);
        assert_eq!(wait(window, SATURDAY + 5 * 3600 - 1), 0);
        assert_eq!(wait(window, SATURDAY + 5 * 3600), 21 * 3600);
        assert_eq!(wait(window, SATURDAY + DAY + 5 * 3600), 6 * DAY - 3 * 3600);
    }

    #[test]
    fn one_that_ends_before_it_begins_goes_on_past_midnight_and_past_the_week() {
        assert_eq!(wait("Fri 22:00-04:00", SATURDAY + 3600), 0);
        assert_eq!(wait("Fri 22:00-04:00", SATURDAY + 4 * 3600), 7 * DAY - 6 * 3600);
        assert_eq!(wait("Sun 23:00-01:00", SATURDAY + 2 * DAY + 60), 0);
        assert_eq!(wait("Sat-Mon 00:00-24:00", SATURDAY + 2 * DAY), 0);
        assert_eq!(wait("Sat-Mon 00:00-24:00", SATURDAY + 3 * DAY), 4 * DAY);
    }

    #[test]
    fn without_days_it_is_every_day() {
        (0..7).for_each(|day| assert_eq!(wait("03:00-04:00", SATURDAY + day * DAY), 3 * 3600));
        (0..7).for_each(|day| assert_eq!(wait("00:00-24:00", SATURDAY + day * DAY + 5), 0));
    }

    #[test]
    fn a_turn_comes_in_a_part_of_it_that_the_random_number_picks() {
        let window = Window::parse("Sat 02:00-05:00").expect("a window");
        let turn = |now, spread, random| window.turn_in(now, Duration::from_secs(spread), random).as_secs();
        assert_eq!(turn(SATURDAY, 3600, 0), 7200);
        assert_eq!(turn(SATURDAY, 3600, u32::MAX), 7200 + 3600);
        assert_eq!(turn(SATURDAY, DAY, u32::MAX), 5 * 3600 - 1, "before it is over");
        // Asked again, also while it is open, the turn is the same moment; then it has come.
        assert_eq!(turn(SATURDAY + 7200, 3600, u32::MAX), 3600);
        assert_eq!(turn(SATURDAY + 7200 + 3000, 3600, u32::MAX), 600);
        assert_eq!(turn(SATURDAY + 7200 + 3601, 3600, u32::MAX), 0);
        assert_eq!(turn(SATURDAY + 5 * 3600, 3600, 0), WEEK - 3 * 3600);
    }

    #[test]
    fn what_is_no_window_is_refused_with_an_example() {
        for wrong in [
            "",
            " ",
            "always",
            "Sat",
            "Sat 2:00-5:00",
            "sat 02:00-05:00",
            "Sat 02:00",
            "Sat 02:00-25:00",
            "24:00-01:00",
            "Sat 02:60-03:00",
            "Sat, Sun 02:00-05:00",
            "Sat,,Sun 02:00-05:00",
            "Sat 02:00-05:00 UTC",
            "Sat 02:00-24:01",
            "Sat +2:00-05:00",
            "-Sat 02:00-05:00",
            "Sat  02:00-05:00",
            "Samstag 02:00-05:00",
        ] {
            assert_eq!(Window::parse(wrong).expect_err(wrong), FORM, "{wrong}");
        }
        assert!(Window::parse(&format!("{}Mon 02:00-05:00", "Mon,".repeat(99))).is_err());
        assert!(Window::parse("02:00-02:00").expect_err("no length").contains("00:00-24:00"));
    }

    proptest! {
        #[test]
        fn whenever_it_is_asked_it_is_open_after_the_wait_and_not_before(
            first in 0_usize..7, last in 0_usize..7, begin in 0_u64..1440, length in 1_u64..1440, now in 0_u64..1 << 40,
        ) {
            let end = (begin + length) % 1440;
            let text = format!("{}-{} {:02}:{:02}-{:02}:{:02}", DAYS[first], DAYS[last], begin / 60, begin % 60, end / 60, end % 60);
            let wait = wait(&text, now);
            prop_assert!(wait < WEEK);
            let window = Window::parse(&text).expect("a window");
            prop_assert_eq!(window.opens_in(now + wait), Duration::ZERO);
            prop_assert!(wait == 0 || window.opens_in(now + wait - 1).as_secs() == 1);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[A-Za-z0-9:, -]{0,40}") {
            drop(Window::parse(&text));
        }
    }
}
