//! A second link of a node, whose other end is the test: frames as they are, right or wrong, from a stranger on the same network. No rights are needed for it.

mod frame;
mod lease;
mod scan;

use std::{
    io::ErrorKind,
    net::IpAddr,
    os::unix::net::UnixDatagram,
    path::PathBuf,
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::Instant,
};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

pub(crate) use frame::{NODE_LINK, NODE_LINK_LOCAL, NODE_V4, PREFIX, STRANGER_V4, STRANGER_V6, Transport, advertisement, segment};
pub(crate) use lease::{DAY, Discovered};
pub(crate) use scan::Scan;

/// Longest frame that is sent.
const LONGEST: usize = 64 * 1024;

/// The test's end of the link.
pub(crate) struct Wire {
    socket: UnixDatagram,
    /// Where QEMU takes frames.
    node: PathBuf,
    frames: Receiver<Vec<u8>>,
    folder: TempDir,
}

impl Wire {
    /// Lays it; a node gets its end by [`Wire::machine_arguments`].
    pub(crate) fn lay() -> Result<Self> {
        // Paths of sockets are limited to about a hundred bytes, so they do not lie in the case's folder.
        let folder = tempfile::Builder::new().prefix("ampoule-wire-").tempdir()?;
        let (node, own) = (folder.path().join("node"), folder.path().join("test"));
        let socket = UnixDatagram::bind(&own).with_context(|| own.display().to_string())?;
        let (seen, frames) = channel();
        let (ear, mouth) = (socket.try_clone()?, node.clone());
        thread::spawn(move || hear(&ear, &mouth, &seen));
        Ok(Self { socket, node, frames, folder })
    }

    /// The link, in QEMU's words.
    pub(crate) fn machine_arguments(&self) -> Vec<String> {
        let end = |name: &str| self.folder.path().join(name).display().to_string();
        let (node, test) = (end("node"), end("test"));
        let mac = NODE_LINK.map(|byte| format!("{byte:02x}")).join(":");
        vec![
            "-netdev".into(),
            format!("dgram,id=wire0,local.type=unix,local.path={node},remote.type=unix,remote.path={test}"),
            "-device".into(),
            format!("virtio-net-pci,netdev=wire0,mac={mac},romfile="),
        ]
    }

    /// Sends a frame; waits while the node takes none.
    pub(crate) fn send(&self, frame: &[u8]) -> Result<()> {
        self.socket.send_to(frame, &self.node).map(drop).context("the node's end of the wire")
    }

    /// The next frame of the node's, if one comes in time. Questions for link addresses are answered, and not seen here.
    pub(crate) fn next(&self, end: Instant) -> Result<Option<Vec<u8>>> {
        match self.frames.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(frame) => Ok(Some(frame)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => anyhow::bail!("nobody hears the wire"),
        }
    }

    /// Passes over what came so far.
    pub(crate) fn leaves_unanswered(&self) -> Result<()> {
        while self.next(Instant::now())?.is_some() {}
        Ok(())
    }

    /// Every address of the stranger's network, by which one that asks for it is meant.
    pub(crate) fn stranger(address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => {
                let own = [STRANGER_V4, NODE_LINK_LOCAL].iter().any(|own| address.octets()[..2] == own.octets()[..2]);
                own && ![NODE_V4, NODE_LINK_LOCAL].contains(&address)
            }
            // The node's own addresses are made of its link address, so that they are not in this part.
            IpAddr::V6(address) => [STRANGER_V6, PREFIX].iter().any(|own| own.segments()[..7] == address.segments()[..7]),
        }
    }
}

/// Until the wire is gone: answers whoever looks for one of the stranger's addresses, and passes everything else on.
fn hear(socket: &UnixDatagram, node: &PathBuf, seen: &Sender<Vec<u8>>) {
    let mut buffer = vec![0; LONGEST];
    loop {
        let length = match socket.recv(&mut buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        let frame = &buffer[..length];
        match frame::neighbour_answer(frame) {
            // A lost answer is asked for again.
            Some(answer) => drop(socket.send_to(&answer, node)),
            None if seen.send(frame.to_vec()).is_err() => return,
            None => {}
        }
    }
}
