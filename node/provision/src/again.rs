//! A metadata service that gave no answer is asked again, off the boot's way: it may only be slow to come up, or its network.

use crate::collect::{self, Service};
use crate::finding::{Answer, Finding};
use crate::options::Options;
use crate::output::Output;
use ampoule_provision::{Generated, Source};
use std::io;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Asks until there is an answer or the time is over; leaves what came.
///
/// # Errors
/// It cannot be left.
pub(crate) async fn ask(
    options: &Options,
    output: &Output,
    service: &Service,
    mut answers: Vec<Answer>,
    mut generated: Generated,
) -> io::Result<()> {
    let (end, mut pause) = (Instant::now() + options.retry_limit, options.retry_pause);
    // An address that is none stays none.
    while service.is_ok() && answers.iter().any(failed) && Instant::now() + pause < end {
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        let (answer, values) = collect::remote(options, service).await;
        // Said once: it is loud already, and this goes on for an hour.
        if failed(&answer) {
            continue;
        }
        log::info!("The metadata service answers");
        answer.log();
        answers.retain(|other| other.source != Source::Imds);
        answers.push(answer);
        answers.sort_by_key(|answer| answer.source);
        generated.extend(values);
        output.leave(&answers, &generated)?;
    }
    Ok(())
}

fn failed(answer: &Answer) -> bool {
    answer.source == Source::Imds && matches!(answer.finding, Finding::Failed(_))
}
