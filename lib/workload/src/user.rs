//! Which numbers an image's `USER` stands for, by the image's own `passwd` and `group`.

use thiserror::Error;

/// Largest `passwd` or `group` that is read from an image, in bytes.
pub const MAX_USER_FILE_BYTES: u64 = 1024 * 1024;

/// The numbers a container's process runs under.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// User number.
    pub uid: u32,
    /// Group number.
    pub gid: u32,
    /// Further groups.
    pub groups: Vec<u32>,
    /// Home folder, if the image knows one.
    pub home: Option<String>,
}

/// Why `USER` means nothing in this image.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum UserError {
    /// No such user.
    #[error("the image runs as user '{0}', but its /etc/passwd does not have that name")]
    NoUser(String),
    /// No such group.
    #[error("the image runs with group '{0}', but its /etc/group does not have that name")]
    NoGroup(String),
}

struct Account<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

struct Group<'a> {
    name: &'a str,
    gid: u32,
    members: &'a str,
}

/// Resolves `user` (`""`, `name`, `1000`, `name:group`, `1000:1000`) with the texts of the
/// image's `/etc/passwd` and `/etc/group` (empty when it has none).
pub fn resolve(user: &str, passwd: &str, group: &str) -> Result<User, UserError> {
    let (user, wanted_group) = user.split_once(':').map_or((user, None), |(user, group)| (user, Some(group)));
    let user = if user.is_empty() { "0" } else { user };
    let account = accounts(passwd).find(|account| account.name == user || user.parse() == Ok(account.uid));
    let uid = match &account {
        Some(account) => account.uid,
        None => user.parse().map_err(|_| UserError::NoUser(user.to_owned()))?,
    };
    let gid = match wanted_group.filter(|group| !group.is_empty()) {
        Some(wanted) => group_number(wanted, group)?,
        None => account.as_ref().map_or(0, |account| account.gid),
    };
    let name = account.as_ref().map(|account| account.name);
    let home = account.as_ref().map(|account| account.home).filter(|home| home.starts_with('/'));
    let groups = if wanted_group.is_some() { Vec::new() } else { further_groups(name, gid, group) };
    Ok(User { uid, gid, groups, home: home.map(str::to_owned) })
}

fn group_number(wanted: &str, text: &str) -> Result<u32, UserError> {
    let found = groups(text).find(|group| group.name == wanted).map(|group| group.gid);
    found.or_else(|| wanted.parse().ok()).ok_or_else(|| UserError::NoGroup(wanted.to_owned()))
}

/// Groups that name the user as a member. Bounded: the kernel takes 65536, no real image has 64.
fn further_groups(name: Option<&str>, gid: u32, text: &str) -> Vec<u32> {
    let Some(name) = name else { return Vec::new() };
    let is_member = |group: &Group<'_>| group.gid != gid && group.members.split(',').any(|member| member == name);
    groups(text).filter(is_member).map(|group| group.gid).take(64).collect()
}

fn accounts(text: &str) -> impl Iterator<Item = Account<'_>> {
    text.lines().filter_map(|line| {
        let fields: Vec<_> = line.split(':').collect();
        let [name, _, uid, gid, _, home, ..] = fields[..] else {
            return None;
        };
        Some(Account { name, uid: uid.parse().ok()?, gid: gid.parse().ok()?, home })
    })
}

fn groups(text: &str) -> impl Iterator<Item = Group<'_>> {
    text.lines().filter_map(|line| {
        let fields: Vec<_> = line.split(':').collect();
        let [name, _, gid, members] = fields[..] else {
            return None;
        };
        Some(Group { name, gid: gid.parse().ok()?, members })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\npostgres:x:70:71::/var/lib/postgresql:/bin/sh\nbroken\n";
    const GROUP: &str = "root:x:0:\npostgres:x:71:\nssl:x:99:other,postgres\nweb:x:33:\n";

    fn numbers(user: &str) -> (u32, u32, Vec<u32>) {
        let user = resolve(user, PASSWD, GROUP).expect("known");
        (user.uid, user.gid, user.groups)
    }

    #[test]
    fn names_and_numbers() {
        assert_eq!(numbers(""), (0, 0, vec![]));
        assert_eq!(numbers("postgres"), (70, 71, vec![99]));
        assert_eq!(numbers("70"), (70, 71, vec![99]));
        assert_eq!(numbers("postgres:web"), (70, 33, vec![]));
        assert_eq!(numbers("1234:5"), (1234, 5, vec![]));
        assert_eq!(numbers("1234"), (1234, 0, vec![]));
    }

    #[test]
    fn an_image_without_files_still_runs_by_number() {
        assert_eq!(resolve("", "", "").expect("root").uid, 0);
        assert_eq!(resolve("10:20", "", "").expect("numbers").gid, 20);
        assert_eq!(resolve("web", "", ""), Err(UserError::NoUser("web".into())));
        assert_eq!(resolve("0:web", "", ""), Err(UserError::NoGroup("web".into())));
    }

    proptest! {
        #[test]
        fn any_text_is_survived(user in ".{0,20}", passwd in "[a-z0-9:\n]{0,200}", group in "[a-z0-9:,\n]{0,200}") {
            let _ = resolve(&user, &passwd, &group);
        }
    }
}
