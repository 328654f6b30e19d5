//! `context`: nodes by name, and which of them is spoken to.

use std::{
    env,
    io::Write,
    path::{Path, PathBuf},
};

use ampoule_api_cli::CliError;
use ampoule_api_client::{API_SOCKET, Client};
use clap::{Args, Subcommand};

use crate::{
    context_file::{self, Context},
    pem,
};

/// The name of this node's own socket.
const LOCAL: &str = "local";

/// Which context is used if `--context` does not say.
const VARIABLE: &str = "AMPCTL_CONTEXT";

/// The port of `settings.api.remote.port` unless somebody changed it.
const PORT: u16 = 9443;

/// What to do with names of nodes.
#[derive(Subcommand)]
pub(crate) enum ContextCommand {
    /// Name a node, or change what is remembered of it
    Add(AddArgs),
    /// Speak to this node from now on; `local` is the socket
    Use {
        /// Its name
        name: String,
    },
    /// Forget a node
    Remove {
        /// Its name
        name: String,
    },
    /// Show the names; the one in use is marked
    List,
}

/// A node and what proves us to it. The files are copied, so that the node stays in reach when they go.
#[derive(Args)]
pub(crate) struct AddArgs {
    /// Its name
    name: String,
    /// Where its API is, for example https://node-7.example:9443
    #[arg(long)]
    url: String,
    /// Authority of the node's certificate, PEM
    #[arg(long, value_name = "FILE")]
    ca: PathBuf,
    /// Your certificate, PEM; its OU is your role
    #[arg(long, value_name = "FILE")]
    cert: PathBuf,
    /// Your private key, PEM
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Name in the node's certificate [default: the host of the URL]
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,
}

pub(crate) fn run(command: &ContextCommand, out: &mut dyn Write) -> Result<(), CliError> {
    match command {
        ContextCommand::Add(args) => add(args),
        ContextCommand::Use { name } => choose(name),
        ContextCommand::Remove { name } => remove(name),
        ContextCommand::List => list(out),
    }
}

/// The client of the node that is meant: by the socket's path, by a name, by the environment, by the last `use`.
pub(crate) fn client(socket: Option<&Path>, context: Option<&str>) -> Result<Client, CliError> {
    if let Some(socket) = socket {
        return Ok(Client::unix(socket));
    }
    let from_environment = env::var(VARIABLE).ok().filter(|name| !name.is_empty());
    let named = context.map(ToOwned::to_owned).or(from_environment);
    if named.as_deref() == Some(LOCAL) {
        return Ok(Client::unix(API_SOCKET));
    }
    let contexts = context_file::load()?;
    match named.or(contexts.current) {
        None => Ok(Client::unix(API_SOCKET)),
        Some(name) => remote(contexts.contexts.get(&name).ok_or_else(|| unknown(&name))?),
    }
}

fn unknown(name: &str) -> CliError {
    CliError::Usage(format!("there is no context {name:?} (`ampctl context list` shows them, `ampctl context add` makes one)"))
}

fn remote(context: &Context) -> Result<Client, CliError> {
    let (host, port) = address(&context.url)?;
    let bare = host.trim_matches(['[', ']']);
    let name = context.server_name.as_deref().unwrap_or(bare);
    let client =
        Client::tls(&format!("{host}:{port}"), name, context.ca.as_bytes(), context.certificate.as_bytes(), context.key.as_bytes());
    Ok(client?)
}

/// Host (an IPv6 address in brackets) and port of `https://host:port`.
fn address(url: &str) -> Result<(&str, u16), CliError> {
    let wrong = || CliError::Usage(format!("{url:?} is not of the form https://host:port"));
    let rest = url.strip_prefix("https://").ok_or_else(wrong)?.trim_end_matches('/');
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| wrong())?),
        _ => (rest, PORT),
    };
    let is_host = !host.is_empty() && (host.starts_with('[') && host.ends_with(']') || !host.contains([':', '/', '@', '?', '#']));
    if is_host { Ok((host, port)) } else { Err(wrong()) }
}

fn add(args: &AddArgs) -> Result<(), CliError> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if args.name == LOCAL || args.name.is_empty() || !args.name.chars().all(is_name) {
        return Err(CliError::Usage(format!("{:?} cannot be a name: letters, digits, -, _ and . can, `{LOCAL}` is the socket", args.name)));
    }
    let (ca, certificate, key) = (pem::read(&args.ca)?, pem::read(&args.cert)?, pem::read(&args.key)?);
    let context = Context { url: args.url.clone(), server_name: args.server_name.clone(), ca, certificate, key };
    // What cannot work is not remembered.
    remote(&context)?;
    let mut contexts = context_file::load()?;
    contexts.contexts.insert(args.name.clone(), context);
    context_file::save(&contexts)
}

fn choose(name: &str) -> Result<(), CliError> {
    let mut contexts = context_file::load()?;
    if name != LOCAL && !contexts.contexts.contains_key(name) {
        return Err(unknown(name));
    }
    contexts.current = (name != LOCAL).then(|| name.to_owned());
    context_file::save(&contexts)
}

fn remove(name: &str) -> Result<(), CliError> {
    let mut contexts = context_file::load()?;
    contexts.contexts.remove(name).ok_or_else(|| unknown(name))?;
    contexts.current = contexts.current.filter(|current| current != name);
    context_file::save(&contexts)
}

fn list(out: &mut dyn Write) -> Result<(), CliError> {
    let contexts = context_file::load()?;
    let current = contexts.current.as_deref().unwrap_or(LOCAL);
    let local = [(LOCAL, API_SOCKET)];
    for (name, place) in local.into_iter().chain(contexts.contexts.iter().map(|(name, context)| (name.as_str(), context.url.as_str()))) {
        writeln!(out, "{} {name}  {place}", if name == current { '*' } else { ' ' })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_slips_refused() {
        let read = |url: &str| address(url).ok().map(|(host, port)| (host.to_owned(), port));
        assert_eq!(read("https://node:1"), Some(("node".to_owned(), 1)));
        assert_eq!(read("https://10.0.0.1/"), Some(("10.0.0.1".to_owned(), 9443)));
        assert_eq!(read("https://[fe80::1]:8443"), Some(("[fe80::1]".to_owned(), 8443)));
        assert_eq!(read("https://[fe80::1]"), Some(("[fe80::1]".to_owned(), 9443)));
        for wrong in ["http://node:1", "node:1", "https://", "https://node:x", "https://a@b:1", "https://node/path:1", "https://fe80::1"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
