//! What goes back: Bottlerocket's routes answer mistakes in plain text, `/v1` in JSON.

use crate::core::ChangeError;
use ampoule_api_types::v1::{ErrorBody, ErrorCode};
use ampoule_settings::SettingError;
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

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        if self.json { (self.status, Json(self.body)).into_response() } else { (self.status, self.body.to_string()).into_response() }
    }
}

impl From<ChangeError> for Refusal {
    fn from(error: ChangeError) -> Self {
        let message = error.to_string();
        match error {
            ChangeError::Settings(errors) => wrong_settings(errors),
            ChangeError::NothingPending(_) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::NothingPending, message),
            ChangeError::Name => Self::bad_request(message),
            ChangeError::TooMany => Self::new(StatusCode::TOO_MANY_REQUESTS, ErrorCode::TooMany, message),
            ChangeError::TooLarge => Self::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::TooLarge, message),
            ChangeError::NoStore => Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Failed, message).hint("see `ampctl logs apid`"),
            ChangeError::Store(_) => {
                let text = ampoule_report::chain(&error);
                log::error!("{text}");
                Self::new(StatusCode::INSUFFICIENT_STORAGE, ErrorCode::Failed, text).hint("free space on STATE, or see `ampctl logs apid`")
            }
        }
    }
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
