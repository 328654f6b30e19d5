//! Waits in a container for the runtime, which comes in with each command that the node runs there: for its program (CVE-2019-5736), and for folders
//! of the node that it has open (CVE-2024-21626).

use std::{
    collections::BTreeSet,
    fs::{self, File, Permissions},
    io::{self, ErrorKind},
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _, symlink},
    },
    path::Path,
    process,
    thread::sleep,
    time::{Duration, Instant},
};

use rustix::fs::{CWD, Mode, OFlags, openat};

use crate::{host, outcome::name_of};

/// Where the node looks for a command: what is there makes the kernel run, in its place, the program of whoever asks.
const SCRIPT: &str = "/script";
const LINK: &str = "/link";
/// Given to one that holds the program, which cannot be written while it runs.
const PATIENCE: Duration = Duration::from_secs(2);
/// Far shorter than the runtime's stay, and long enough for it to come in at all where there is one processor.
const BREATH: Duration = Duration::from_millis(1);
/// The working directory of commands, which this program may put something else in the place of.
const FOLDER: &str = "/work";
/// Descriptors that the runtime may have open.
const DESCRIPTORS: std::ops::RangeInclusive<u32> = 3..=20;

/// Looks at each process that comes, for as long as it lives, and tells each thing that it sees once.
pub(crate) fn lie_in_wait() {
    println!("AMBUSH laid {:?}", lay());
    let own = identity(Path::new("/proc/self/exe")).ok();
    let mut told = BTreeSet::new();
    loop {
        for process in processes() {
            let seen = look_at(&process, own).filter(|seen| told.insert(seen.clone()));
            seen.into_iter().for_each(|seen| println!("AMBUSH {seen}"));
        }
        sleep(BREATH);
    }
}

fn lay() -> io::Result<()> {
    fs::write(SCRIPT, "#!/proc/self/exe\n")?;
    fs::set_permissions(SCRIPT, Permissions::from_mode(0o755))?;
    symlink("/proc/self/exe", LINK)
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::metadata(path).map(|facts| (facts.dev(), facts.ino()))
}

/// All but this one.
fn processes() -> Vec<String> {
    let names = fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.parse::<u32>().is_ok_and(|number| number != process::id())).collect()
}

/// What came of a process that runs another program than this one.
fn look_at(process: &str, own: Option<(u64, u64)>) -> Option<String> {
    let exe = format!("/proc/{process}/exe");
    let held = match openat(CWD, &exe, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) {
        Ok(held) => held,
        // It is gone.
        Err(error) if io::Error::from(error).kind() == ErrorKind::NotFound => return None,
        Err(error) => return Some(format!("met one, whose program is kept from it: {}", name_of(&error.into()))),
    };
    let again = format!("/proc/self/fd/{}", held.as_raw_fd());
    let foreign = identity(Path::new(&again)).is_ok_and(|it| Some(it) != own);
    foreign.then(|| format!("held {:?}: {}", fs::read_link(&again).unwrap_or_default(), overwrite(&held)))
}

/// Tries to write for as long as it takes until nobody runs it any more. What is written is what stands there.
fn overwrite(held: &OwnedFd) -> String {
    let again = format!("/proc/self/fd/{}", held.as_raw_fd());
    let (start, mut ends) = (Instant::now(), BTreeSet::new());
    while start.elapsed() < PATIENCE {
        match File::options().write(true).open(&again).and_then(|file| file.write_all_at(b"\x7f", 0)) {
            Ok(()) => return "SUCCEEDED: it was written".into(),
            Err(error) => ends.insert(name_of(&error)),
        };
    }
    format!("refused({ends:?})")
}

/// Puts a link to one descriptor after another in the place of the folder in which commands are started.
pub(crate) fn lead_astray() {
    println!("ASTRAY begins {:?}", fs::remove_dir(FOLDER));
    for number in DESCRIPTORS.cycle() {
        let next = Path::new("/next");
        let moved = symlink(format!("/proc/self/fd/{number}"), next).and_then(|()| fs::rename(next, FOLDER));
        if let Err(error) = moved {
            println!("ASTRAY {number}: {error}");
        }
        sleep(Duration::from_millis(400));
    }
}

/// Is started as such a command: says where it is, and ends as one that is not well, so that the node tells what it said.
pub(crate) fn say_where() -> u8 {
    let here = std::env::current_dir();
    println!(
        "STRAYED to {here:?}: {}",
        if host::is_above_here() { "SUCCEEDED: the node's root is above" } else { "its own root is above" }
    );
    9
}
