//! Spans of time with bounds.

use crate::checked_text::checked_text;
use std::time::Duration;

checked_text! {
    /// How long the first boot of a new version may take: a boot under load takes half a minute, and nobody waits longer than an hour for a node that is broken.
    HealthTimeout = check_health_timeout, "a time span from 30s to 1h, like \"5m\" or \"1m30s\"";
    /// How often a repository is asked: more often is a burden to it, more seldom and security updates are late.
    PollInterval = check_poll_interval, "a time span from 5m to 7d, like \"6h\" or \"1d12h\"";
    /// How long one attempt of a check may take.
    CheckTimeout = check_check_timeout, "a time span from 1s to 1m, like \"5s\"";
}

macro_rules! spans {
    ($($name:ident $check:ident = $least:expr, $most:expr, $wrong:literal;)*) => {$(
        impl $name {
            /// As a span of time.
            #[must_use]
            pub fn get(&self) -> Duration {
                Duration::from_secs(seconds(self.as_str()).unwrap_or($least))
            }
        }

        fn $check(text: &str) -> Result<(), String> {
            match seconds(text) {
                None => Err("this is not a time span".to_owned()),
                Some(seconds) if ($least..=$most).contains(&seconds) => Ok(()),
                Some(_) => Err($wrong.to_owned()),
            }
        }
    )*};
}

spans! {
    HealthTimeout check_health_timeout = 30, HOUR, "this is not from 30 seconds to one hour";
    PollInterval check_poll_interval = 5 * MINUTE, 7 * DAY, "this is not from 5 minutes to 7 days";
    CheckTimeout check_check_timeout = 1, MINUTE, "this is not from one second to one minute";
}

const MINUTE: u64 = 60;
const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// The units, the largest first.
const UNITS: [(char, u64); 4] = [('d', DAY), ('h', HOUR), ('m', MINUTE), ('s', 1)];

/// The seconds of whole numbers with `d`, `h`, `m` and `s`, in this order and each at most once.
fn seconds(text: &str) -> Option<u64> {
    let (mut rest, mut sum, mut units) = (text, 0_u64, UNITS.as_slice());
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..end].parse().ok()?;
        let unit = rest[end..].chars().next()?;
        let at = units.iter().position(|(letter, _)| *letter == unit)?;
        sum = sum.checked_add(number.checked_mul(units[at].1)?)?;
        (rest, units) = (&rest[end + 1..], &units[at + 1..]);
    }
    (!text.is_empty()).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn a_span_is_the_sum_of_its_parts() {
        for (text, wanted) in [("5m", 300), ("1h30m", 5400), ("1d", 86_400), ("1d2h3m4s", 93_784), ("0s", 0), ("90s", 90)] {
            assert_eq!(seconds(text), Some(wanted), "{text}");
        }
        for wrong in ["", "5", "m", "5 m", "5M", "1m1h", "1m1m", "1.5h", "-1s", "5ms", "5ü", "99999999999999999999s", "999999999999999999d"]
        {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }
}
