//! What goes back: Bottlerocket's routes answer mistakes in plain text, `/v1` in JSON.

use crate::core::KeepError;
use crate::transactions::ChangeError;
use ampoule_api_types::v1::{ErrorBody, ErrorCode};
use ampoule_confirm::NotOpen;
use ampoule_report::chain;
use ampoule_settings::SettingError;
use ampoule_store::{ConfirmError, RollBackError, StoreError};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

/// Why a request was not done.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    body: ErrorBody,
    json: bool,
}

impl Refusal {
    /// A mistake with its code.
    pub(crate) fn new(status: StatusCode, code: ErrorCode, message: impl Into<String>) -> Self {
        Self { status, body: ErrorBody { code, key: None, message: message.into(), hint: None, more: Vec::new() }, json: false }
    }

    /// Something the request names is not there.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, ErrorCode::NotFound, message)
    }

    /// The request cannot be understood.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, ErrorCode::BadRequest, message)
    }

    /// A service of the node does not answer.
    pub(crate) fn unreachable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Unreachable, message)
    }

    /// The request rests on something that is not so.
    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, ErrorCode::Conflict, message)
    }

    /// The node could not do it.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Failed, message)
    }

    /// A text that the framework wrote, in the shape of `/v1`.
    pub(crate) fn from_text(status: StatusCode, text: String) -> Self {
        let code = match status {
            StatusCode::NOT_FOUND => ErrorCode::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => ErrorCode::MethodNotAllowed,
            StatusCode::PAYLOAD_TOO_LARGE => ErrorCode::TooLarge,
            status if status.is_client_error() => ErrorCode::BadRequest,
            _ => ErrorCode::Failed,
        };
        let message = if text.is_empty() { status.to_string() } else { text };
        Self::new(status, code, message).typed()
    }

    /// What is wrong, for the log.
    pub(crate) fn text(&self) -> String {
        self.body.to_string()
    }

    /// With a remedy.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.body.hint = Some(hint.into());
        self
    }

    /// As JSON, as `/v1` answers.
    pub(crate) fn typed(mut self) -> Self {
        self.json = true;
        self
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.body.fmt(f)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        if self.json {
            return (self.status, Json(self.body)).into_response();
        }
        // Below `/v1` the text gives way to the body itself (`routes::typed`).
        let mut answer = (self.status, self.body.to_string()).into_response();
        answer.extensions_mut().insert(self.body);
        answer
    }
}

impl From<ChangeError> for Refusal {
    fn from(error: ChangeError) -> Self {
        let message = error.to_string();
        match error {
            ChangeError::Settings(errors) => wrong_settings(errors),
            ChangeError::NothingPending(_) | ChangeError::Nothing => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::NothingPending, message)
            }
            ChangeError::Name => Self::bad_request(message),
            ChangeError::TooMany => Self::new(StatusCode::TOO_MANY_REQUESTS, ErrorCode::TooMany, message),
            ChangeError::TooLarge => Self::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::TooLarge, message),
        }
    }
}

impl From<KeepError> for Refusal {
    fn from(error: KeepError) -> Self {
        match &error {
            KeepError::NoStore => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Failed, error.to_string()).hint("see `ampctl logs apid`")
            }
            KeepError::Store(store) => not_stored(&error, store),
        }
    }
}

impl From<ConfirmError> for Refusal {
    fn from(error: ConfirmError) -> Self {
        match &error {
            ConfirmError::NotOpen(NotOpen { open: Some(n), .. }) => {
                Self::conflict(error.to_string()).hint(format!("confirm {n} if it is what you have seen, or take it back"))
            }
            ConfirmError::NotOpen(_) => Self::conflict(error.to_string()).hint("see /v1/generations"),
            ConfirmError::Store(store) => not_stored(&error, store),
        }
    }
}

impl From<RollBackError> for Refusal {
    fn from(error: RollBackError) -> Self {
        match &error {
            RollBackError::NothingOpen { .. } => Self::conflict(error.to_string()).hint("restore an earlier generation instead"),
            RollBackError::Store(store) => not_stored(&error, store),
        }
    }
}

fn not_stored(error: &(dyn std::error::Error + 'static), store: &StoreError) -> Refusal {
    let text = chain(error);
    log::error!("{text}");
    let hint = if store.is_full() { "STATE is full: restart the node or remove what fills it" } else { "see `ampctl logs apid`" };
    Refusal::new(StatusCode::INSUFFICIENT_STORAGE, ErrorCode::Failed, text).hint(hint)
}

fn wrong_settings(errors: Vec<SettingError>) -> Refusal {
    let mut bodies: Vec<ErrorBody> = errors.into_iter().map(body).collect();
    let more = bodies.split_off(bodies.len().min(1));
    let first = bodies.pop().unwrap_or_else(|| ErrorBody {
        code: ErrorCode::BadRequest,
        key: None,
        message: String::new(),
        hint: None,
        more: vec![],
    });
    Refusal { status: StatusCode::BAD_REQUEST, body: ErrorBody { more, ..first }, json: false }
}

fn body(error: SettingError) -> ErrorBody {
    let code = if error.unknown { ErrorCode::UnknownKey } else { ErrorCode::InvalidValue };
    let hint = Some(error.hint).filter(|h| !h.is_empty());
    ErrorBody { code, key: Some(format!("settings.{}", error.key)), message: error.reason, hint, more: Vec::new() }
}
