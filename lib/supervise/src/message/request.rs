//! Requests to init.

use super::MessageError;
use super::field::{NAME_LENGTH, check, get, get_name, message, put, put_name};
use crate::ServiceName;

/// Length of each request, in bytes.
pub const REQUEST_LENGTH: usize = 8 + NAME_LENGTH;

const INDEX: usize = 6;
const NAME: usize = 8;

/// All that init can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WireRequest {
    /// The status of the service at this index.
    Service(u16),
    /// The entry of the timeline at this index.
    Timeline(u16),
    /// Do this with that service.
    Do(Verb, ServiceName),
    /// Stop everything in order and start the machine again.
    Reboot,
    /// Stop everything in order and switch the machine off.
    PowerOff,
}

/// What can be done with a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Verb {
    /// Start it and what it requires.
    Start = 3,
    /// Stop it, and before it what requires it.
    Stop = 4,
    /// Stop and start it; its dependants live on.
    Restart = 5,
    /// Have it read its files again.
    Reload = 6,
}

impl WireRequest {
    const SERVICE: u8 = 1;
    const TIMELINE: u8 = 2;
    const REBOOT: u8 = 7;
    const POWER_OFF: u8 = 8;

    /// The message.
    #[must_use]
    pub fn encode(&self) -> [u8; REQUEST_LENGTH] {
        match self {
            Self::Service(index) => indexed(Self::SERVICE, *index),
            Self::Timeline(index) => indexed(Self::TIMELINE, *index),
            Self::Do(verb, name) => named(*verb, name),
            Self::Reboot => message(Self::REBOOT),
            Self::PowerOff => message(Self::POWER_OFF),
        }
    }

    /// Reads a message.
    ///
    /// # Errors
    /// If the bytes are none.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let bytes = check::<REQUEST_LENGTH>(bytes)?;
        let index = u16::from_le_bytes(get(bytes, INDEX));
        match bytes[4] {
            Self::SERVICE => Ok(Self::Service(index)),
            Self::TIMELINE => Ok(Self::Timeline(index)),
            Self::REBOOT => Ok(Self::Reboot),
            Self::POWER_OFF => Ok(Self::PowerOff),
            kind => Ok(Self::Do(verb(kind)?, get_name(bytes, NAME)?)),
        }
    }
}

fn indexed(kind: u8, index: u16) -> [u8; REQUEST_LENGTH] {
    let mut bytes = message(kind);
    put(&mut bytes, INDEX, &index.to_le_bytes());
    bytes
}

fn named(verb: Verb, name: &ServiceName) -> [u8; REQUEST_LENGTH] {
    let mut bytes = message(verb as u8);
    put_name(&mut bytes, NAME, name);
    bytes
}

fn verb(kind: u8) -> Result<Verb, MessageError> {
    let all = [Verb::Start, Verb::Stop, Verb::Restart, Verb::Reload];
    all.into_iter().find(|verb| *verb as u8 == kind).ok_or(MessageError::Field("kind"))
}
