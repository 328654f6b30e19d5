//! What the kernel says to a batch.

use std::io;

use thiserror::Error;

use crate::batch::Batch;
use crate::message::answers;

/// Why a batch was not applied. Nothing of it was.
#[derive(Debug, Error)]
pub enum AnswerError {
    /// The kernel refused a part.
    #[error("the kernel refused {subject}: {reason}")]
    Refused {
        /// The part: "rule 2 of chain forward (…)".
        subject: String,
        /// The error number as the system names it.
        reason: io::Error,
    },
    /// No acknowledgement was among the bytes.
    #[error("the kernel did not answer to the nftables batch; was nf_tables built into it?")]
    Silent,
}

impl Batch {
    /// Reads what the socket delivered after this batch was sent: all datagrams one after the other.
    ///
    /// # Errors
    /// The first refused part, or that there was no acknowledgement. Any bytes are allowed.
    pub fn check(&self, received: &[u8]) -> Result<(), AnswerError> {
        let answers = answers(received);
        if let Some(refusal) = answers.iter().find(|a| a.error != 0) {
            let subject = self.subject(refusal.sequence).to_owned();
            return Err(AnswerError::Refused { subject, reason: io::Error::from_raw_os_error(refusal.error) });
        }
        if answers.iter().any(|a| a.sequence == self.last()) { Ok(()) } else { Err(AnswerError::Silent) }
    }
}
