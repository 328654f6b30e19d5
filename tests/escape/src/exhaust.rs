//! Takes all there is of one thing after another, and says where it was stopped.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long each flood lasts.
const FLOOD: Duration = Duration::from_secs(8);
/// Most of a disk that is filled: a wall that is not met before is none.
const MOST_BYTES: u64 = 16 << 30;
/// What is taken at a time, in bytes.
const STEP: u64 = 4 << 20;

/// All the kinds named, one after another.
pub(crate) fn all(kinds: &[&str]) {
    println!("EXHAUST begin");
    for kind in kinds {
        println!("EXHAUST {kind} begins");
        let end = one(kind);
        println!("EXHAUST {kind} {end}");
    }
    println!("EXHAUST done");
    thread::sleep(Duration::MAX);
}

fn one(kind: &str) -> String {
    match kind {
        "disk-volume" => fill(Path::new("/volume")),
        "disk-root" => fill(Path::new("/")),
        "disk-write" => write_until_stopped(Path::new("/")),
        "disk-hold" => hold(Path::new("/volume")),
        "inodes" => many_files(Path::new("/volume/many")),
        "inodes-root" => many_files(Path::new("/many")),
        "pids" => many_processes(),
        "log" => log_flood(),
        "cpu" => processor(),
        "memory" => memory(),
        "memory-worker" => take_memory(),
        "cpu-worker" => spin(),
        "sleep" => "asleep".into(),
        _ => "unknown".into(),
    }
}

/// Room is allotted, not written: the wall is the same and the emulated disk is spared.
fn fill(folder: &Path) -> String {
    let path = folder.join("filled");
    let end = File::create(&path)
        .map_or_else(|error| format!("stopped at 0 bytes: {error}"), |file| until_stopped(0, |start| allot(&file, start)));
    thread::sleep(Duration::from_secs(2));
    let _ = fs::remove_file(&path);
    end
}

fn allot(file: &File, start: u64) -> io::Result<()> {
    Ok(rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), start, STEP)?)
}

/// Takes step after step from byte `start` on; where it was stopped, and by what.
fn until_stopped(start: u64, mut take: impl FnMut(u64) -> io::Result<()>) -> String {
    let mut at = start;
    while at < MOST_BYTES {
        if let Err(error) = take(at) {
            return format!("stopped at {at} bytes: {error}");
        }
        at += STEP;
    }
    format!("NOT STOPPED at {MOST_BYTES} bytes")
}

/// What is written is counted before it is on the disk: the wall is another one.
fn write_until_stopped(folder: &Path) -> String {
    let (path, piece) = (folder.join("written"), vec![7; STEP as usize]);
    let end = match File::create(&path) {
        Ok(mut file) => until_stopped(0, |_| file.write_all(&piece)),
        Err(error) => format!("stopped at 0 bytes: {error}"),
    };
    let _ = fs::remove_file(&path);
    end
}

/// Fills, keeps what it has, and says so when it gets more.
fn hold(folder: &Path) -> String {
    let Ok(file) = File::create(folder.join("held")) else { return "could not begin".into() };
    let mut at = 0;
    loop {
        let before = at;
        while allot(&file, at).is_ok() {
            at += STEP;
        }
        if at > before {
            println!("EXHAUST disk-hold has {at} bytes");
        }
        thread::sleep(Duration::from_millis(500));
    }
}

fn many_files(folder: &Path) -> String {
    let start = Instant::now();
    let mut made = 0u64;
    let outcome = fs::create_dir_all(folder).and_then(|()| {
        while start.elapsed() < FLOOD {
            File::create(folder.join(made.to_string()))?;
            made += 1;
        }
        Ok(())
    });
    let _ = fs::remove_dir_all(folder);
    outcome.map_or_else(|error: io::Error| format!("stopped at {made} files: {error}"), |()| format!("not stopped in time at {made} files"))
}

fn many_processes() -> String {
    let mut children: Vec<Child> = Vec::new();
    let start = Instant::now();
    let end = loop {
        match Command::new("/proc/self/exe").args(["exhaust", "sleep"]).stdout(Stdio::null()).spawn() {
            Ok(child) => children.push(child),
            Err(error) => break format!("stopped at {}: {error}", children.len()),
        }
        if start.elapsed() > Duration::from_secs(40) {
            break format!("NOT STOPPED at {}", children.len());
        }
    };
    for child in &mut children {
        let _ = child.kill();
        let _ = child.wait();
    }
    end
}

fn log_flood() -> String {
    let (start, line, mut lines) = (Instant::now(), "flood ".repeat(40), 0u64);
    let mut out = io::stdout().lock();
    while start.elapsed() < FLOOD && writeln!(out, "{line}").is_ok() {
        lines += 1;
    }
    format!("{lines} lines")
}

fn helper(kind: &str) -> io::Result<Child> {
    Command::new("/proc/self/exe").args(["exhaust", kind]).stdout(Stdio::null()).spawn()
}

fn processor() -> String {
    let mut children: Vec<Child> = (0..32).filter_map(|_| helper("cpu-worker").ok()).collect();
    thread::sleep(FLOOD);
    for child in &mut children {
        let _ = child.kill();
        let _ = child.wait();
    }
    format!("{} spun", children.len())
}

fn spin() -> String {
    let mut number = 0u64;
    loop {
        number = std::hint::black_box(number.wrapping_add(1));
    }
}

/// A helper of its own takes it, so that the one that tells is not the one that is ended.
fn memory() -> String {
    match helper("memory-worker").and_then(|mut child| child.wait()) {
        Ok(status) if status.success() => "NOT STOPPED: it has all that it asked for".to_owned(),
        Ok(status) => format!("the greedy process ended: {status}"),
        Err(error) => format!("stopped: {error}"),
    }
}

fn take_memory() -> String {
    let mut held = Vec::new();
    while held.len() < 4096 {
        held.push(vec![1u8; 4 << 20]);
    }
    format!("NOT STOPPED with {} pieces", held.len())
}
