//! Messages of `init`'s control socket: fixed sizes, no text but names, every byte string decodes or is refused.
//!
//! One request, one reply, each one datagram of a seqpacket socket. Numbers are little-endian.

use crate::identity::User;
use crate::machine::State;
use crate::service::{MAX_NAME, is_name};

/// Size of a request, in bytes.
pub const REQUEST_SIZE: usize = 64;
/// Size of a reply, in bytes.
pub const REPLY_SIZE: usize = 128;
/// Where the control socket is.
pub const SOCKET: &str = "/run/ampoule/init.sock";

const VERSION: u8 = 1;

/// What a client may ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// The service at this place of the name order.
    Service(u16),
    /// The entry at this place of the timeline.
    Timeline(u16),
    /// Start a service.
    Start(Name),
    /// Stop a service.
    Stop(Name),
    /// Stop and start a service.
    Restart(Name),
    /// Let a service read its files again.
    Reload(Name),
    /// Restart the machine, in order.
    Reboot,
    /// Turn the machine off, in order.
    PowerOff,
}

impl Request {
    /// Whether the user of this number may make it: how things are, everyone who comes to the socket; to restart the machine, those whose work may end with
    /// that; all else, root and the API server.
    #[must_use]
    pub fn is_open_to(&self, user: u32) -> bool {
        let is_one_of = |names: &[&str]| names.iter().filter_map(|name| User::named(name)).any(|known| known.id() == user);
        match self {
            Self::Service(_) | Self::Timeline(_) => true,
            Self::Reboot => is_one_of(&["root", "apid", "boot-parameters", "updated"]),
            Self::Start(_) | Self::Stop(_) | Self::Restart(_) | Self::Reload(_) | Self::PowerOff => is_one_of(&["root", "apid"]),
        }
    }
}

/// What `init` answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Accepted. The effect shows in the service's status.
    Done,
    /// Past the last service or timeline entry.
    End,
    /// A service.
    Service(ServiceStatus),
    /// A timeline entry.
    Timeline(TimelineEntry),
    /// Refused.
    Refused(Refusal),
}

/// Why a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Not a request of this version.
    Malformed,
    /// No such service in this image.
    UnknownService,
    /// The machine is going down.
    ShuttingDown,
    /// Not open to this user ([`Request::is_open_to`]).
    NotAllowed,
}

/// A service as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceStatus {
    /// Its name.
    pub name: Name,
    /// Where it is in its life.
    pub phase: Phase,
    /// Main process, 0 for none.
    pub pid: u32,
    /// How often it was started again by itself.
    pub restarts: u32,
    /// When it came to this state, in milliseconds since the kernel started.
    pub since_ms: u64,
    /// When it was last ready, likewise; 0 for never.
    pub ready_ms: u64,
}

/// A moment of the boot or of a service's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineEntry {
    /// Milliseconds since the kernel started.
    pub ms: u64,
    /// The service, or `init` itself.
    pub name: Name,
    /// What it came to.
    pub phase: Phase,
}

/// A [`State`] without its times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Waits for what it requires.
    Waiting = 0,
    /// Runs, not ready yet.
    Starting = 1,
    /// Runs and is ready.
    Running = 2,
    /// A oneshot that ended well.
    Done = 3,
    /// Ended, to be started again.
    BackingOff = 4,
    /// Told to end.
    Stopping = 5,
    /// Ended on request.
    Stopped = 6,
    /// Ended, and stays so.
    Failed = 7,
}

/// A service's name, checked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(String);

impl Name {
    /// `None` if it cannot name a service.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        is_name(text).then(|| Self(text.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Phase {
    const ALL: [Self; 8] =
        [Self::Waiting, Self::Starting, Self::Running, Self::Done, Self::BackingOff, Self::Stopping, Self::Stopped, Self::Failed];

    /// The word the API and logs use.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Done => "done",
            Self::BackingOff => "backing-off",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }
}

