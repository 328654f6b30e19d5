//! SELinux contexts: `user:role:type:level`.

use std::collections::BTreeSet;

/// Longest part of a context that is taken, in bytes; types of a policy are far shorter.
const MAX_PART: usize = 128;

/// Whose a process or file is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Context {
    /// Type: of a process, its domain.
    pub typ: String,
    /// Level as the kernel writes it: `s0`, `s0:c1,c2`, `s0-s0:c0.c1023`; empty if there is none.
    pub level: String,
}

impl Context {
    /// Reads a context. `None`: it is none, or holds what no policy can name.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(4, ':');
        let (user, role, typ) = (parts.next()?, parts.next()?, parts.next()?);
        let level = parts.next().unwrap_or_default();
        let is_name = |part: &str| {
            !part.is_empty() && part.len() <= MAX_PART && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
        };
        let is_level = |part: &str| part.len() <= MAX_PART && part.bytes().all(|b| b.is_ascii_alphanumeric() || b":,.-".contains(&b));
        ([user, role, typ].into_iter().all(is_name) && is_level(level)).then(|| Self { typ: typ.to_owned(), level: level.to_owned() })
    }

    /// Whether its level holds every category of the other's: without that, no rule about types lets it near.
    pub fn dominates(&self, other: &Self) -> bool {
        let (own, others) = (categories(high(&self.level)), categories(low(&other.level)));
        others.is_subset(&own)
    }
}

fn low(level: &str) -> &str {
    level.split('-').next().unwrap_or_default()
}

fn high(level: &str) -> &str {
    level.rsplit('-').next().unwrap_or_default()
}

/// `s0:c1,c5.c7` is {1, 5, 6, 7}.
fn categories(level: &str) -> BTreeSet<u16> {
    let list = level.split_once(':').map_or("", |(_, list)| list);
    list.split(',').filter(|part| !part.is_empty()).flat_map(range).collect()
}

fn range(part: &str) -> std::ops::RangeInclusive<u16> {
    // A kernel has at most 1024 categories in MCS; a larger number is nobody's.
    let number = |text: &str| text.strip_prefix('c').and_then(|n| n.parse::<u16>().ok()).filter(|n| *n < 1024);
    let (first, last) = part.split_once('.').unwrap_or((part, part));
    match (number(first), number(last)) {
        (Some(first), Some(last)) => first..=last,
        _ => u16::MAX..=u16::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(level: &str) -> Context {
        Context::parse(&format!("system_u:system_r:container_t:{level}")).expect("a context")
    }

    #[test]
    fn contexts_are_taken_apart() {
        let expected = Context { typ: "container_t".into(), level: "s0:c1,c2".into() };
        assert_eq!(context("s0:c1,c2"), expected);
        assert_eq!(Context::parse("u:r:t"), Some(Context { typ: "t".into(), level: String::new() }));
        for wrong in ["", "kernel", "a:b", "a:b:c d", "a:b:(allow)", "a:b:t:s0)", &format!("a:b:{}", "x".repeat(129))] {
            assert_eq!(Context::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn categories_decide_who_holds_whom() {
        assert!(context("s0:c1,c2").dominates(&context("s0")));
        assert!(context("s0:c1,c2").dominates(&context("s0:c1,c2")));
        assert!(!context("s0:c1,c2").dominates(&context("s0:c1,c3")));
        assert!(!context("s0").dominates(&context("s0:c1")));
        assert!(context("s0-s0:c0.c1023").dominates(&context("s0:c1,c900")));
        assert!(!context("s0:c1,c2").dominates(&context("s0:c9999")));
    }
}
