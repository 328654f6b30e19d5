//! As much of HTTP/1.1 as a page needs: one request per connection, no body read.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

/// Longest request head; browsers send less than 2 KiB.
const HEAD_LIMIT: usize = 8 * 1024;

/// What is sent back.
pub(crate) struct Answer {
    kind: &'static str,
    body: String,
}

impl Answer {
    pub(crate) fn html(body: String) -> Self {
        Self { kind: "text/html; charset=utf-8", body }
    }

    pub(crate) fn json(body: String) -> Self {
        Self { kind: "application/json", body }
    }

    pub(crate) fn text(body: String) -> Self {
        Self { kind: "text/plain; charset=utf-8", body }
    }
}

/// Reads one request and answers it. Errors of the connection are the client's affair.
pub(crate) fn answer(mut stream: TcpStream, respond: impl Fn(&str) -> Option<Answer>) {
    let Some(head) = read_head(&mut stream) else {
        return;
    };
    let reply = match target(&head) {
        None => format("400 Bad Request", &Answer::text("not a request\n".into()), true),
        Some((method, _)) if method != "GET" && method != "HEAD" => {
            format("405 Method Not Allowed", &Answer::text("GET only\n".into()), true)
        }
        Some((method, path)) => match respond(path) {
            Some(answer) => format("200 OK", &answer, method == "GET"),
            None => format("404 Not Found", &Answer::text("no such page\n".into()), method == "GET"),
        },
    };
    let _ = stream.write_all(reply.as_bytes());
}

fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
        head.extend_from_slice(&buffer[..count]);
        if head.len() > HEAD_LIMIT {
            return None;
        }
    }
    Some(String::from_utf8_lossy(&head).into_owned())
}

/// Method and path, without the query.
fn target(head: &str) -> Option<(&str, &str)> {
    let mut words = head.lines().next()?.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    (version.starts_with("HTTP/1.") && target.starts_with('/')).then(|| (method, target.split('?').next().unwrap_or(target)))
}

fn format(status: &str, answer: &Answer, with_body: bool) -> String {
    let body = if with_body { answer.body.as_str() } else { "" };
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n{body}",
        answer.kind,
        answer.body.len(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_requests_are_understood() {
        assert_eq!(target("GET /a?b HTTP/1.1\r\n"), Some(("GET", "/a")));
        assert_eq!(target("GET http://x/ HTTP/1.1"), None);
        assert_eq!(target("\0\0"), None);
    }
}
