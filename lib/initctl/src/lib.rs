//! Client of `init`'s control socket: blocking, one request and one reply at a time.

pub use ampoule_supervise::message::SOCKET;
use ampoule_supervise::message::{Name, REPLY_SIZE, Refusal, Reply, Request};
pub use ampoule_supervise::message::{Phase, ServiceStatus, TimelineEntry};
use rustix::net::{AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, send, socket_with, sockopt};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

/// `init` answers at once; longer than this and it is not there.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why `init` did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The socket cannot be reached, or broke.
    #[error("Cannot reach init at {path}")]
    Unreachable {
        /// The socket's path.
        path: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// What came back is not a reply of this version.
    #[error("Unexpected answer from init")]
    Unexpected,
    /// No such service.
    #[error("This node has no service `{name}`; `ampctl services` lists them")]
    UnknownService {
        /// What was asked for.
        name: String,
    },
    /// The machine is going down.
    #[error("The node is shutting down")]
    ShuttingDown,
    /// Only root and the API server may command; a few more may restart the node.
    #[error("init takes commands from root and from the API server alone; ask the API, as with `ampctl`")]
    NotAllowed,
}

/// A connection to `init`.
#[derive(Debug)]
pub struct InitClient {
    socket: OwnedFd,
    path: String,
}

impl InitClient {
    /// Connects to the `init` of this node.
    ///
    /// # Errors
    /// [`InitError::Unreachable`]
    pub fn connect() -> Result<Self, InitError> {
        Self::connect_at(Path::new(SOCKET))
    }

    /// Connects to an `init` that listens elsewhere (tests).
    ///
    /// # Errors
    /// [`InitError::Unreachable`]
    pub fn connect_at(path: &Path) -> Result<Self, InitError> {
        let text = path.display().to_string();
        let socket = open(path).map_err(|e| InitError::Unreachable { path: text.clone(), source: e.into() })?;
        Ok(Self { socket, path: text })
    }

    /// Every service of the node, by name.
    ///
    /// # Errors
    /// [`InitError::Unreachable`], [`InitError::Unexpected`]
    pub fn services(&self) -> Result<Vec<ServiceStatus>, InitError> {
        self.list(Request::Service, |reply| match reply {
            Reply::Service(status) => Some(status),
            _ => None,
        })
    }

    /// Every recorded moment, oldest first.
    ///
    /// # Errors
    /// [`InitError::Unreachable`], [`InitError::Unexpected`]
    pub fn timeline(&self) -> Result<Vec<TimelineEntry>, InitError> {
        self.list(Request::Timeline, |reply| match reply {
            Reply::Timeline(entry) => Some(entry),
            _ => None,
        })
    }

    /// Starts a service.
    ///
    /// # Errors
    /// All of [`InitError`].
    pub fn start(&self, name: &str) -> Result<(), InitError> {
        self.command(name, Request::Start)
    }

    /// Stops a service.
    ///
    /// # Errors
    /// All of [`InitError`].
    pub fn stop(&self, name: &str) -> Result<(), InitError> {
        self.command(name, Request::Stop)
    }

    /// Stops and starts a service.
    ///
    /// # Errors
    /// All of [`InitError`].
    pub fn restart(&self, name: &str) -> Result<(), InitError> {
        self.command(name, Request::Restart)
    }

    /// Lets a service read its files again.
    ///
    /// # Errors
    /// All of [`InitError`].
    pub fn reload(&self, name: &str) -> Result<(), InitError> {
        self.command(name, Request::Reload)
    }

    /// Restarts the machine, in order.
    ///
    /// # Errors
    /// [`InitError::Unreachable`], [`InitError::Unexpected`]
    pub fn reboot(&self) -> Result<(), InitError> {
        self.expect_done("", &Request::Reboot)
    }

    /// Turns the machine off, in order.
    ///
    /// # Errors
    /// [`InitError::Unreachable`], [`InitError::Unexpected`]
    pub fn poweroff(&self) -> Result<(), InitError> {
        self.expect_done("", &Request::PowerOff)
    }

    fn list<T>(&self, request: fn(u16) -> Request, item: fn(Reply) -> Option<T>) -> Result<Vec<T>, InitError> {
        let mut all = Vec::new();
        for index in 0..u16::MAX {
            match self.ask(&request(index))? {
                Reply::End => break,
                reply => all.push(item(reply).ok_or(InitError::Unexpected)?),
            }
        }
        Ok(all)
    }

    fn command(&self, name: &str, request: fn(Name) -> Request) -> Result<(), InitError> {
        let known = Name::new(name).ok_or_else(|| InitError::UnknownService { name: name.to_owned() })?;
        self.expect_done(name, &request(known))
    }

    fn expect_done(&self, name: &str, request: &Request) -> Result<(), InitError> {
        match self.ask(request)? {
            Reply::Done => Ok(()),
            Reply::Refused(Refusal::UnknownService) => Err(InitError::UnknownService { name: name.to_owned() }),
            Reply::Refused(Refusal::ShuttingDown) => Err(InitError::ShuttingDown),
            Reply::Refused(Refusal::NotAllowed) => Err(InitError::NotAllowed),
            _ => Err(InitError::Unexpected),
        }
    }

    fn ask(&self, request: &Request) -> Result<Reply, InitError> {
        let broken = |e: rustix::io::Errno| InitError::Unreachable { path: self.path.clone(), source: e.into() };
        send(&self.socket, &request.encode(), SendFlags::NOSIGNAL).map_err(broken)?;
        let mut bytes = [0u8; REPLY_SIZE + 1];
        let size = rustix::io::read(&self.socket, &mut bytes).map_err(broken)?;
        Reply::decode(&bytes[..size]).ok_or(InitError::Unexpected)
    }
}

fn open(path: &Path) -> rustix::io::Result<OwnedFd> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(PATIENCE))?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(PATIENCE))?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket)
}
