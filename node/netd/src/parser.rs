//! What strangers sent is read by a process without rights (`node/netd-parser`); here are the questions to it.

use ampoule_netmodel::dhcp::Answer;
use ampoule_netmodel::ndisc::Announcement;
use ampoule_netmodel::parser::{Kind, LENGTH, MAX_ANSWER, Meaning, framed, meaning, question};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::Mutex;

/// It answers in microseconds; longer than this and it hangs, and is asked over another connection.
const PATIENCE: Duration = Duration::from_secs(2);

/// The parser, asked by all links one after the other.
#[derive(Clone)]
pub(crate) struct Parser {
    socket: PathBuf,
    connection: Arc<Mutex<Option<UnixStream>>>,
}

impl Parser {
    /// Connects when it is first asked.
    pub(crate) fn at(socket: impl Into<PathBuf>) -> Self {
        Self { socket: socket.into(), connection: Arc::default() }
    }

    /// Reads a packet to the port of DHCP clients.
    pub(crate) async fn dhcp(&self, packet: &[u8]) -> Option<Answer> {
        self.ask(Kind::Dhcp, packet).await.dhcp
    }

    /// Reads a message of the kernel's with options of router advertisements.
    pub(crate) async fn announcements(&self, message: &[u8]) -> Vec<Announcement> {
        self.ask(Kind::Advertisement, message).await.announcements
    }

    /// Nothing if it cannot be asked: the network says again what got lost, and by then it is back.
    async fn ask(&self, kind: Kind, bytes: &[u8]) -> Meaning {
        let Some(question) = question(kind, bytes) else { return Meaning::default() };
        let mut connection = self.connection.lock().await;
        // The second time over a connection of its present life.
        for _ in 0..2 {
            match tokio::time::timeout(PATIENCE, self.answer(&mut connection, &question)).await {
                Ok(Ok(answer)) => return answer,
                Ok(Err(error)) => log::warn!("The parser cannot be asked: {error}"),
                Err(_) => log::warn!("The parser does not answer"),
            }
            *connection = None;
        }
        Meaning::default()
    }

    async fn answer(&self, connection: &mut Option<UnixStream>, question: &[u8]) -> io::Result<Meaning> {
        if connection.is_none() {
            *connection = Some(UnixStream::connect(&self.socket).await?);
        }
        let Some(stream) = connection else { return Err(io::ErrorKind::NotConnected.into()) };
        stream.write_all(&framed(question)).await?;
        let mut length = [0; LENGTH];
        stream.read_exact(&mut length).await?;
        let length = usize::try_from(u32::from_le_bytes(length)).ok().filter(|length| *length <= MAX_ANSWER);
        let mut answer = vec![0; length.ok_or_else(|| io::Error::other("its answer is longer than one can be"))?];
        stream.read_exact(&mut answer).await?;
        meaning(&answer).ok_or_else(|| io::Error::other("its answer is none"))
    }
}

/// A parser within this process, for tests.
#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use ampoule_netmodel::parser::parse;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixListener;
    use std::path::Path;

    /// Stands in for the program: reads as it does.
    pub(crate) fn stand_in(folder: &Path) -> Parser {
        let path = folder.join("parser");
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).expect("listens");
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || while answer_one(&stream).is_some() {});
            }
        });
        Parser::at(path)
    }

    fn answer_one(mut stream: &std::os::unix::net::UnixStream) -> Option<()> {
        let mut length = [0; LENGTH];
        stream.read_exact(&mut length).ok()?;
        let mut question = vec![0; u32::from_le_bytes(length) as usize];
        stream.read_exact(&mut question).ok()?;
        stream.write_all(&framed(&parse(&question))).ok()
    }

    #[tokio::test]
    async fn one_that_is_away_costs_an_answer_and_no_more() {
        let place = tempfile::tempdir().expect("a folder");
        let parser = Parser::at(place.path().join("parser"));
        assert_eq!(parser.dhcp(b"x").await, None);
        drop(stand_in(place.path()));
        assert!(parser.announcements(b"x").await.is_empty());
        assert!(parser.connection.lock().await.is_some(), "it did not come back");
    }

    #[tokio::test]
    async fn one_that_lies_about_a_length_is_left() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("parser");
        let listener = UnixListener::bind(&path).expect("listens");
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let _ = stream.write_all(&[0xff; LENGTH]);
            }
        });
        assert_eq!(Parser::at(path).dhcp(b"x").await, None);
    }
}
