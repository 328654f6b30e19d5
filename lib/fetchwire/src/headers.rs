//! What headers of an answer mean.

use crate::Range;
use std::time::SystemTime;

/// The range of `Content-Range: bytes FIRST-LAST/…` (RFC 9110, section 14.4).
#[must_use]
pub fn content_range(value: &str) -> Option<Range> {
    let (range, _) = value.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.trim().split_once('-')?;
    let number = |text: &str| text.parse::<u64>().ok().filter(|_| text.bytes().all(|c| c.is_ascii_digit()));
    let (offset, last) = (number(first)?, number(last)?);
    Some(Range { offset, length: last.checked_sub(offset)?.checked_add(1)? })
}

/// Seconds until a server wants to be asked again: `Retry-After` (RFC 9110, section 10.2.3) is a number of them, or a date. `date` is the same answer's `Date`, if it has one: both are by
/// the server's clock. `now`, the node's clock, may be wrong and counts only without it; so whoever waits has a bound. A date that is over is no wait.
#[must_use]
pub fn retry_after(value: &str, date: &str, now: SystemTime) -> Option<u64> {
    let value = value.trim();
    if value.bytes().all(|c| c.is_ascii_digit()) {
        return value.parse().ok();
    }
    let wanted = httpdate::parse_http_date(value).ok()?;
    let answered = httpdate::parse_http_date(date.trim()).unwrap_or(now);
    let wait = wanted.duration_since(answered).unwrap_or_default();
    Some(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    #[test]
    fn content_ranges() {
        assert_eq!(content_range("bytes 0-0/1"), Some(Range { offset: 0, length: 1 }));
        assert_eq!(content_range("bytes 4096-8191/*"), Some(Range { offset: 4096, length: 4096 }));
        for wrong in ["", "bytes", "bytes */5", "bytes 5-4/9", "bytes 0-18446744073709551615/9", "items 0-1/2", "bytes +0-1/2", "bytes 0-1"]
        {
            assert_eq!(content_range(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn when_to_ask_again() {
        let now = SystemTime::UNIX_EPOCH;
        assert_eq!((retry_after("0", "", now), retry_after(" 120 ", "", now)), (Some(0), Some(120)));
        for wrong in ["", "-1", "+1", "1.5", "99999999999999999999", "Fri, 31 Dec 1999", "Fri, 31 Dec 1999 23:59:59 CET", "tomorrow"] {
            assert_eq!(retry_after(wrong, "Fri, 31 Dec 1999 23:59:00 GMT", now), None, "{wrong}");
        }
    }

    #[test]
    fn a_date_to_ask_again_is_by_the_clock_of_the_server_that_names_it() {
        // Seconds from 1970 to 1999-12-31 23:59:59.
        let moment = |seconds_before: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(946_684_799 - seconds_before);
        let forms = ["Fri, 31 Dec 1999 23:59:59 GMT", "Friday, 31-Dec-99 23:59:59 GMT", "Fri Dec 31 23:59:59 1999"];
        for node in [SystemTime::UNIX_EPOCH, moment(7), moment(0) + Duration::from_secs(1 << 32)] {
            assert_eq!(retry_after(forms[0], " Fri, 31 Dec 1999 23:59:29 GMT ", node), Some(30), "the node's clock does not matter");
            assert_eq!(retry_after(forms[0], "Sat, 01 Jan 2000 00:00:00 GMT", node), Some(0), "it is over");
        }
        for form in forms {
            for no_date in ["", "soon"] {
                assert_eq!(retry_after(form, no_date, moment(30)), Some(30), "{form}");
                assert_eq!(retry_after(form, no_date, moment(30) + Duration::from_millis(500)), Some(30), "not before");
            }
        }
        assert!(
            retry_after(forms[0], "", SystemTime::UNIX_EPOCH).is_some_and(|wait| wait > 900_000_000),
            "a clock that is not set yet: bounded by who waits"
        );
    }

    proptest! {
        #[test]
        fn any_date_is_answered(day in 0..40_u32, year in 0..20_000_u32, hour in 0..30_u32, node in any::<u32>()) {
            let date = format!("Fri, {day:02} Dec {year:04} {hour:02}:59:59 GMT");
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(node.into());
            let _ = (retry_after(&date, "", now), retry_after("Fri, 31 Dec 1999 23:59:59 GMT", &date, now));
        }
    }
}
