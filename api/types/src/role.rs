//! Who may do what: each operation has the least role that it takes (`Operation::role`), and some settings are for administrators alone.

use std::fmt;

/// What a client may do, the organisational unit (OU) of its certificate. A later one may do all that an earlier one may. Programs on the node itself are administrators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads everything but secrets, and makes plans.
    Reader,
    /// Runs the node: workloads, services, restarts, and settings that keep its management as it is.
    Operator,
    /// Everything: also who may manage the node, what it trusts, its updates, commands in host containers; sees secrets.
    Admin,
}

/// Settings that only administrators change, with what lies below them: who reaches the node's management, whom the node trusts, what runs with rights over it, and its updates. (Besides
/// these, an operator makes no change of which the plan says that management access may be lost.)
pub const ADMIN_SETTINGS: &[&str] = &["api", "pki", "updates", "host-containers", "bootstrap-containers", "bootstrap-commands"];

impl Role {
    /// All, the least first.
    pub const ALL: [Self; 3] = [Self::Reader, Self::Operator, Self::Admin];

    /// As in a certificate.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// The role of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// Whether this role may change the setting `key` (dotted, without `settings.`).
    #[must_use]
    pub fn may_change(self, key: &str) -> bool {
        let is_below = |above: &&str| key.strip_prefix(*above).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        match self {
            Self::Reader => false,
            Self::Operator => !ADMIN_SETTINGS.iter().any(is_below),
            Self::Admin => true,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::Method;
    use crate::operations;

    #[test]
    fn roles_have_their_names_and_order() {
        assert!(Role::ALL.is_sorted());
        assert!(Role::ALL.into_iter().all(|role| Role::named(role.name()) == Some(role)));
        assert_eq!(Role::named("Admin"), None);
    }

    #[test]
    fn what_lies_below_an_administrators_setting_is_his() {
        assert!(!Role::Operator.may_change("api.remote.port") && !Role::Operator.may_change("pki"));
        assert!(Role::Operator.may_change("apiary") && Role::Operator.may_change("workloads.web.image"));
        assert!(Role::Admin.may_change("api.remote.port") && !Role::Reader.may_change("motd"));
    }

    /// The whole table, so that an operation gets its role on purpose.
    #[test]
    fn each_operation_takes_the_role_it_should() {
        let path = |role| operations::all().filter(move |o| o.role == role);
        let readers_that_do_not_get: Vec<String> =
            path(Role::Reader).filter(|o| o.method != Method::Get).map(ToString::to_string).collect();
        assert_eq!(readers_that_do_not_get, ["POST /v1/plan"]);
        let gets_of_others: Vec<String> =
            operations::all().filter(|o| o.method == Method::Get && o.role != Role::Reader).map(ToString::to_string).collect();
        assert_eq!(gets_of_others, ["GET /exec"]);
        let mut admin: Vec<&str> = path(Role::Admin).map(|o| o.path).collect();
        admin.sort_unstable();
        assert_eq!(
            admin,
            [
                "/actions/activate-update",
                "/actions/deactivate-update",
                "/actions/ephemeral-storage/bind",
                "/actions/ephemeral-storage/init",
                "/actions/lockdown",
                "/actions/network/configure",
                "/actions/prepare-update",
                "/actions/refresh-updates",
                "/ephemeral-storage/bind",
                "/ephemeral-storage/init",
                "/exec",
                "/v1/updates/forgive",
                "/v1/updates/rollback",
            ]
        );
    }
}
