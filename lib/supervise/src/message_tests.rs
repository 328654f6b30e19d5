use super::*;
use crate::{Exit, Phase, ServiceName, State};
use proptest::prelude::*;

fn name() -> impl Strategy<Value = ServiceName> {
    "[a-z][a-z0-9-]{0,31}".prop_map(|text| ServiceName::parse(&text).expect("a name"))
}

fn state() -> impl Strategy<Value = State> {
    prop::sample::select(State::ALL.to_vec())
}

fn request() -> impl Strategy<Value = WireRequest> {
    let verb = prop::sample::select(vec![Verb::Start, Verb::Stop, Verb::Restart, Verb::Reload]);
    prop_oneof![
        any::<u16>().prop_map(WireRequest::Service),
        any::<u16>().prop_map(WireRequest::Timeline),
        (verb, name()).prop_map(|(verb, name)| WireRequest::Do(verb, name)),
        Just(WireRequest::Reboot),
        Just(WireRequest::PowerOff),
    ]
}

fn exit() -> impl Strategy<Value = Option<Exit>> {
    prop_oneof![Just(None), any::<u8>().prop_map(|n| Some(Exit::Code(n))), any::<u8>().prop_map(|n| Some(Exit::Signal(n)))]
}

fn status() -> impl Strategy<Value = Reply> {
    let ready = prop::option::of(0..u64::MAX);
    let pid = prop::option::of(1..u32::MAX);
    (name(), state(), pid, any::<u32>(), any::<u64>(), ready, exit()).prop_map(
        |(name, state, pid, restarts, since_ms, ready_ms, last_exit)| {
            Reply::Service(ServiceStatus { name, state, pid, restarts, since_ms, ready_ms, last_exit })
        },
    )
}

fn entry() -> impl Strategy<Value = Reply> {
    let phase = prop::sample::select(Phase::ALL.to_vec()).prop_map(TimelineSubject::Phase);
    let service = (name(), state()).prop_map(|(name, state)| TimelineSubject::Service(name, state));
    (any::<u64>(), prop_oneof![phase, service]).prop_map(|(ms, subject)| Reply::Timeline(TimelineEntry { ms, subject }))
}

proptest! {
    #[test]
    fn requests_arrive_as_sent(request in request()) {
        prop_assert_eq!(WireRequest::decode(&request.encode()), Ok(request));
    }

    #[test]
    fn replies_arrive_as_sent(reply in prop_oneof![status(), entry(), Just(Reply::Accepted), Just(Reply::NoSuchIndex)]) {
        prop_assert_eq!(Reply::decode(&reply.encode()), Ok(reply));
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        decode(&bytes);
    }

    #[test]
    fn any_body_is_survived(body in prop::collection::vec(any::<u8>(), REPLY_LENGTH - 4), long in any::<bool>()) {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(body);
        bytes.truncate(if long { REPLY_LENGTH } else { REQUEST_LENGTH });
        decode(&bytes);
    }
}

#[test]
fn a_name_that_leaves_its_folder_is_refused() {
    let mut bytes = WireRequest::Do(Verb::Stop, ServiceName::parse("logd").expect("a name")).encode();
    bytes[9] = b'/';
    assert_eq!(WireRequest::decode(&bytes), Err(MessageError::Field("name")));
}

#[test]
fn another_version_is_refused() {
    let mut bytes = WireRequest::Reboot.encode();
    bytes[3] = b'2';
    assert_eq!(WireRequest::decode(&bytes), Err(MessageError::Magic));
    assert_eq!(WireRequest::decode(&bytes[1..]), Err(MessageError::Length(REQUEST_LENGTH - 1)));
}
