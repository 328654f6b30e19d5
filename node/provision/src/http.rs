//! One request to a server that is not trusted: bounded in time and size, no redirects, one connection each.

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;

/// Longest head of an answer, in bytes, and most headers in it. The metadata service needs a tenth.
const MAX_HEAD: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    /// Nothing in time.
    #[error("no whole answer within {} ms", .0.as_millis())]
    Late(Duration),
    /// Nobody there.
    #[error("no connection: {0}")]
    Connect(std::io::Error),
    /// Not HTTP, or cut off.
    #[error("no HTTP answer: {0}")]
    Protocol(hyper::Error),
    /// Cut off in the body.
    #[error("the body was cut off")]
    Body,
    /// Too much.
    #[error("the body has more than {0} bytes")]
    TooLong(usize),
    /// A request that cannot be said.
    #[error("not a request: {0}")]
    Request(hyper::http::Error),
}

/// A status, and the body if the status is 200.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// What is asked.
pub(crate) struct Question<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) header: (&'a str, &'a str),
    /// Longest body taken, in bytes.
    pub(crate) most: usize,
}

/// Asks and waits at most `limit` in all.
///
/// # Errors
/// [`HttpError`].
pub(crate) async fn ask(server: SocketAddr, question: Question<'_>, limit: Duration) -> Result<Answer, HttpError> {
    tokio::time::timeout(limit, exchange(server, question)).await.unwrap_or(Err(HttpError::Late(limit)))
}

async fn exchange(server: SocketAddr, question: Question<'_>) -> Result<Answer, HttpError> {
    let request = request(server, &question).map_err(HttpError::Request)?;
    let stream = TcpStream::connect(server).await.map_err(HttpError::Connect)?;
    let mut builder = http1::Builder::new();
    builder.max_buf_size(MAX_HEAD).max_headers(MAX_HEADERS);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(HttpError::Protocol)?;
    // Moves the bytes; ends with this exchange, also when that ends early.
    let mut driver = tokio::task::JoinSet::new();
    driver.spawn(connection);
    let response = sender.send_request(request).await.map_err(HttpError::Protocol)?;
    let status = response.status().as_u16();
    let body = if status == 200 { body(response, question.most).await? } else { Vec::new() };
    Ok(Answer { status, body })
}

fn request(server: SocketAddr, question: &Question<'_>) -> Result<Request<Empty<Bytes>>, hyper::http::Error> {
    let request = Request::builder().method(question.method.clone()).uri(question.path);
    request.header("host", server.to_string()).header(question.header.0, question.header.1).body(Empty::new())
}

async fn body(response: Response<Incoming>, most: usize) -> Result<Vec<u8>, HttpError> {
    let collected = Limited::new(response.into_body(), most).collect().await;
    let judge = |error: Box<dyn std::error::Error + Send + Sync>| match error.is::<LengthLimitError>() {
        true => HttpError::TooLong(most),
        false => HttpError::Body,
    };
    Ok(collected.map_err(judge)?.to_bytes().to_vec())
}
