//! Reading and writing fields at fixed places.

use super::{MAGIC, MessageError};
use crate::ServiceName;

/// Length of a name with its length byte in front.
pub(super) const NAME_LENGTH: usize = 1 + ServiceName::MAX;

/// Checks length and magic.
pub(super) fn check<const N: usize>(bytes: &[u8]) -> Result<&[u8; N], MessageError> {
    let message: &[u8; N] = bytes.try_into().map_err(|_| MessageError::Length(bytes.len()))?;
    if message.starts_with(&MAGIC) { Ok(message) } else { Err(MessageError::Magic) }
}

/// An empty message of a kind.
pub(super) fn message<const N: usize>(kind: u8) -> [u8; N] {
    let mut bytes = [0; N];
    put(&mut bytes, 0, &MAGIC);
    put(&mut bytes, 4, &[kind]);
    bytes
}

pub(super) fn put(bytes: &mut [u8], at: usize, field: &[u8]) {
    bytes[at..at + field.len()].copy_from_slice(field);
}

pub(super) fn get<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[at..at + N]);
    field
}

pub(super) fn put_name(bytes: &mut [u8], at: usize, name: &ServiceName) {
    let text = name.as_str().as_bytes();
    // A name is at most 32 bytes long.
    put(bytes, at, &[text.len() as u8]);
    put(bytes, at + 1, text);
}

pub(super) fn get_name(bytes: &[u8], at: usize) -> Result<ServiceName, MessageError> {
    let length = usize::from(bytes[at]);
    let field = &bytes[at + 1..at + NAME_LENGTH];
    let text = field.get(..length).and_then(|text| std::str::from_utf8(text).ok());
    text.and_then(|text| ServiceName::parse(text).ok()).ok_or(MessageError::Field("name"))
}