impl From<State> for Phase {
    fn from(state: State) -> Self {
        match state {
            State::Waiting => Self::Waiting,
            State::Starting { .. } => Self::Starting,
            State::Running => Self::Running,
            State::Done => Self::Done,
            State::BackingOff { .. } => Self::BackingOff,
            State::Stopping { .. } => Self::Stopping,
            State::Stopped => Self::Stopped,
            State::Failed => Self::Failed,
        }
    }
}

impl Request {
    /// The bytes of this request.
    #[must_use]
    pub fn encode(&self) -> [u8; REQUEST_SIZE] {
        let mut out = Writer::<REQUEST_SIZE>::new();
        match self {
            Self::Service(index) => out.op(1).number(2, u64::from(*index), 2),
            Self::Timeline(index) => out.op(2).number(2, u64::from(*index), 2),
            Self::Start(name) => out.op(3).name(2, name),
            Self::Stop(name) => out.op(4).name(2, name),
            Self::Restart(name) => out.op(5).name(2, name),
            Self::Reload(name) => out.op(6).name(2, name),
            Self::Reboot => out.op(7),
            Self::PowerOff => out.op(8),
        };
        out.bytes
    }

    /// The request in these bytes; `None` for anything that [`Request::encode`] does not make.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let from = Reader::new(bytes, REQUEST_SIZE)?;
        let request = match bytes[1] {
            1 => Self::Service(from.number(2, 2).try_into().ok()?),
            2 => Self::Timeline(from.number(2, 2).try_into().ok()?),
            3 => Self::Start(from.name(2)?),
            4 => Self::Stop(from.name(2)?),
            5 => Self::Restart(from.name(2)?),
            6 => Self::Reload(from.name(2)?),
            7 => Self::Reboot,
            8 => Self::PowerOff,
            _ => return None,
        };
        (request.encode() == bytes).then_some(request)
    }
}

impl Reply {
    /// The bytes of this reply.
    #[must_use]
    pub fn encode(&self) -> [u8; REPLY_SIZE] {
        let mut out = Writer::<REPLY_SIZE>::new();
        match self {
            Self::Done => out.op(1),
            Self::End => out.op(2),
            Self::Service(s) => out
                .op(3)
                .name(2, &s.name)
                .number(40, s.phase as u64, 1)
                .number(44, u64::from(s.pid), 4)
                .number(48, u64::from(s.restarts), 4)
                .number(56, s.since_ms, 8)
                .number(64, s.ready_ms, 8),
            Self::Timeline(t) => out.op(4).name(2, &t.name).number(40, t.phase as u64, 1).number(56, t.ms, 8),
            Self::Refused(why) => out.op(5).number(2, refusal_code(*why), 1),
        };
        out.bytes
    }

    /// The reply in these bytes; `None` for anything that [`Reply::encode`] does not make.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let from = Reader::new(bytes, REPLY_SIZE)?;
        let reply = match bytes[1] {
            1 => Self::Done,
            2 => Self::End,
            3 => Self::Service(from.service()?),
            4 => Self::Timeline(TimelineEntry { ms: from.number(56, 8), name: from.name(2)?, phase: from.phase()? }),
            5 => Self::Refused(refusal(from.number(2, 1))?),
            _ => return None,
        };
        (reply.encode() == bytes).then_some(reply)
    }
}

fn refusal_code(why: Refusal) -> u64 {
    match why {
        Refusal::Malformed => 1,
        Refusal::UnknownService => 2,
        Refusal::ShuttingDown => 3,
        Refusal::NotAllowed => 4,
    }
}

fn refusal(code: u64) -> Option<Refusal> {
    [Refusal::Malformed, Refusal::UnknownService, Refusal::ShuttingDown, Refusal::NotAllowed].into_iter().find(|r| refusal_code(*r) == code)
}

struct Writer<const N: usize> {
    bytes: [u8; N],
}

impl<const N: usize> Writer<N> {
    fn new() -> Self {
        let mut bytes = [0; N];
        bytes[0] = VERSION;
        Self { bytes }
    }

    fn op(&mut self, code: u8) -> &mut Self {
        self.bytes[1] = code;
        self
    }

