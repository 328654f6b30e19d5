//! Users of a node: one for each daemon, so that what one of them owns is closed to the others.
//!
//! The numbers are fixed, because files on STATE and DATA carry them from one version to the next. They lie in a range that distributions and orchestrators leave
//! free (systemd's `UIDS-GIDS.md`), so that a user of a container image never has the number of a daemon by chance. Each user has a group of its own number;
//! whoever is in it may use what that daemon offers on its sockets.

use serde::{Deserialize, Deserializer, de::Error};

/// Everyone but root: names and numbers. Never renumber, never use a number again.
pub const USERS: [(&str, u32); 16] = [
    ("apid", 60_600),
    ("netd", 60_601),
    ("logd", 60_602),
    ("clock", 60_603),
    ("ntpd", 60_604),
    ("metricd", 60_605),
    ("provision", 60_606),
    ("modload", 60_607),
    ("hostd", 60_608),
    // The group alone is used: who may ask init about services. Whom it obeys: `Request::is_open_to`.
    ("init", 60_609),
    ("updated", 60_610),
    ("netd-parser", 60_611),
    ("update-fetcher", 60_612),
    ("boot-parameters", 60_613),
    // A service file that names no user.
    ("nobody", 65_534),
    // For the service that attacks a node in tests.
    ("probe", 60_699),
];

/// A user of the node, by name. Its group has the same name and number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User {
    name: &'static str,
    id: u32,
}

impl User {
    /// May do what its capabilities say and owns most of the node's files.
    pub const ROOT: Self = Self { name: "root", id: 0 };
    /// Owns nothing.
    pub const NOBODY: Self = Self { name: "nobody", id: 65_534 };

    /// `None`: there is no such user.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let others = USERS.iter().find(|(known, _)| *known == name).map(|(name, id)| Self { name, id: *id });
        others.or((name == "root").then_some(Self::ROOT))
    }

    /// As in `/etc/passwd` and `/etc/group`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.name
    }

    /// Number of the user, and of its group.
    #[must_use]
    pub fn id(self) -> u32 {
        self.id
    }

    /// Whether it is root.
    #[must_use]
    pub fn is_root(self) -> bool {
        self.id == 0
    }
}

impl<'de> Deserialize<'de> for User {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        let unknown = || D::Error::custom(format!("`{name}` is no user of a node; lib/supervise/src/identity.rs lists them"));
        Self::named(&name).ok_or_else(unknown)
    }
}

/// The text of `/etc/passwd`: nobody can log in.
#[must_use]
pub fn passwd() -> String {
    everyone().map(|(name, id)| format!("{name}:x:{id}:{id}:{name}:/:/dev/null\n")).collect()
}

/// The text of `/etc/group`.
#[must_use]
pub fn group() -> String {
    everyone().map(|(name, id)| format!("{name}:x:{id}:\n")).collect()
}

fn everyone() -> impl Iterator<Item = (&'static str, u32)> {
    [("root", 0)].into_iter().chain(USERS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_share_a_number_or_a_name() {
        let numbers: BTreeSet<u32> = everyone().map(|(_, id)| id).collect();
        let names: BTreeSet<&str> = everyone().map(|(name, _)| name).collect();
        assert_eq!((numbers.len(), names.len()), (USERS.len() + 1, USERS.len() + 1));
    }

    #[test]
    fn users_by_name() {
        assert_eq!(User::named("root"), Some(User::ROOT));
        assert_eq!(User::named("nobody"), Some(User::NOBODY));
        assert_eq!(User::named("apid").map(User::id), Some(60_600));
        assert_eq!(User::named("mallory"), None);
    }

    #[test]
    fn files_for_those_who_ask_for_names() {
        assert!(passwd().starts_with("root:x:0:0:root:/:/dev/null\n") && passwd().contains("\nlogd:x:60602:60602:"));
        assert!(group().starts_with("root:x:0:\n") && group().contains("\nnobody:x:65534:\n"));
    }
}
