//! What a client may do: the operations of its role, and of the settings those that are not for others.

use crate::answer::Refusal;
pub(crate) use ampoule_api_types::Role;
use ampoule_api_types::v1::ErrorCode;
use ampoule_plan::Plan;
use axum::http::StatusCode;

/// Who asks, for the generation's author.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// What they may do.
    pub(crate) role: Role,
    /// Their name.
    pub(crate) name: String,
}

impl Caller {
    /// A part of the node itself.
    pub(crate) fn node(name: &str) -> Self {
        Self { role: Role::Admin, name: name.to_owned() }
    }

    /// Whether they see secrets.
    pub(crate) fn sees_secrets(&self) -> bool {
        self.role == Role::Admin
    }

    /// Whether they may change these settings at all, whatever the values.
    ///
    /// # Errors
    /// The first key that is not theirs.
    pub(crate) fn may_set<'a>(&self, keys: impl IntoIterator<Item = &'a str>) -> Result<(), Refusal> {
        match keys.into_iter().find(|key| !self.role.may_change(key)) {
            Some(key) => Err(self.refused(&format!("change `settings.{key}`"))),
            None => Ok(()),
        }
    }

    /// Whether they may do what a plan says.
    ///
    /// # Errors
    /// The first key that is not theirs, or after which the node might be out of reach.
    pub(crate) fn may_do(&self, plan: &Plan) -> Result<(), Refusal> {
        self.may_set(plan.keys.iter().map(|change| change.key.as_str()))?;
        match plan.access.first().filter(|_| self.role != Role::Admin) {
            Some(risk) => {
                Err(self.refused(&format!("change `settings.{}`, after which management access may be lost ({})", risk.key, risk.why)))
            }
            None => Ok(()),
        }
    }

    fn refused(&self, what: &str) -> Refusal {
        forbidden(self.role, what, Role::Admin)
    }
}

/// For a caller whose role is too small.
pub(crate) fn forbidden(has: Role, what: &str, takes: Role) -> Refusal {
    let text = format!("A certificate with the role `{has}` may not {what}");
    let enough: Vec<&str> = Role::ALL.into_iter().filter(|role| *role >= takes).map(Role::name).collect();
    Refusal::new(StatusCode::FORBIDDEN, ErrorCode::Forbidden, text).hint(format!("use one with the role {}", enough.join(" or ")))
}
