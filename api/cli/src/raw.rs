//! `raw`: one request as given.

use ampoule_api_client::{Client, ClientError, Method};
use clap::{Args, ValueEnum};

use crate::{CliError, Console, output::raw_body};

/// One HTTP request.
#[derive(Args, Clone, Debug)]
pub struct RawArgs {
    /// Path and query, for example /settings?prefix=settings.network
    #[arg(short, long)]
    pub uri: Option<String>,
    /// Method of the request [default: GET]
    #[arg(short, long, visible_short_alias = 'X', ignore_case = true)]
    pub method: Option<RawMethod>,
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

impl RawArgs {
    /// Whether anything was given.
    pub(crate) fn is_given(&self) -> bool {
        self.uri.is_some() || self.method.is_some() || self.data.is_some()
    }
}

/// Prints the body, with a line end if it has none; with `verbose` the status before it, on standard error.
pub(crate) fn run(client: &Client, args: &RawArgs, verbose: bool, console: &mut Console<'_>) -> Result<(), CliError> {
    let Some(uri) = &args.uri else {
        return Err(CliError::Usage("name a path with --uri, or a command (see --help)".into()));
    };
    let method = args.method.unwrap_or(RawMethod::Get).into();
    let result = client.call(method, uri, args.data.as_deref().map(str::as_bytes));
    let status = match &result {
        Ok(response) => Some(response.status),
        Err(error) => ClientError::status(error),
    };
    if let (true, Some(status)) = (verbose, status) {
        writeln!(console.err, "{status}")?;
    }
    raw_body(console.out, &result?.body)
}
