//! The body of every answer of status 400 or above under `/v1`, and elsewhere if JSON was asked for.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a request was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ErrorBody {
    /// What kind of mistake, for programs.
    pub code: ErrorCode,
    /// Dotted key of the setting at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What is wrong, for a person.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Further mistakes of the same request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<ErrorBody>,
}

/// Kinds of mistakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ErrorCode {
    /// The request cannot be read: not JSON, a parameter that does not parse.
    BadRequest,
    /// A setting of this name does not exist on this node.
    UnknownKey,
    /// A value is not one its setting may have.
    InvalidValue,
    /// The certificate's role does not allow this.
    Forbidden,
    /// No such thing, or no such route.
    NotFound,
    /// The route has other methods.
    MethodNotAllowed,
    /// The body is larger than the node takes.
    TooLarge,
    /// Commit of a transaction without changes.
    NothingPending,
    /// What the request rests on is not so, or not any more.
    Conflict,
    /// Something runs that this would get in the way of; later it may be done.
    Busy,
    /// Too many things of this kind are open already.
    TooMany,
    /// This image does not have what the route needs.
    NotAvailable,
    /// A service of the node that is needed does not answer.
    Unreachable,
    /// The node could not do what it should have. Its log says more.
    Failed,
    /// A kind of a newer node.
    #[serde(other)]
    Unknown,
}

/// One line a mistake; the hint stands in parentheses.
impl fmt::Display for ErrorBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, " ({hint})")?;
        }
        self.more.iter().try_for_each(|more| write!(f, "\n{more}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_names_key_reason_and_hint() {
        let body: ErrorBody = serde_json::from_str(
            r#"{"code":"invalid-value","key":"network.hostname","message":"has a space","hint":"use a dash",
                "more":[{"code":"a-new-code","message":"second"}]}"#,
        )
        .expect("body");
        assert_eq!(body.more[0].code, ErrorCode::Unknown);
        assert_eq!(body.to_string(), "network.hostname: has a space (use a dash)\nsecond");
    }
}
