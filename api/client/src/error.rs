//! What can go wrong between a caller and a node.

use std::{io, time::Duration};

use ampoule_api_types::v1::ErrorBody;
use thiserror::Error;

/// Why a request brought no usable answer.
#[derive(Debug, Error)]
pub enum ClientError {
    /// Nothing listens there, or the network is in the way. Worth a retry while a node boots.
    #[error("cannot reach the node API at {target}: {source}")]
    Connect {
        /// Socket path or address.
        target: String,
        /// What the system said.
        source: io::Error,
    },
    /// The peer is not the node, or refuses our certificate.
    #[error("no secure connection to the node API at {target}: {reason}")]
    Tls {
        /// Address of the node.
        target: String,
        /// What the TLS library said.
        reason: String,
    },
    /// A certificate, key or authority given to the client is not usable.
    #[error("client identity: {0}")]
    Identity(String),
    /// The request could not be written down (a path with spaces, for example).
    #[error("invalid request for {path:?}: {reason}")]
    Request {
        /// Path and query as given.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The connection broke during the exchange. Worth a retry if the request may be repeated.
    #[error("connection to the node API broke: {0}")]
    Broken(String),
    /// No complete answer in time.
    #[error("the node API gave no answer within {} s", .0.as_secs_f32())]
    Timeout(Duration),
    /// The answer is larger than this client will hold.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    /// The node answered that it will not or cannot do it.
    #[error("{method} {path}: status {status}: {message}")]
    Refused {
        /// Method of the request.
        method: String,
        /// Path and query of the request.
        path: String,
        /// HTTP status, 400 or higher.
        status: u16,
        /// The node's own words, with its hint.
        message: String,
        /// The same for programs, if the node said so.
        body: Option<Box<ErrorBody>>,
    },
    /// The answer is not what this version of the API promises.
    #[error("unexpected answer to {path}: {reason}")]
    Decode {
        /// Path and query of the request.
        path: String,
        /// What did not fit.
        reason: String,
    },
}

impl ClientError {
    /// Whether the node could not be spoken to at all, as opposed to having answered.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Connect { .. } | Self::Tls { .. } | Self::Broken(_) | Self::Timeout(_))
    }

    /// The HTTP status, if the node answered.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }
}