    fn number(&mut self, at: usize, value: u64, width: usize) -> &mut Self {
        self.bytes[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
        self
    }

    fn name(&mut self, at: usize, name: &Name) -> &mut Self {
        self.bytes[at..at + name.0.len()].copy_from_slice(name.0.as_bytes());
        self
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8], size: usize) -> Option<Self> {
        (bytes.len() == size && bytes[0] == VERSION).then_some(Self { bytes })
    }

    fn number(&self, at: usize, width: usize) -> u64 {
        let mut value = [0; 8];
        value[..width].copy_from_slice(&self.bytes[at..at + width]);
        u64::from_le_bytes(value)
    }

    fn name(&self, at: usize) -> Option<Name> {
        let field = &self.bytes[at..at + MAX_NAME];
        let end = field.iter().position(|b| *b == 0).unwrap_or(MAX_NAME);
        Name::new(std::str::from_utf8(&field[..end]).ok()?)
    }

    fn phase(&self) -> Option<Phase> {
        Phase::ALL.get(usize::from(self.bytes[40])).copied()
    }

    fn service(&self) -> Option<ServiceStatus> {
        Some(ServiceStatus {
            name: self.name(2)?,
            phase: self.phase()?,
            pid: self.number(44, 4).try_into().ok()?,
            restarts: self.number(48, 4).try_into().ok()?,
            since_ms: self.number(56, 8),
            ready_ms: self.number(64, 8),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn requests() -> impl Strategy<Value = Request> {
        let name = || "[a-z0-9-]{1,32}".prop_map(|n| Name::new(&n).expect("a name"));
        prop_oneof![
            any::<u16>().prop_map(Request::Service),
            any::<u16>().prop_map(Request::Timeline),
            name().prop_map(Request::Start),
            name().prop_map(Request::Stop),
            name().prop_map(Request::Restart),
            name().prop_map(Request::Reload),
            Just(Request::Reboot),
            Just(Request::PowerOff),
        ]
    }

    #[test]
    fn the_updater_restarts_the_machine_and_does_nothing_else() {
        let service = || Name::new("hostd").expect("a name");
        let orders = [
            Request::Start(service()),
            Request::Stop(service()),
            Request::Restart(service()),
            Request::Reload(service()),
            Request::PowerOff,
        ];
        let user = |name: &str| User::named(name).expect("a user").id();
        for name in ["updated", "boot-parameters"] {
            assert!(Request::Reboot.is_open_to(user(name)) && Request::Service(0).is_open_to(user(name)));
            assert!(orders.iter().all(|order| !order.is_open_to(user(name))), "{name}");
        }
        assert!(orders.iter().all(|order| order.is_open_to(user("root")) && order.is_open_to(user("apid"))));
        assert!(
            !Request::Reboot.is_open_to(user("hostd")) && !Request::Reboot.is_open_to(user("nobody")) && Request::Timeline(3).is_open_to(7)
        );
    }

    proptest! {
        #[test]
        fn requests_come_back(request in requests()) {
            prop_assert_eq!(Request::decode(&request.encode()), Some(request));
        }

        #[test]
        fn any_bytes_are_refused_or_mean_one_thing(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(request) = Request::decode(&bytes) {
                prop_assert_eq!(&request.encode()[..], &bytes[..]);
            }
            if let Some(reply) = Reply::decode(&bytes) {
                prop_assert_eq!(&reply.encode()[..], &bytes[..]);
            }
        }

        #[test]
        fn statuses_come_back(name in "[a-z0-9-]{1,32}", phase in 0usize..8, pid: u32, restarts: u32, since_ms: u64, ready_ms: u64) {
            let name = Name::new(&name).expect("a name");
            let status = Reply::Service(ServiceStatus { name, phase: Phase::ALL[phase], pid, restarts, since_ms, ready_ms });
            prop_assert_eq!(Reply::decode(&status.encode()), Some(status));
        }
    }

    #[test]
    fn a_flipped_padding_byte_is_refused() {
        let mut bytes = Request::Reboot.encode();
        bytes[60] = 1;
        assert_eq!(Request::decode(&bytes), None);
    }
}
