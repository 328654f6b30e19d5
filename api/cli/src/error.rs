//! How a command fails, and what a script sees of it.

use std::io;

use ampoule_api_client::ClientError;
use ampoule_api_types::v1::ErrorCode;
use thiserror::Error;

/// Why a command did not do its work.
#[derive(Debug, Error)]
pub enum CliError {
    /// The command line asks for something that makes no sense. Nothing was sent.
    #[error("{0}")]
    Usage(String),
    /// A settings file could not be read or understood. Nothing was sent.
    #[error("{source_name}: {reason}")]
    Input {
        /// File, URI or `-` as given.
        source_name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The node took the request, and it did not come to what was asked.
    #[error("{0}")]
    Failed(String),
    /// The node did not answer, or refused.
    #[error(transparent)]
    Request(#[from] ClientError),
    /// Our own output could not be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
}

impl CliError {
    /// The exit code of Bottlerocket's `apiclient`: 2 for usage, 1 for everything that went wrong later.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            _ => 1,
        }
    }

    /// What a person can do about it, where the node has not said so itself.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Request(ClientError::Connect { .. }) => {
                Some("is this a node, and does its API run? --socket-path or --context name another")
            }
            Self::Request(ClientError::Tls { .. }) => Some("`ampctl context list` shows which certificates are used"),
            Self::Request(ClientError::Timeout(_)) => Some("`ampctl logs apid` may say why"),
            Self::Request(ClientError::Refused { body: Some(body), .. }) if body.hint.is_none() && body.code == ErrorCode::UnknownKey => {
                Some("`ampctl explain` lists all settings")
            }
            _ => None,
        }
    }

    /// Whether the reader of our output went away, which is no failure worth a message (`… | head`).
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}
