//! Bytes of a file.

use crate::agents::Agents;
use ampoule_fetchwire::{Fetch, Kind, Outcome, content_range, is_too_slow, retry_after};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant, SystemTime};
use ureq::http::{Response, StatusCode, header};
use ureq::{Body, Error};

/// Bytes passed on at once.
const PIECE: usize = 32 * 1024;

/// Asks the server, says how it went, and passes on what comes.
///
/// # Errors
/// Who asked is gone; or the bytes did not come: then it finds the connection closed before its time.
pub(crate) fn answer(wanted: &Fetch, agents: &Agents, asker: &mut UnixStream) -> io::Result<()> {
    match ask(wanted, agents) {
        Ok((length, body)) => {
            asker.write_all(&Outcome::Ok { length }.line())?;
            // Of a file without a length one byte more is passed on than may be: whoever asked sees that it is too long.
            pass_on(body, length.unwrap_or(wanted.limit + 1), agents.options.start, asker)
        }
        Err(outcome) => asker.write_all(&outcome.line()),
    }
}

fn ask(wanted: &Fetch, agents: &Agents) -> Result<(Option<u64>, Body), Outcome> {
    let agent = agents
        .of(&wanted.url, wanted.proxy.as_deref(), &wanted.no_proxy)
        .map_err(|error| Outcome::failed(Kind::Unreachable, error.to_string()))?;
    let mut request = agent.get(&wanted.url).header(header::ACCEPT_ENCODING, "identity");
    if let Some(range) = wanted.range {
        request = request.header(header::RANGE, format!("bytes={}-{}", range.offset, range.offset + range.length - 1));
    }
    let response = request.config().timeout_global(Some(wanted.patience())).build().call().map_err(|error| outcome_of(&error))?;
    let length = check(wanted, &response)?;
    Ok((length, response.into_body()))
}

/// What the server says it sends, if that is what was asked for.
fn check(wanted: &Fetch, response: &Response<Body>) -> Result<Option<u64>, Outcome> {
    let length = response.body().content_length();
    match (response.status(), wanted.range) {
        (StatusCode::OK, None) => match length {
            Some(length) if length > wanted.limit => {
                Err(Outcome::failed(Kind::TooLong, format!("the file has {length} bytes, at most {} are taken", wanted.limit)))
            }
            _ => Ok(length),
        },
        (StatusCode::OK, Some(_)) => Err(Outcome::failed(Kind::NoRanges, "the server sends whole files only, no ranges of bytes")),
        (StatusCode::PARTIAL_CONTENT, Some(range)) => {
            let said = said(response, header::CONTENT_RANGE);
            if content_range(said) != Some(range) || length.is_some_and(|length| length != range.length) {
                return Err(Outcome::failed(
                    Kind::OtherRange,
                    format!("the server sends another range of bytes than was asked for ({said})"),
                ));
            }
            Ok(Some(range.length))
        }
        (_, range) => Err(refusal(response, range.is_some())),
    }
}

fn said(response: &Response<Body>, name: header::HeaderName) -> &str {
    response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// What a status means with which nothing comes.
fn refusal(response: &Response<Body>, of_a_range: bool) -> Outcome {
    let status = response.status();
    let for_now = |kind| Outcome::for_now(kind, format!("the server answered {status}"), when(response));
    match status {
        StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::GONE => {
            Outcome::failed(Kind::NotFound, format!("the server has no such file ({status})"))
        }
        StatusCode::RANGE_NOT_SATISFIABLE if of_a_range => {
            Outcome::failed(Kind::OtherRange, format!("the server says that the file has no such range of bytes ({status})"))
        }
        StatusCode::REQUEST_TIMEOUT
        | StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => for_now(Kind::Busy),
        _ if status.is_server_error() => for_now(Kind::Faulty),
        _ => Outcome::failed(Kind::Answer, format!("the server answered {status}")),
    }
}

/// Seconds until the server wants to be asked again.
fn when(response: &Response<Body>) -> Option<u64> {
    retry_after(said(response, header::RETRY_AFTER), said(response, header::DATE), SystemTime::now())
}

fn pass_on(body: Body, most: u64, start: Duration, asker: &mut UnixStream) -> io::Result<()> {
    let mut bytes = body.into_with_config().limit(u64::MAX).reader().take(most);
    let (mut piece, mut got, began) = (vec![0; PIECE], 0, Instant::now());
    loop {
        match bytes.read(&mut piece)? {
            0 => return Ok(()),
            length => {
                got += length as u64;
                asker.write_all(&piece[..length])?;
            }
        }
        if got < most && is_too_slow(got, began.elapsed(), start) {
            return Err(io::ErrorKind::TimedOut.into());
        }
    }
}

/// What an error of the HTTP client means.
pub(crate) fn outcome_of(error: &Error) -> Outcome {
    let kind = match error {
        Error::Timeout(_) => Kind::TooSlow,
        // What was asked for is a URL, so a wrong one is where the server leads to.
        Error::BadUri(_)
        | Error::TooManyRedirects
        | Error::RedirectFailed
        | Error::RequireHttpsOnly(_)
        | Error::Protocol(_)
        | Error::LargeResponseHeader(..) => Kind::Answer,
        _ => Kind::Unreachable,
    };
    Outcome::failed(kind, error.to_string())
}
