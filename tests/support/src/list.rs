//! A program under test may make the system calls that it may make on a node, and no others: a rare path that its list forgot ends the test.

use std::{
    env,
    os::unix::process::{CommandExt, ExitStatusExt},
    path::Path,
    process::{Child, Command, ExitStatus},
    thread,
};

use ampoule_sys::seccomp::{Filter, restrict};
use ampoule_syscalls::{List, Otherwise};

/// `SIGSYS`, with which the kernel ends a program that made another call.
const BAD_CALL: i32 = 31;
/// What [`become_program`] is told: a list, and the words of a command, one a line.
const LIST: &str = "AMPOULE_TEST_LIST";
const WORDS: &str = "AMPOULE_TEST_WORDS";

/// Puts `policy/seccomp/NAME.json` into force for what `command` starts. See [`not_by_its_list`].
///
/// # Panics
/// There is no such list.
pub fn under_list(command: &mut Command, name: &str) {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let list = List::read(&own.join("../../policy/seccomp"), name).expect("a list");
    let list = list.and(List::read(own, "loader").expect("the loader's list"));
    let program = list.compile(Otherwise::Kill).expect("a program of the kernel's");
    restrict(command, Filter::read(&program).expect("a whole program"));
}

/// How a program ended, which must not be by its list.
///
/// # Panics
/// It made a call that is not on its list.
#[must_use]
pub fn not_by_its_list(status: ExitStatus) -> ExitStatus {
    assert_ne!(
        status.signal(),
        Some(BAD_CALL),
        "it made a system call that its list in policy/seccomp does not have; `strace -f` of the test tells which (the last before SIGSYS)"
    );
    status
}

/// Ends a daemon under test.
///
/// # Panics
/// It was ended before, by its list.
pub fn end(child: &mut Child) {
    // A panic in a panic would end all tests without a word.
    if let Some(status) = child.try_wait().ok().flatten().filter(|_| !thread::panicking()) {
        let _ = not_by_its_list(status);
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// The same command, under a list, in a mount namespace that `script` (`sh`) has changed: small disks, other name servers. Whoever uses it has an ignored test
/// `become_program` at the root of its tests, which calls [`become_program`].
///
/// # Panics
/// This program cannot be found.
#[must_use]
pub fn in_own_mounts(script: &str, inner: &Command, list: &str) -> Command {
    let me = env::current_exe().expect("this program");
    let words: Vec<_> = [inner.get_program()].into_iter().chain(inner.get_args()).map(|word| word.to_string_lossy()).collect();
    let mut outer = Command::new("unshare");
    let script = format!("{script} && exec \"$0\" become_program --exact --ignored --nocapture");
    outer.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script]).arg(me);
    outer.env(LIST, list).env(WORDS, words.join("\n"));
    outer
}

/// Becomes the program that [`in_own_mounts`] names; without one it does nothing.
///
/// # Panics
/// It cannot be started.
pub fn become_program() {
    let (Ok(list), Ok(words)) = (env::var(LIST), env::var(WORDS)) else { return };
    let mut words = words.lines();
    let mut command = Command::new(words.next().expect("a program"));
    command.args(words).env_remove(LIST).env_remove(WORDS);
    under_list(&mut command, &list);
    panic!("not started: {}", command.exec());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(program: &str, words: &[&str]) -> ExitStatus {
        let mut command = Command::new(program);
        under_list(command.args(words), "program");
        command.status().expect("started")
    }

    #[test]
    fn what_is_on_the_list_works_and_what_is_not_kills() {
        assert!(not_by_its_list(run("/bin/true", &[])).success());
        // An IPv4 socket: `connect` is on this list, `socket` for the network is not.
        let status = run("/bin/bash", &["-c", "exec 3<>/dev/tcp/127.0.0.1/1"]);
        assert_eq!(status.signal(), Some(BAD_CALL), "{status}");
    }

    #[test]
    #[should_panic(expected = "its list in policy/seccomp")]
    fn an_end_by_the_list_is_no_end() {
        let _ = not_by_its_list(ExitStatus::from_raw(BAD_CALL));
    }
}
