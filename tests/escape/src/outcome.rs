//! How an attempt ended, and its line.

use std::{fmt, io};

/// The end of an attempt.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The system said no.
    Refused(io::Error),
    /// A wall had a hole: what was reached.
    Succeeded(String),
    /// There is nothing to attack: what was looked for and not found.
    Impossible(String),
}

/// Refused if the system said no; else `what` was reached.
pub(crate) fn judged<T, E: Into<io::Error>>(result: Result<T, E>, what: &str) -> Outcome {
    match result {
        Ok(_) => Outcome::Succeeded(what.to_owned()),
        Err(error) => Outcome::Refused(error.into()),
    }
}

/// The first that was no refusal, else the last refusal: several roads to one place.
pub(crate) fn worst(outcomes: impl IntoIterator<Item = Outcome>) -> Outcome {
    let mut last = Outcome::Impossible("nothing to try".to_owned());
    for outcome in outcomes {
        match outcome {
            Outcome::Succeeded(_) => return outcome,
            other => last = other,
        }
    }
    last
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => write!(out, "refused({})", name_of(error)),
            Self::Succeeded(what) => write!(out, "SUCCEEDED: {what}"),
            Self::Impossible(why) => write!(out, "impossible: {why}"),
        }
    }
}

/// The name that programs know it by, or what it says.
pub(crate) fn name_of(error: &io::Error) -> String {
    error.raw_os_error().map_or_else(|| error.to_string(), name)
}

/// errno(3)
const NAMES: [(i32, &str); 28] = [
    (1, "EPERM"),
    (2, "ENOENT"),
    (3, "ESRCH"),
    (5, "EIO"),
    (6, "ENXIO"),
    (9, "EBADF"),
    (11, "EAGAIN"),
    (12, "ENOMEM"),
    (13, "EACCES"),
    (14, "EFAULT"),
    (16, "EBUSY"),
    (17, "EEXIST"),
    (18, "EXDEV"),
    (19, "ENODEV"),
    (20, "ENOTDIR"),
    (22, "EINVAL"),
    (26, "ETXTBSY"),
    (28, "ENOSPC"),
    (30, "EROFS"),
    (38, "ENOSYS"),
    (93, "EPROTONOSUPPORT"),
    (95, "EOPNOTSUPP"),
    (97, "EAFNOSUPPORT"),
    (101, "ENETUNREACH"),
    (110, "ETIMEDOUT"),
    (111, "ECONNREFUSED"),
    (113, "EHOSTUNREACH"),
    (122, "EDQUOT"),
];

fn name(number: i32) -> String {
    let known = NAMES.iter().find(|(n, _)| *n == number);
    known.map_or_else(|| format!("errno {number}"), |(_, name)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let refused = judged::<(), _>(Err(io::Error::from_raw_os_error(30)), "x");
        assert_eq!(refused.to_string(), "refused(EROFS)");
        assert_eq!(judged::<_, io::Error>(Ok(1), "the root").to_string(), "SUCCEEDED: the root");
    }

    #[test]
    fn one_hole_is_enough() {
        let no = || Outcome::Refused(io::Error::from_raw_os_error(1));
        assert!(matches!(worst([no(), Outcome::Succeeded("a".into()), no()]), Outcome::Succeeded(_)));
        assert!(matches!(worst([no(), no()]), Outcome::Refused(_)));
    }
}
