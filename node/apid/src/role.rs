//! What a client may do.

use axum::http::Method;

/// Who asks: the role in a certificate, or a program of the node itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Reads; sees no secrets.
    Reader,
    /// Reads and changes.
    Operator,
    /// Reads and changes.
    Admin,
}

impl Role {
    /// The role of this name, as a certificate's organisational unit.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "reader" => Some(Self::Reader),
            "operator" => Some(Self::Operator),
            "admin" => Some(Self::Admin),
            _ => None,
        }
    }

    /// Whether requests of this method are allowed.
    pub(crate) fn may(self, method: &Method) -> bool {
        self != Self::Reader || method == Method::GET || method == Method::HEAD
    }
}

/// Who asks, for the generation's author.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// What they may do.
    pub(crate) role: Role,
    /// Their name.
    pub(crate) name: String,
}
