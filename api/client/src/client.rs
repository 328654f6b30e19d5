//! The client itself: requests in, bounded answers out.

use std::{fmt, path::Path, time::Duration};

pub use ampoule_api_types::operation::Method;
use ampoule_api_types::v1::ErrorBody;
use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    runtime::{Builder, Runtime},
    time::timeout,
};

use crate::{
    ClientError, Lines, TlsIdentity,
    connect::Target,
    exchange::{collect, send},
};

/// How long a whole exchange may take unless the caller says otherwise; changes of settings have longer.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a change may take until it is in effect or taken back.
const APPLY_TIMEOUT: Duration = Duration::from_secs(150);

/// Most bytes of an answer that is held in memory; the largest one known is a page of logs.
pub const RESPONSE_LIMIT: usize = 16 * 1024 * 1024;

/// A client of one node. Cheap to clone; may be used from several threads, but not from inside an async runtime.
#[derive(Clone)]
pub struct Client {
    target: Target,
    timeout: Duration,
}

impl fmt::Debug for Client {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Client({})", self.target.describe())
    }
}

/// An answer of any status.
#[derive(Clone, Debug)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Response {
    /// Whether the node did what was asked.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body for a person.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Client {
    /// A client over the node's own socket, usually [`crate::API_SOCKET`]. Connects at each request, not here.
    pub fn unix(path: impl AsRef<Path>) -> Self {
        Self::new(Target::Unix(path.as_ref().to_owned()))
    }

    /// A client over mutual TLS to `address` (`host:port`). `server_name` is the name or address in the node's
    /// certificate. Fails on unusable PEM; connects at each request, not here.
    pub fn tls(address: &str, server_name: &str, ca_pem: &[u8], cert_pem: &[u8], key_pem: &[u8]) -> Result<Self, ClientError> {
        let identity = TlsIdentity { ca_pem, cert_pem, key_pem };
        Ok(Self::new(Target::tls(address, server_name, identity)?))
    }

    fn new(target: Target) -> Self {
        Self { target, timeout: DEFAULT_TIMEOUT }
    }

    /// For requests that are answered when services of the node are ready again: longer than the node gives them (120 s), unless the caller chose a time.
    pub(crate) fn patient(&self) -> Self {
        let timeout = if self.timeout == DEFAULT_TIMEOUT { APPLY_TIMEOUT } else { self.timeout };
        Self { timeout, ..self.clone() }
    }

    /// The same client with another limit for a whole exchange.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sends a request (`path` with its query) and returns the answer whatever its status.
    pub fn request(&self, method: Method, path: &str, body: Option<&[u8]>) -> Result<Response, ClientError> {
        let exchange = async {
            let answer = send(&self.target, method, path, body).await?;
            let status = answer.status().as_u16();
            let body = collect(answer.into_body(), RESPONSE_LIMIT).await?;
            Ok(Response { status, body })
        };
        runtime()?.block_on(async { timeout(self.timeout, exchange).await }).map_err(|_| ClientError::Timeout(self.timeout))?
    }

    /// Like [`Client::request`], but an answer of status 400 or above is [`ClientError::Refused`].
    pub fn call(&self, method: Method, path: &str, body: Option<&[u8]>) -> Result<Response, ClientError> {
        let response = self.request(method, path, body)?;
        if response.is_success() {
            return Ok(response);
        }
        Err(refusal(method, path, response.status, &response.body))
    }

    /// Reads a JSON document.
    pub fn get_json<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        decode(path, &self.call(Method::Get, path, None)?.body)
    }

    /// Sends a JSON document; the answer's body is for the caller to read.
    pub fn send_json<T: Serialize + ?Sized>(&self, method: Method, path: &str, document: &T) -> Result<Response, ClientError> {
        let body =
            serde_json::to_vec(document).map_err(|error| ClientError::Request { path: path.to_owned(), reason: error.to_string() })?;
        self.call(method, path, Some(&body))
    }

    /// Reads an answer line by line for as long as the node sends. The time limit holds until the answer begins.
    pub fn lines(&self, path: &str) -> Result<Lines, ClientError> {
        let runtime = runtime()?;
        let start = async {
            let answer = send(&self.target, Method::Get, path, None).await?;
            let status = answer.status();
            if status.is_success() {
                return Ok(answer.into_body());
            }
            let body = collect(answer.into_body(), RESPONSE_LIMIT).await?;
            Err(refusal(Method::Get, path, status.as_u16(), &body))
        };
        let body = runtime.block_on(async { timeout(self.timeout, start).await }).map_err(|_| ClientError::Timeout(self.timeout))??;
        Ok(Lines::new(runtime, body))
    }
}

pub(crate) fn decode<T: DeserializeOwned>(path: &str, body: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(body).map_err(|error| ClientError::Decode { path: path.to_owned(), reason: error.to_string() })
}

fn refusal(method: Method, path: &str, status: u16, body: &[u8]) -> ClientError {
    let typed: Option<ErrorBody> = serde_json::from_slice(body).ok();
    let text = String::from_utf8_lossy(body);
    ClientError::Refused {
        method: method.as_str().to_owned(),
        path: path.to_owned(),
        status,
        message: typed.as_ref().map_or_else(|| text.trim().to_owned(), ToString::to_string),
        body: typed.map(Box::new),
    }
}

/// One runtime per exchange: it costs two descriptors for its short life, and makes the client free of shared state.
fn runtime() -> Result<Runtime, ClientError> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| ClientError::Connect { target: "the system's event queue".to_owned(), source })
}
