//! `run`: a node on this machine that serves a container.

use std::time::{Duration, Instant};

use ampoule_builder::BuiltImage;
use ampoule_machine::{Accelerator, Exit};
use anyhow::{Result, bail};
use serde_json::json;

use crate::{
    building,
    cli::RunArgs,
    figures,
    interrupt::Interrupt,
    local::{detach, facts, folder::NodeFolder, session::Session, user_data::UserData, waiting, workload::Workload},
    show::Show,
};

/// The demo answers at once when it runs; anything else may need to warm up.
const HTTP_LIMIT: Duration = Duration::from_secs(60);

/// `./ampoule run`.
pub(crate) fn run(args: &RunArgs) -> Result<()> {
    if args.detach && !args.behind {
        return detach::run(args);
    }
    let begun = Instant::now();
    let interrupt = Interrupt::watch()?;
    let show = Show::new();
    let (named, theirs) = before_the_build(args)?;
    let built = interrupt.unless_asked(image(&show, args))?;
    let what = match named {
        Named::Workload(what) => Some(what),
        Named::InUserData => None,
        Named::Nothing => Some(interrupt.unless_asked(Workload::demo(&show, &args.publish))?),
    };
    show.say(&format!("  engine: {}", Accelerator::detect()));
    let power_on = Instant::now();
    let mut session = Session::start(&show, args, &theirs, &built, what.as_ref())?;
    match bring_up(&show, args, &built, &mut session, what.as_ref(), &interrupt, power_on) {
        Ok(text) => show.say(&format!("{text}\n\nReady after {}.", figures::duration(begun.elapsed()))),
        Err(error) if interrupt.asked() => {
            session.stop(&show)?;
            return interrupt.unless_asked(Err(error));
        }
        Err(error) => {
            show.say(&format!("\nThe node's console, last lines:\n{}", session.machine.describe_end()));
            return Err(error);
        }
    }
    attend(&show, session, &interrupt, args)
}

/// What the person wants to run.
enum Named {
    /// An image.
    Workload(Workload),
    /// What the user data says.
    InUserData,
    /// Nothing: the demo.
    Nothing,
}

/// The image in the folder that was named, else that of this checkout.
fn image(show: &Show, args: &RunArgs) -> Result<BuiltImage> {
    match &args.image_dir {
        Some(folder) => building::there(folder),
        None => building::image(show, &args.variant, None),
    }
}

/// What can be refused without an image of the node is refused before one is made, which may take minutes.
fn before_the_build(args: &RunArgs) -> Result<(Named, UserData)> {
    if NodeFolder::named(&args.node.name).running()?.is_some() {
        bail!("this node already runs; `./ampoule stop` ends it, `--name OTHER` starts another beside it");
    }
    let theirs = UserData::read(args)?;
    let named = match &args.image {
        Some(image) => Named::Workload(Workload::named(image, &args.publish)?),
        None if theirs.names_workloads() => Named::InUserData,
        None => Named::Nothing,
    };
    // Any port does: which one our registry gets is not known yet.
    theirs.must_fit(args, &if let Named::Workload(what) = &named { what.settings(1) } else { json!({}) })?;
    Ok((named, theirs))
}

/// From power-on to serving; the text to show then.
fn bring_up(
    show: &Show,
    args: &RunArgs,
    built: &BuiltImage,
    session: &mut Session,
    what: Option<&Workload>,
    interrupt: &Interrupt,
    power_on: Instant,
) -> Result<String> {
    let client = waiting::for_api(show, session, interrupt)?;
    if let Some(what) = what {
        if session.had_state {
            // User data counts at the first boot only, so a node with state is told through its API.
            client.clone().with_timeout(Duration::from_secs(60)).change_settings(&what.settings(session.record.registry_port))?;
        }
        waiting::for_workload(show, session, &client, what.name, interrupt)?;
    }
    let served = served(show, session, what, interrupt)?;
    session.ready()?;
    let text = facts::describe(args, &built.manifest, session, &client, what, power_on.elapsed());
    Ok(format!("{text}\n{}", next_steps(what, &served, args)))
}

/// Host ports that answer HTTP.
fn served(show: &Show, session: &mut Session, what: Option<&Workload>, interrupt: &Interrupt) -> Result<Vec<u16>> {
    let Some(what) = what else {
        return Ok(Vec::new());
    };
    let mut answering = Vec::new();
    for publish in &what.publish {
        let detail = format!("waiting for an answer on port {}", publish.host);
        let answered = show.stage("http", &detail, || waiting::for_http(session, publish.host, HTTP_LIMIT, interrupt))?;
        if answered {
            answering.push(publish.host);
        } else if what.name == "demo" {
            bail!("the demo runs but does not answer on port {}", publish.host);
        } else {
            show.say(&format!("  port {} is open but does not answer HTTP (some software speaks something else)", publish.host));
        }
    }
    Ok(answering)
}

fn next_steps(what: Option<&Workload>, served: &[u16], args: &RunArgs) -> String {
    let mut lines = Vec::new();
    lines.extend(served.iter().map(|port| format!("\n  Open  http://127.0.0.1:{port}/")));
    if what.is_some_and(|what| what.publish.is_empty()) {
        lines.push("\n  No port leads to it; stop and add `--publish 8080:80` to reach port 80 of the container.".into());
    }
    let name = name_option(args);
    let stop = if args.behind { format!("`./ampoule stop{name}` ends it.") } else { "Ctrl-C stops it.".to_owned() };
    lines.push(format!(
        "\n  Try   ./ampoule ps{name}    ./ampoule logs{name} -f\n        ./ampoule ctl{name} get settings    ./ampoule console{name}\n\n  {stop} It keeps its state; `--fresh` begins anew."
    ));
    lines.join("\n")
}

/// Stays with the node until it ends.
fn attend(show: &Show, mut session: Session, interrupt: &Interrupt, args: &RunArgs) -> Result<()> {
    match session.stay(interrupt)? {
        None => {
            show.clear_echo();
            session.stop(show)?;
            let image = args.image_dir.as_ref().map(|folder| format!(" --image-dir {}", folder.display())).unwrap_or_default();
            show.say(&format!("Stopped. `./ampoule run{}{image}` continues where it was.", name_option(args)));
            Ok(())
        }
        Some(Exit::PowerOff) => {
            show.say("The node has switched itself off.");
            Ok(())
        }
        Some(exit) => bail!("the machine ended unexpectedly ({exit:?}):\n{}", session.machine.describe_end()),
    }
}

/// What a later command must be given to mean this node.
fn name_option(args: &RunArgs) -> String {
    if args.node.name == "default" { String::new() } else { format!(" --name {}", args.node.name) }
}
