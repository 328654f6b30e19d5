//! Names of the files that the loader reads, with their boot counters.

use std::fmt;

use semver::Version;

/// A boot counter: the loader takes one from the left number and adds one to the right at each boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counter {
    /// Boots that are left.
    pub left: u32,
    /// Boots that were tried.
    pub done: u32,
}

impl Counter {
    /// The counter of an image that stepped behind another one and was good before. One that failed has been tried.
    pub const STEPPED_BACK: Self = Self { left: 0, done: 0 };

    /// Whether its tries are used up, by the loader or by a verdict.
    pub fn is_spent(self) -> bool {
        self.left == 0 && self != Self::STEPPED_BACK
    }
}

impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { left, done: 0 } if *left > 0 => write!(f, "+{left}"),
            Self { left, done } => write!(f, "+{left}-{done}"),
        }
    }
}

/// Name of a kernel image: `ampoule_VERSION[+LEFT[-DONE]].efi`.
pub fn image_name(version: &Version, counter: Option<Counter>) -> String {
    format!("ampoule_{version}{}.efi", text(counter))
}

/// Name of an entry with boot parameters: `ampoule_VERSION.parameters[+LEFT[-DONE]].conf`.
pub fn entry_name(version: &Version, counter: Option<Counter>) -> String {
    format!("ampoule_{version}.parameters{}.conf", text(counter))
}

fn text(counter: Option<Counter>) -> String {
    counter.map_or(String::new(), |counter| counter.to_string())
}

/// Version and counter in the name of a kernel image of ours.
pub fn parse_image_name(name: &str) -> Option<(Version, Option<Counter>)> {
    parse(name, "", ".efi")
}

/// Version and counter in the name of an entry of ours.
pub fn parse_entry_name(name: &str) -> Option<(Version, Option<Counter>)> {
    parse(name, ".parameters", ".conf")
}

fn parse(name: &str, middle: &str, ending: &str) -> Option<(Version, Option<Counter>)> {
    let stem = name.strip_prefix("ampoule_")?.strip_suffix(ending)?;
    // A version of ours has no '+' of its own.
    let (version, counter) = stem.split_once('+').map_or((stem, None), |(version, counter)| (version, Some(counter)));
    let version = version.strip_suffix(middle)?.parse().ok()?;
    match counter {
        None => Some((version, None)),
        Some(counter) => Some((version, Some(parse_counter(counter)?))),
    }
}

/// A counter as it stands in a name behind the `+`: `LEFT` or `LEFT-DONE`.
pub fn parse_counter(text: &str) -> Option<Counter> {
    let (left, done) = text.split_once('-').unwrap_or((text, "0"));
    let number = |text: &str| text.bytes().all(|c| c.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    Some(Counter { left: number(left)?, done: number(done)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names() {
        let version = Version::new(1, 2, 3);
        for (name, counter) in [
            ("ampoule_1.2.3.efi", None),
            ("ampoule_1.2.3+3.efi", Some(Counter { left: 3, done: 0 })),
            ("ampoule_1.2.3+2-1.efi", Some(Counter { left: 2, done: 1 })),
            ("ampoule_1.2.3+0-0.efi", Some(Counter { left: 0, done: 0 })),
        ] {
            assert_eq!(parse_image_name(name), Some((version.clone(), counter)), "{name}");
            assert_eq!(image_name(&version, counter), name);
        }
        for wrong in [
            "ampoule_1.2.3",
            "ampoule_.efi",
            "ampoule_1.2.efi",
            "ampoule_1.2.3+.efi",
            "ampoule_1.2.3+3-.efi",
            "ampoule_1.2.3+x.efi",
            "linux.efi",
        ] {
            assert_eq!(parse_image_name(wrong), None, "{wrong}");
        }
        assert_eq!(parse_entry_name("ampoule_1.2.3.parameters+2-1.conf"), Some((version.clone(), Some(Counter { left: 2, done: 1 }))));
        assert_eq!(parse_entry_name("ampoule_1.2.3.conf"), None);
        assert_eq!(parse_image_name("ampoule_1.2.3.parameters.efi"), None);
    }

    proptest! {
        #[test]
        fn what_is_made_is_read(major: u64, minor in 0u64..99, rc in prop::option::of(0u32..9), left: u32, done: u32, counted: bool) {
            let text = format!("{major}.{minor}.0{}", rc.map_or(String::new(), |rc| format!("-rc.{rc}")));
            let version: Version = text.parse().expect("a version");
            let counter = counted.then_some(Counter { left, done });
            prop_assert_eq!(parse_image_name(&image_name(&version, counter)), Some((version.clone(), counter)));
            prop_assert_eq!(parse_entry_name(&entry_name(&version, counter)), Some((version, counter)));
        }

        #[test]
        fn any_name_is_answered(name in "(ampoule_)?\\PC{0,30}(\\.efi|\\.conf)?") {
            if let Some((version, counter)) = parse_image_name(&name) {
                prop_assert_eq!(parse_image_name(&image_name(&version, counter)), Some((version, counter)));
            }
        }
    }
}
