//! A session with EC2's instance metadata service.

use crate::finding::Finding;
use crate::http::{self, HttpError, Question};
use ampoule_base::HostName;
use ampoule_provision::imds::{self, Endpoint, Verdict, judge, pause};
use ampoule_provision::{MAX_USER_DATA, host_name, identity};
use ampoule_report::chain;
use hyper::Method;
use std::cell::RefCell;
use std::time::Duration;
use tokio::time::Instant;

/// Longest wait for one answer. The service is on the same host and needs milliseconds; a lost packet is worth one repetition by TCP.
const PATIENCE: Duration = Duration::from_secs(3);
/// Longest token and host name read, in bytes.
const SHORT: usize = 1024;

/// What the service said.
pub(crate) struct Metadata {
    pub(crate) user_data: Finding,
    /// The region, or why there is none.
    pub(crate) region: Result<String, String>,
    /// The private DNS name, or why there is none.
    pub(crate) host_name: Result<HostName, String>,
}

/// Why the service gave no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Refusal {
    /// The time is over; what was wrong the last time.
    #[error("no answer of the metadata service in {} s: {last}", .limit.as_secs_f32())]
    Late { limit: Duration, last: String },
    /// It would say the same again.
    #[error("the metadata service refuses: {0}")]
    Final(String),
}

/// What is wrong with one attempt.
enum Problem {
    Passing(String),
    Lasting(String),
}

struct Service {
    endpoint: Endpoint,
    limit: Duration,
    end: Instant,
    token: RefCell<Option<String>>,
}

/// Asks for everything, in at most `limit`.
pub(crate) async fn ask(endpoint: Endpoint, limit: Duration) -> Metadata {
    let service = Service { endpoint, limit, end: Instant::now() + limit, token: RefCell::default() };
    // One token for all, then side by side.
    if let Err(refusal) = service.until_it_works(async || service.token().await).await {
        return Metadata::of_none(&refusal);
    }
    let (user_data, document, name) = tokio::join!(
        service.get(imds::USER_DATA, MAX_USER_DATA),
        service.get(imds::IDENTITY, identity::MAX_DOCUMENT),
        service.get(imds::LOCAL_HOSTNAME, SHORT),
    );
    Metadata { user_data: finding(user_data, endpoint), region: region(document), host_name: name_in(name) }
}

impl Metadata {
    fn of_none(refusal: &Refusal) -> Self {
        let why = refusal.to_string();
        Self { user_data: Finding::Failed(why.clone()), region: Err(why.clone()), host_name: Err(why) }
    }
}

type Got = Result<Option<Vec<u8>>, Refusal>;

fn finding(got: Got, endpoint: Endpoint) -> Finding {
    match got {
        Ok(Some(bytes)) => Finding::of(bytes, format!("http://{}{}", endpoint.address(), imds::USER_DATA)),
        Ok(None) => Finding::Absent("the instance has no user data".into()),
        Err(refusal) => Finding::Failed(refusal.to_string()),
    }
}

fn region(got: Got) -> Result<String, String> {
    let document = got.map_err(|refusal| refusal.to_string())?.ok_or("the instance has no identity document")?;
    identity::region(&document).map_err(|error| chain(&error))
}

fn name_in(got: Got) -> Result<HostName, String> {
    let text = got.map_err(|refusal| refusal.to_string())?.ok_or("the instance has no local-hostname")?;
    host_name::from_metadata(&String::from_utf8_lossy(&text)).ok_or_else(|| "its local-hostname is no host name".into())
}

impl Service {
    /// The body at `path`; `None` if there is nothing.
    async fn get(&self, path: &str, most: usize) -> Got {
        self.until_it_works(async || self.try_get(path, most).await).await
    }

    async fn until_it_works<T>(&self, attempt: impl AsyncFn() -> Result<T, Problem>) -> Result<T, Refusal> {
        let mut number = 1;
        loop {
            let last = match attempt().await {
                Ok(value) => return Ok(value),
                Err(Problem::Lasting(why)) => return Err(Refusal::Final(why)),
                Err(Problem::Passing(why)) => why,
            };
            let again = Instant::now() + pause(number);
            if again >= self.end {
                return Err(Refusal::Late { limit: self.limit, last });
            }
            tokio::time::sleep_until(again).await;
            number += 1;
        }
    }

    async fn try_get(&self, path: &str, most: usize) -> Result<Option<Vec<u8>>, Problem> {
        let token = self.token().await?;
        let answer = self.exchange(Question { method: Method::GET, path, header: (imds::TOKEN_HEADER, &token), most }).await?;
        match judge(answer.status) {
            Verdict::Found => Ok(Some(answer.body)),
            Verdict::Absent => Ok(None),
            Verdict::NewToken => {
                *self.token.borrow_mut() = None;
                Err(Problem::Passing(format!("{path}: it takes no token")))
            }
            Verdict::Later => Err(Problem::Passing(format!("{path}: status {}", answer.status))),
            Verdict::Refused => Err(Problem::Lasting(format!("{path}: status {}", answer.status))),
        }
    }

    /// The token of this session; asked for if there is none.
    async fn token(&self) -> Result<String, Problem> {
        if let Some(token) = self.token.borrow().clone() {
            return Ok(token);
        }
        let header = (imds::TOKEN_LIFE_HEADER, imds::TOKEN_LIFE);
        let answer = self.exchange(Question { method: Method::PUT, path: imds::TOKEN, header, most: SHORT }).await?;
        let token = match judge(answer.status) {
            Verdict::Found => imds::token(&answer.body).ok_or_else(|| Problem::Lasting("what it calls a token is none".into()))?,
            Verdict::Later => return Err(Problem::Passing(format!("no token, status {}", answer.status))),
            _ => return Err(Problem::Lasting(format!("no token (version 2 is needed), status {}", answer.status))),
        };
        *self.token.borrow_mut() = Some(token.clone());
        Ok(token)
    }

    async fn exchange(&self, question: Question<'_>) -> Result<http::Answer, Problem> {
        let left = self.end.saturating_duration_since(Instant::now());
        http::ask(self.endpoint.address(), question, left.min(PATIENCE)).await.map_err(|error| match error {
            HttpError::TooLong(_) | HttpError::Request(_) => Problem::Lasting(error.to_string()),
            other => Problem::Passing(other.to_string()),
        })
    }
}
