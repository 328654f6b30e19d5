//! `raw`: one request as given.

use std::io::Write;

use ampoule_api_client::{Client, Method};
use clap::{Args, ValueEnum};

use crate::CliError;

/// One HTTP request.
#[derive(Args, Clone, Debug)]
pub struct RawArgs {
    /// Path and query, for example /settings?prefix=settings.network
    #[arg(short, long)]
    pub uri: Option<String>,
    /// Method of the request
    #[arg(short, long, visible_short_alias = 'X', ignore_case = true, default_value = "GET")]
    pub method: RawMethod,
    /// Body of the request, usually JSON
    #[arg(short, long)]
    pub data: Option<String>,
}

/// Methods as a person writes them.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "UPPER")]
pub enum RawMethod {
    /// Read.
    Get,
    /// Change parts.
    Patch,
    /// Act.
    Post,
    /// Write whole.
    Put,
    /// Take away.
    Delete,
}

impl From<RawMethod> for Method {
    fn from(method: RawMethod) -> Self {
        match method {
            RawMethod::Get => Self::Get,
            RawMethod::Patch => Self::Patch,
            RawMethod::Post => Self::Post,
            RawMethod::Put => Self::Put,
            RawMethod::Delete => Self::Delete,
        }
    }
}

/// Prints the body, with a line end if it has none.
pub(crate) fn run(client: &Client, args: &RawArgs, out: &mut dyn Write) -> Result<(), CliError> {
    let Some(uri) = &args.uri else {
        return Err(CliError::Usage("name a path with --uri, or a command (see --help)".into()));
    };
    let body = args.data.as_deref().map(str::as_bytes);
    let response = client.call(args.method.into(), uri, body)?;
    out.write_all(&response.body)?;
    if !response.body.is_empty() && !response.body.ends_with(b"\n") {
        writeln!(out)?;
    }
    Ok(())
}
