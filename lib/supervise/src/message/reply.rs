//! Replies of init.

use super::MessageError;
use super::field::{NAME_LENGTH, check, get, get_name, message, put, put_name};
use crate::{Exit, Phase, ServiceName, State};

/// Length of each reply, in bytes.
pub const REPLY_LENGTH: usize = 40 + NAME_LENGTH;

const STATE: usize = 5;
const EXIT_KIND: usize = 6;
const EXIT_VALUE: usize = 7;
const PID: usize = 8;
const RESTARTS: usize = 12;
const SINCE: usize = 16;
const READY: usize = 24;
const NAME: usize = 40;

/// All that init can answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A service's status.
    Service(ServiceStatus),
    /// An entry of the timeline.
    Timeline(TimelineEntry),
    /// The list is shorter.
    NoSuchIndex,
    /// The request was taken; what follows shows in the status.
    Accepted,
    /// There is no such service.
    NoSuchService,
    /// The node is going down.
    GoingDown,
    /// The request was no message.
    NotUnderstood,
}

/// How a service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceStatus {
    /// Its name.
    pub name: ServiceName,
    /// What it is doing.
    pub state: State,
    /// Its main process, if it has one.
    pub pid: Option<u32>,
    /// Starts after the first one of this boot.
    pub restarts: u32,
    /// When it went into its state, in milliseconds since the kernel started.
    pub since_ms: u64,
    /// When it last became ready, likewise.
    pub ready_ms: Option<u64>,
    /// How it last ended.
    pub last_exit: Option<Exit>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimelineEntry {
    /// Milliseconds since the kernel started.
    pub ms: u64,
    /// What it is about.
    pub subject: TimelineSubject,
}

/// What an entry is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimelineSubject {
    /// This service went into this state.
    Service(ServiceName, State),
    /// The node reached this point.
    Phase(Phase),
}

impl Reply {
    const SERVICE: u8 = 1;
    const TIMELINE_SERVICE: u8 = 2;
    const TIMELINE_PHASE: u8 = 3;
    const PLAIN: [(u8, Self); 5] = [
        (4, Self::NoSuchIndex),
        (5, Self::Accepted),
        (6, Self::NoSuchService),
        (7, Self::GoingDown),
        (8, Self::NotUnderstood),
    ];

    /// The message.
    #[must_use]
    pub fn encode(&self) -> [u8; REPLY_LENGTH] {
        match self {
            Self::Service(status) => encode_status(status),
            Self::Timeline(entry) => encode_entry(entry),
            plain => message(Self::PLAIN.iter().find(|(_, reply)| reply == plain).map_or(0, |(kind, _)| *kind)),
        }
    }

    /// Reads a message.
    ///
    /// # Errors
    /// If the bytes are none.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let bytes = check::<REPLY_LENGTH>(bytes)?;
        match bytes[4] {
            Self::SERVICE => decode_status(bytes).map(Self::Service),
            Self::TIMELINE_SERVICE | Self::TIMELINE_PHASE => decode_entry(bytes).map(Self::Timeline),
            kind => {
                let plain = Self::PLAIN.into_iter().find(|(number, _)| *number == kind);
                plain.map(|(_, reply)| reply).ok_or(MessageError::Field("kind"))
            }
        }
    }
}

/// Stands for "never" where a time is expected.
const NEVER: u64 = u64::MAX;

fn encode_status(status: &ServiceStatus) -> [u8; REPLY_LENGTH] {
    let mut bytes = message(Reply::SERVICE);
    put(&mut bytes, STATE, &[status.state as u8]);
    put(&mut bytes, EXIT_KIND, &encode_exit(status.last_exit));
    put(&mut bytes, PID, &status.pid.unwrap_or(0).to_le_bytes());
    put(&mut bytes, RESTARTS, &status.restarts.to_le_bytes());
    put(&mut bytes, SINCE, &status.since_ms.to_le_bytes());
    put(&mut bytes, READY, &status.ready_ms.unwrap_or(NEVER).to_le_bytes());
    put_name(&mut bytes, NAME, &status.name);
    bytes
}

fn decode_status(bytes: &[u8]) -> Result<ServiceStatus, MessageError> {
    let pid = u32::from_le_bytes(get(bytes, PID));
    let ready = u64::from_le_bytes(get(bytes, READY));
    Ok(ServiceStatus {
        name: get_name(bytes, NAME)?,
        state: decode_state(bytes)?,
        pid: (pid != 0).then_some(pid),
        restarts: u32::from_le_bytes(get(bytes, RESTARTS)),
        since_ms: u64::from_le_bytes(get(bytes, SINCE)),
        ready_ms: (ready != NEVER).then_some(ready),
        last_exit: decode_exit(bytes)?,
    })
}

fn encode_exit(exit: Option<Exit>) -> [u8; 2] {
    match exit {
        None => [0, 0],
        Some(Exit::Code(code)) => [1, code],
        Some(Exit::Signal(signal)) => [2, signal],
    }
}

fn decode_exit(bytes: &[u8]) -> Result<Option<Exit>, MessageError> {
    match (bytes[EXIT_KIND], bytes[EXIT_VALUE]) {
        (0, _) => Ok(None),
        (1, code) => Ok(Some(Exit::Code(code))),
        (2, signal) => Ok(Some(Exit::Signal(signal))),
        _ => Err(MessageError::Field("exit")),
    }
}

fn decode_state(bytes: &[u8]) -> Result<State, MessageError> {
    State::from_number(bytes[STATE]).ok_or(MessageError::Field("state"))
}

fn encode_entry(entry: &TimelineEntry) -> [u8; REPLY_LENGTH] {
    let mut bytes = match &entry.subject {
        TimelineSubject::Service(name, state) => {
            let mut bytes = message(Reply::TIMELINE_SERVICE);
            put(&mut bytes, STATE, &[*state as u8]);
            put_name(&mut bytes, NAME, name);
            bytes
        }
        TimelineSubject::Phase(phase) => {
            let mut bytes = message(Reply::TIMELINE_PHASE);
            put(&mut bytes, STATE, &[*phase as u8]);
            bytes
        }
    };
    put(&mut bytes, SINCE, &entry.ms.to_le_bytes());
    bytes
}

fn decode_entry(bytes: &[u8]) -> Result<TimelineEntry, MessageError> {
    let subject = if bytes[4] == Reply::TIMELINE_SERVICE {
        TimelineSubject::Service(get_name(bytes, NAME)?, decode_state(bytes)?)
    } else {
        TimelineSubject::Phase(Phase::from_number(bytes[STATE]).ok_or(MessageError::Field("phase"))?)
    };
    Ok(TimelineEntry { ms: u64::from_le_bytes(get(bytes, SINCE)), subject })
}
