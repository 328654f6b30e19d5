//! Loads kernel modules by device alias
//!
//! Started as the service (`modload serve`) it loads what the present devices want, says `READY=1`, then does the same for
//! every device that appears. The kernel starts it too: this kernel sends every program that it would start by itself here
//! (`CONFIG_STATIC_USERMODEHELPER`), whatever `kernel.modprobe` or `kernel.core_pattern` say. See [`helper`].
//! Only files of the verified root are loaded, and the kernel checks their signature.

mod coldplug;
mod helper;
mod library;
mod loader;
mod settings;
mod uevent;

use std::{env, process::ExitCode};

use helper::Wanted;
use library::{Library, ModloadError};
use loader::Loader;
use settings::Settings;

fn main() -> ExitCode {
    ampoule_report::init_logger();
    let arguments: Vec<String> = env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let done = match Wanted::by(&arguments) {
        // Only `init` gives this socket: a service is not started by what somebody wrote into a pattern of the kernel's.
        Wanted::Service if env::var_os("NOTIFY_SOCKET").is_some() => serve(),
        Wanted::Module(name) => load(&name),
        Wanted::End(end) => end.ask(),
        Wanted::Service | Wanted::Other => Err(ModloadError::NotForUs(arguments.join(" ").chars().take(64).collect())),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{}", ampoule_report::chain(&error));
            tell_kernel_log(&error);
            ExitCode::FAILURE
        }
    }
}

/// What the kernel starts has no standard error; its own log is read by `logd`.
fn tell_kernel_log(error: &ModloadError) {
    if env::var_os("NOTIFY_SOCKET").is_none() {
        drop(std::fs::write("/dev/kmsg", format!("<4>modload: {}\n", ampoule_report::chain(error))));
    }
}

fn load(name: &str) -> Result<(), ModloadError> {
    let mut library = Library::of_this_kernel(Settings::of_this_node().at_start())?;
    match library.load(name)? {
        0 => Err(ModloadError::Unknown(name.chars().take(64).collect())),
        _ => Ok(()),
    }
}

fn serve() -> Result<(), ModloadError> {
    let settings = Settings::of_this_node();
    settings.show_copy();
    // Listen first: a device that appears during the walk is then seen at least once, and so are settings.
    let events = uevent::Events::listen().map_err(ModloadError::Listen)?;
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
