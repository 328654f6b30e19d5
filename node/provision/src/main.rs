//! Collects user data from every place and makes values for keys nobody set.
//!
//! First boot: the node is told that this is done when every source has answered or its time is over, because `apid` then makes its first settings. Later boots: at once after the
//! local sources; the others are asked behind the node's back, so that a change can be shown. A metadata service that gave no answer is asked again for an hour: a node of a cloud
//! must not pass for one without user data. Then the program ends.

mod again;
mod collect;
mod devices;
mod files;
mod finding;
mod http;
mod imds;
mod mounts;
mod network;
mod options;
mod output;
mod random;

use ampoule_provision::{Generated, Source};
use ampoule_report::{chain, init_logger, ready};
use finding::{Answer, Finding};
use options::Options;
use output::Output;
use std::error::Error;
use std::process::ExitCode;

/// So many starts of one boot: a program that dies of what it reads must not keep the node from coming up.
const MOST_STARTS: u32 = 3;

fn main() -> ExitCode {
    init_logger();
    match Options::parse(std::env::args().skip(1)).map_err(Into::into).and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{}", chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let output = Output::open(options.path("/run/ampoule/provision"))?;
    let starts = output.count_start()?;
    if starts > MOST_STARTS {
        return give_up(&output, starts);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(provision(options, &output));
    // A device that still does not answer is not waited for.
    runtime.shutdown_background();
    done
}

/// The node comes up without what killed this program so often; the report says so.
fn give_up(output: &Output, starts: u32) -> Result<(), Box<dyn Error>> {
    let why = format!("not asked: this program ended badly {} times", starts - 1);
    let answers = Source::ALL.map(|source| Answer { source, finding: Finding::Failed(why.clone()), ms: 0 });
    answers.iter().for_each(Answer::log);
    output.leave(&answers, &Generated::new())?;
    ready();
    Ok(())
}

async fn provision(options: &Options, output: &Output) -> Result<(), Box<dyn Error>> {
    let service = collect::service(options);
    let mut generated = collect::own_values(&service);
    let is_first_boot = collect::is_first_boot(options);
    let (mut answers, (imds, values)) = if is_first_boot {
        tokio::join!(collect::local(options), collect::remote(options, &service))
    } else {
        let answers = collect::local(options).await;
        let asked_later = [answers.clone(), vec![collect::before_asking(&service)]].concat();
        output.leave(&asked_later, &generated)?;
        ready();
        (answers, collect::remote(options, &service).await)
    };
    answers.push(imds);
    answers.sort_by_key(|answer| answer.source);
    answers.iter().for_each(Answer::log);
    generated.extend(values);
    output.leave(&answers, &generated)?;
    if is_first_boot {
        ready();
    }
    match service {
        Ok(None) => name_the_nameless(options, output, generated).await?,
        _ => again::ask(options, output, &service, answers, generated).await?,
    }
    Ok(())
}

/// Off the boot's way: only needed where neither settings nor DHCP name the node.
async fn name_the_nameless(options: &Options, output: &Output, mut generated: Generated) -> Result<(), Box<dyn Error>> {
    if let Some(name) = collect::other_name(options).await {
        generated.insert("network.hostname".into(), name);
        output.leave_generated(&generated)?;
    }
    Ok(())
}
