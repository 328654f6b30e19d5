//! Asking the DNS for the name of an address (RFC 1035): one question, one answer, over UDP.

use crate::host_name;
use ampoule_base::HostName;
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use std::net::IpAddr;

/// Longest answer read, in bytes: what a server may send when the question promises no more (RFC 1035 section 4.2.1).
pub const MAX_ANSWER: usize = 512;

/// Why an answer gives no name.
#[derive(Debug, thiserror::Error)]
pub enum DnsError {
    /// Not a message.
    #[error("The answer is no DNS message")]
    Malformed,
    /// A message, but not about this question.
    #[error("The answer belongs to another question")]
    Other,
    /// The server says no.
    #[error("The server answers {0}")]
    Code(ResponseCode),
    /// No name in it that a node can have.
    #[error("The address has no usable name")]
    NoName,
}

/// The question for the name of `address`; `id` is a number that others cannot guess.
#[must_use]
pub fn question(id: u16, address: IpAddr) -> Option<Vec<u8>> {
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(Name::from(address), RecordType::PTR));
    message.to_vec().ok()
}

/// The name in the answer to [`question`].
///
/// # Errors
/// [`DnsError`]. After [`DnsError::Malformed`] and [`DnsError::Other`] the true answer may still come.
pub fn answer(id: u16, address: IpAddr, bytes: &[u8]) -> Result<HostName, DnsError> {
    let message = Message::from_vec(bytes.get(..MAX_ANSWER).unwrap_or(bytes)).map_err(|_| DnsError::Malformed)?;
    let asked = Query::query(Name::from(address), RecordType::PTR);
    if message.metadata.id != id || message.metadata.message_type != MessageType::Response || message.queries != [asked] {
        return Err(DnsError::Other);
    }
    match message.metadata.response_code {
        ResponseCode::NoError => {}
        other => return Err(DnsError::Code(other)),
    }
    let names =
        message.answers.iter().filter_map(|record| if let RData::PTR(name) = &record.data { Some(name.0.to_ascii()) } else { None });
    names.filter_map(|name| host_name::usable(&name)).next().ok_or(DnsError::NoName)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::rr::{Record, rdata::PTR};
    use proptest::prelude::*;

    const ID: u16 = 0x1234;

    fn address() -> IpAddr {
        "10.0.2.15".parse().expect("address")
    }

    fn reply(id: u16, asked: IpAddr, names: &[&str], code: ResponseCode) -> Vec<u8> {
        let mut message = Message::new(id, MessageType::Response, OpCode::Query);
        message.metadata.response_code = code;
        message.add_query(Query::query(Name::from(asked), RecordType::PTR));
        for name in names {
            let target = PTR(name.parse().expect("name"));
            message.add_answer(Record::from_rdata(Name::from(asked), 60, RData::PTR(target)));
        }
        message.to_vec().expect("a message")
    }

    #[test]
    fn a_name_is_found() {
        let bytes = reply(ID, address(), &["localhost.", "Node-7.Example."], ResponseCode::NoError);
        assert_eq!(answer(ID, address(), &bytes).expect("a name").as_str(), "node-7.example");
    }

    #[test]
    fn answers_to_others_and_refusals() {
        let other: IpAddr = "10.0.2.16".parse().expect("address");
        let judge = |bytes: &[u8]| answer(ID, address(), bytes);
        assert!(matches!(judge(&reply(ID + 1, address(), &["a."], ResponseCode::NoError)), Err(DnsError::Other)));
        assert!(matches!(judge(&reply(ID, other, &["a."], ResponseCode::NoError)), Err(DnsError::Other)));
        assert!(matches!(judge(&reply(ID, address(), &[], ResponseCode::NXDomain)), Err(DnsError::Code(_))));
        assert!(matches!(judge(&reply(ID, address(), &["a_b."], ResponseCode::NoError)), Err(DnsError::NoName)));
        let echoed = question(ID, address()).expect("a question");
        assert!(matches!(judge(&echoed), Err(DnsError::Other)));
        assert!(matches!(judge(b""), Err(DnsError::Malformed)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = answer(ID, address(), &bytes);
        }
    }
}
