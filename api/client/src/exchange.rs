//! One request and its answer over one connection.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{Request, Response, body::Incoming, client::conn::http1, header};
use hyper_util::rt::TokioIo;

use crate::{ClientError, client::Method, connect::Target};

/// Sends the request and waits for the answer's head. Must run inside a runtime: the connection is driven by a task
/// that ends with it.
pub(crate) async fn send(target: &Target, method: Method, path: &str, body: Option<&[u8]>) -> Result<Response<Incoming>, ClientError> {
    let request = request(method, path, body)?;
    let stream = TokioIo::new(target.connect().await?);
    let (mut sender, connection) = http1::handshake(stream).await.map_err(broken)?;
    // An error of the connection reaches us through the answer or its body.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    sender.send_request(request).await.map_err(broken)
}

/// Reads the whole body, at most `limit` bytes.
pub(crate) async fn collect(body: Incoming, limit: usize) -> Result<Vec<u8>, ClientError> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes().to_vec()),
        Err(error) if error.is::<LengthLimitError>() => Err(ClientError::TooLarge(limit)),
        Err(error) => Err(ClientError::Broken(error.to_string())),
    }
}

pub(crate) fn broken(error: hyper::Error) -> ClientError {
    use std::error::Error as _;
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    ClientError::Broken(format!("{error}{cause}"))
}

fn request(method: Method, path: &str, body: Option<&[u8]>) -> Result<Request<Full<Bytes>>, ClientError> {
    let mut builder = Request::builder()
        .method(method.as_str())
        .uri(path)
        .header(header::HOST, "localhost")
        // Refusals come typed, with a hint, to who asks for JSON.
        .header(header::ACCEPT, "application/json")
        .header(header::CONNECTION, "close");
    if body.is_some() {
        builder = builder.header(header::CONTENT_TYPE, "application/json");
    }
    let body = Full::new(Bytes::copy_from_slice(body.unwrap_or_default()));
    builder.body(body).map_err(|error| ClientError::Request { path: path.to_owned(), reason: error.to_string() })
}
