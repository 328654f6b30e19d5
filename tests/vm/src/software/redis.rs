//! A few words of Redis' protocol.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
};

use anyhow::{Context, Result, bail};

use super::http::connect;

/// A connection to a Redis server.
pub(crate) struct KeyStore {
    stream: BufReader<TcpStream>,
}

impl KeyStore {
    /// Connects and makes sure that someone answers.
    pub(crate) fn connect(port: u16) -> Result<Self> {
        let mut store = Self { stream: BufReader::new(connect(port)?) };
        store.ask(&["PING"])?;
        Ok(store)
    }

    /// Stores a value; when this returns, the server has it on disk.
    pub(crate) fn set(&mut self, key: &str, value: &str) -> Result<()> {
        self.ask(&["SET", key, value]).map(drop)
    }

    /// The value of a key that exists.
    pub(crate) fn get(&mut self, key: &str) -> Result<String> {
        self.ask(&["GET", key])?.with_context(|| format!("no key {key:?}"))
    }

    fn ask(&mut self, words: &[&str]) -> Result<Option<String>> {
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        self.stream.get_mut().write_all(request.as_bytes())?;
        self.answer()
    }

    fn answer(&mut self) -> Result<Option<String>> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let line = line.trim_end();
        match line.split_at_checked(1) {
            Some(("+" | ":", text)) => Ok(Some(text.to_owned())),
            Some(("$", "-1")) => Ok(None),
            Some(("$", length)) => self.bulk(length.parse()?).map(Some),
            _ => bail!("Redis answers {line:?}"),
        }
    }

    fn bulk(&mut self, length: usize) -> Result<String> {
        let mut bytes = vec![0; length + 2];
        self.stream.read_exact(&mut bytes)?;
        bytes.truncate(length);
        Ok(String::from_utf8(bytes)?)
    }
}
