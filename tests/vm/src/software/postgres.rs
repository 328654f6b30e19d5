//! A few words of PostgreSQL's protocol (version 3): password, simple queries, rows as text.

use std::{
    io::{BufReader, Read, Write},
    net::TcpStream,
};

use anyhow::{Context, Result, bail, ensure};

use super::http::connect;

/// Longest message taken, in bytes.
const MESSAGE_LIMIT: usize = 1024 * 1024;

/// A session of the superuser.
pub(crate) struct Database {
    stream: BufReader<TcpStream>,
}

impl Database {
    /// Connects and proves the password.
    pub(crate) fn connect(port: u16, password: &str) -> Result<Self> {
        let mut database = Self { stream: BufReader::new(connect(port)?) };
        let mut start = 196_608_i32.to_be_bytes().to_vec();
        start.extend(b"user\0postgres\0database\0postgres\0\0");
        database.send(None, &start)?;
        loop {
            match database.receive()? {
                (b'R', body) => database.authenticate(&body, password)?,
                (b'Z', _) => return Ok(database),
                (b'E', body) => bail!("PostgreSQL: {}", words(&body)),
                _ => {}
            }
        }
    }

    fn authenticate(&mut self, body: &[u8], password: &str) -> Result<()> {
        let kind = body.first_chunk().map(|bytes| i32::from_be_bytes(*bytes));
        match kind {
            Some(0) => Ok(()),
            Some(3) => self.send(Some(b'p'), format!("{password}\0").as_bytes()),
            other => bail!("PostgreSQL asks for a proof of kind {other:?}"),
        }
    }

    /// Runs statements; the rows of the last one, columns joined by `|`.
    pub(crate) fn query(&mut self, text: &str) -> Result<Vec<String>> {
        self.send(Some(b'Q'), format!("{text}\0").as_bytes())?;
        let (mut rows, mut failure) = (Vec::new(), None);
        loop {
            match self.receive()? {
                (b'D', body) => rows.push(row(&body)?),
                (b'E', body) => failure = Some(words(&body)),
                (b'Z', _) => break,
                _ => {}
            }
        }
        match failure {
            Some(reason) => bail!("PostgreSQL: {reason}"),
            None => Ok(rows),
        }
    }

    fn send(&mut self, kind: Option<u8>, body: &[u8]) -> Result<()> {
        let mut message: Vec<u8> = kind.into_iter().collect();
        message.extend(u32::try_from(body.len() + 4)?.to_be_bytes());
        message.extend(body);
        Ok(self.stream.get_mut().write_all(&message)?)
    }

    fn receive(&mut self) -> Result<(u8, Vec<u8>)> {
        let mut head = [0; 5];
        self.stream.read_exact(&mut head).context("PostgreSQL says nothing")?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        ensure!((4..=MESSAGE_LIMIT).contains(&length), "not PostgreSQL's protocol");
        let mut body = vec![0; length - 4];
        self.stream.read_exact(&mut body)?;
        Ok((head[0], body))
    }
}

/// Columns of a row: a count, then each with its length (-1: null).
fn row(body: &[u8]) -> Result<String> {
    let (_, mut rest) = body.split_at_checked(2).context("a short row")?;
    let mut columns = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk() {
        let length = usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0);
        let (value, next) = after.split_at_checked(length).context("a short column")?;
        columns.push(String::from_utf8_lossy(value).into_owned());
        rest = next;
    }
    Ok(columns.join("|"))
}

/// The readable part of an error message.
fn words(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let message = text.split('\0').find_map(|field| field.strip_prefix('M'));
    message.unwrap_or("an error without words").to_owned()
}
