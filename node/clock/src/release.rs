//! The image's release date, from the text of `os-release`.

use crate::known::Seconds;

/// Midnight (UTC) of the day in the line `RELEASE_DATE=YYYY-MM-DD`; `None` without a right one.
pub(crate) fn date(os_release: &str) -> Option<Seconds> {
    let day = ampoule_layout::os_release_value(os_release, "RELEASE_DATE")?;
    let mut parts = day.split('-').map(|part| part.parse::<u64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let is_date = (1970..10_000).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    (is_date && parts.next().is_none()).then(|| days(year, month, day) * 86_400)
}

/// Days from 1970-01-01 in the Gregorian calendar. Years begin in March here, so that the leap day comes last.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year / 4 - year / 100 + year / 400;
    // 719 468 days lie between 0000-03-01 and 1970-01-01.
    365 * year + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_what_date_says() {
        // `date -u -d DAY +%s`
        for (day, seconds) in [("1970-01-01", 0), ("2000-02-29", 951_782_400), ("2026-11-25", 1_795_564_800), ("2100-03-01", 4_107_542_400)]
        {
            assert_eq!(date(&format!("ID=ampoule\nRELEASE_DATE={day}\n")), Some(seconds), "{day}");
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in
            ["", "RELEASE_DATE=", "RELEASE_DATE=today", "RELEASE_DATE=2026-13-01", "RELEASE_DATE=2026-11-25-1", "RELEASE_DATE=99999-01-01"]
        {
            assert_eq!(date(text), None, "{text}");
        }
    }
}
