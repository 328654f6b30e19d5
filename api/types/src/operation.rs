//! What one request of the API is: its method and path, what it takes and what it answers.
//!
//! [`crate::operations`] lists all of them. The node serves operations of that list and nothing else, and the OpenAPI
//! document is made from it, so that neither can promise what the other does not have.

use crate::Role;
use std::fmt;

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Method.
    pub method: Method,
    /// Path, with names of parameters in braces (`/v1/services/{name}/restart`).
    pub path: &'static str,
    /// What it does, in one sentence.
    pub about: &'static str,
    /// The least role that may ask for it.
    pub role: Role,
    /// Query and path parameters.
    pub parameters: &'static [Parameter],
    /// What its body is, if it takes one.
    pub body: Option<Shape>,
    /// Whether the body may be left out.
    pub body_optional: bool,
    /// Status of success.
    pub status: u16,
    /// Body of success.
    pub answer: Shape,
    /// Statuses of refusal of its own, each with its meaning; [`COMMON_REFUSALS`] go for every operation.
    pub refusals: &'static [(u16, &'static str)],
}

/// HTTP methods of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// Reads.
    Get,
    /// Changes parts.
    Patch,
    /// Acts.
    Post,
    /// Writes whole.
    Put,
    /// Takes away.
    Delete,
}

/// A parameter; one whose name stands in braces in the path belongs to the path, all others to the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Name.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// Whether the request is refused without it.
    pub required: bool,
}

/// What a parameter may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text of at least one character.
    Text,
    /// A text that matches a regular expression (ECMA 262, as JSON Schema has it).
    Pattern(&'static str),
    /// A whole number from, to.
    Number(u64, u64),
    /// `true` or `false`.
    Flag,
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// No body.
    Nothing,
    /// JSON of the type with this name.
    Json(&'static str),
    /// One JSON document of the type with this name in each line.
    Lines(&'static str),
    /// Text, of this media type.
    Text(&'static str),
    /// A WebSocket.
    Socket,
}

/// What every operation may answer instead of what was asked for.
pub const COMMON_REFUSALS: &[(u16, &str)] = &[
    (400, "The request cannot be understood, or a value is not one that its setting may have."),
    (403, "The caller's role does not allow this."),
    (500, "The node could not do it. Its log says more."),
    (503, "A service of the node that is needed does not answer."),
];

/// What an operation with a body may answer besides.
pub const BODY_REFUSALS: &[(u16, &str)] = &[
    (408, "The body did not come in time."),
    (413, "The body is larger than the node takes."),
    (429, "Too much of this kind is open already."),
];

impl Method {
    /// As on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Patch => "PATCH",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

impl Parameter {
    /// An optional text.
    #[must_use]
    pub const fn text(name: &'static str, about: &'static str) -> Self {
        Self { name, about, kind: Kind::Text, required: false }
    }

    /// Of another kind.
    #[must_use]
    pub const fn of(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// Refused without it.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }
}

impl Operation {
    /// One that answers 200 and nothing yet; reading is for readers, all else for operators.
    #[must_use]
    pub const fn new(method: Method, path: &'static str, about: &'static str) -> Self {
        let role = if matches!(method, Method::Get) { Role::Reader } else { Role::Operator };
        Self {
            method,
            path,
            about,
            role,
            parameters: &[],
            body: None,
            body_optional: false,
            status: 200,
            answer: Shape::Nothing,
            refusals: &[],
        }
    }

    /// One that reads.
    #[must_use]
    pub const fn get(path: &'static str, about: &'static str) -> Self {
        Self::new(Method::Get, path, about)
    }

    /// One that acts and answers 204.
    #[must_use]
    pub const fn post(path: &'static str, about: &'static str) -> Self {
        Self::new(Method::Post, path, about).silent()
    }

    /// For this role and those above it.
    #[must_use]
    pub const fn by(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    /// With parameters.
    #[must_use]
    pub const fn takes(mut self, parameters: &'static [Parameter]) -> Self {
        self.parameters = parameters;
        self
    }

    /// With a JSON body.
    #[must_use]
    pub const fn body(mut self, name: &'static str) -> Self {
        self.body = Some(Shape::Json(name));
        self
    }

    /// With a JSON body that may be left out.
    #[must_use]
    pub const fn optional_body(mut self, name: &'static str) -> Self {
        self.body_optional = true;
        self.body(name)
    }

    /// With a body that is text.
    #[must_use]
    pub const fn text_body(mut self) -> Self {
        self.body = Some(Shape::Text("text/plain"));
        self
    }

    /// Answering 200 with a body.
    #[must_use]
    pub const fn answers(mut self, answer: Shape) -> Self {
        self.status = 200;
        self.answer = answer;
        self
    }

    /// Answering 204.
    #[must_use]
    pub const fn silent(mut self) -> Self {
        self.status = 204;
        self.answer = Shape::Nothing;
        self
    }

    /// With refusals of its own.
    #[must_use]
    pub const fn refuses(mut self, refusals: &'static [(u16, &'static str)]) -> Self {
        self.refusals = refusals;
        self
    }

    /// Whether it is ours, so that every refusal is JSON.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.path.starts_with("/v1/")
    }
}

/// `GET /settings`.
impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method.as_str(), self.path)
    }
}
