//! Loads kernel modules by device alias
//!
//! Two ways to be started. As the service `modload`: loads what the present devices want, says `READY=1`, then does the same
//! for every device that appears. By the kernel (`/proc/sys/kernel/modprobe`), as `modload -q -- NAME`: loads that one
//! module or alias. Only files of the verified root are loaded, and the kernel checks their signature.

mod coldplug;
mod library;
mod loader;
mod settings;
mod uevent;

use std::{env, process::ExitCode};

use library::{Library, ModloadError};
use loader::Loader;
use settings::Settings;

/// What the kernel starts when it wants a module; the same program.
const HELPER_PATH: &str = "/usr/bin/modload";
const HELPER_SETTING: &str = "/proc/sys/kernel/modprobe";

#[derive(Debug, PartialEq, Eq)]
enum Role {
    Service,
    /// Load these and exit.
    Helper(Vec<String>),
}

fn main() -> ExitCode {
    ampoule_report::init_logger();
    let done = match role(env::args().skip(1)) {
        Role::Service => serve(),
        Role::Helper(names) => help(&names),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{}", ampoule_report::chain(&error));
            ExitCode::FAILURE
        }
    }
}

/// Names without the options that modprobe would understand.
fn role(arguments: impl Iterator<Item = String>) -> Role {
    let mut options = true;
    let names: Vec<String> = arguments
        .filter(|argument| {
            let is_option = options && argument.starts_with('-');
            options &= argument != "--";
            !is_option
        })
        .collect();
    if names.is_empty() { Role::Service } else { Role::Helper(names) }
}

fn help(names: &[String]) -> Result<(), ModloadError> {
    let mut library = Library::of_this_kernel(Settings::of_this_node().at_start())?;
    for name in names {
        if library.load(name)? == 0 {
            return Err(ModloadError::Unknown(name.chars().take(64).collect()));
        }
    }
    Ok(())
}

fn serve() -> Result<(), ModloadError> {
    let settings = Settings::of_this_node();
    // Listen first: a device that appears during the walk is then seen at least once, and so are settings.
    let events = uevent::Events::listen().map_err(ModloadError::Listen)?;
    if let Err(error) = std::fs::write(HELPER_SETTING, HELPER_PATH) {
        log::warn!("{HELPER_SETTING}: {error}; modules wanted by the kernel itself will not be loaded");
    }
    let mut loader = Loader::new(Library::of_this_kernel(settings.at_start())?);
    loader.load_all();
    ampoule_report::ready();
    loop {
        match events.next().map_err(ModloadError::Listen)? {
            uevent::Seen::Alias(alias) => drop(loader.load_one(&alias)),
            // The kernel dropped messages: look at everything again.
            uevent::Seen::Missed => loader.load_all(),
            uevent::Seen::Settings => loader.follow(settings.now()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role_of(arguments: &[&str]) -> Role {
        role(arguments.iter().map(|argument| (*argument).to_owned()))
    }

    #[test]
    fn the_kernels_way_of_calling() {
        assert_eq!(role_of(&["-q", "--", "net-pf-10"]), Role::Helper(vec!["net-pf-10".into()]));
        assert_eq!(role_of(&["-q", "--", "-odd"]), Role::Helper(vec!["-odd".into()]));
        assert_eq!(role_of(&[]), Role::Service);
    }
}
