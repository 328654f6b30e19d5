//! Transactions of this command line.

use std::time::{SystemTime, UNIX_EPOCH};

use ampoule_api_client::{Client, ClientError, Method};

use ampoule_api_types::v1::ErrorCode;

use crate::CliError;

/// A name nobody else is likely to use at this moment: `apiclient-VERB-…`, as Bottlerocket's tool names its own.
pub(crate) fn name(verb: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("apiclient-{verb}-{:x}-{:x}", std::process::id(), now.as_nanos())
}

/// Commits and applies. A transaction the node refused is dropped, so that it does not linger as pending.
pub(crate) fn commit(client: &Client, tx: &str) -> Result<(), CliError> {
    match client.commit_and_apply(tx) {
        Ok(_) => Ok(()),
        // Nothing pending: every value was already as asked.
        Err(error) if is_nothing_pending(&error) => Ok(()),
        Err(error) => {
            // The refusal is what the person needs to see, whether or not the tidying works.
            let _ = client.request(Method::Delete, &format!("/tx?tx={tx}"), None);
            Err(error.into())
        }
    }
}

fn is_nothing_pending(error: &ClientError) -> bool {
    matches!(error, ClientError::Refused { body: Some(body), .. } if body.code == ErrorCode::NothingPending)
}
