//! Keys below `/proc/sys`.

/// Longest key.
const LONGEST_KEY: usize = 128;

/// Longest value, in bytes: one page, which is what the kernel takes in one write to most entries.
pub const MAX_SYSCTL_VALUE: usize = 4096;

/// What no setting may write, as paths below `/proc/sys`; `/` at the end means all below.
const PROTECTED: &[(&str, &str)] = &[
    ("kernel/modprobe", "the kernel runs the program named there as root"),
    ("kernel/core_pattern", "the kernel runs the program named there as root, and core files hold secrets"),
    ("kernel/hotplug", "the kernel runs the program named there as root"),
    ("kernel/poweroff_cmd", "the kernel runs the program named there as root"),
    ("kernel/usermodehelper/", "it sets the rights of programs that the kernel runs"),
    ("fs/binfmt_misc/", "it names programs that the kernel runs"),
    (
        "kernel/modules_disabled",
        "it cannot be taken back and would leave the node's own devices without drivers; use settings.kernel.modules",
    ),
    ("kernel/kexec_load_disabled", "this kernel cannot start another one, and that is not a choice of a setting"),
    ("kernel/kexec_load_limit_panic", "this kernel cannot start another one, and that is not a choice of a setting"),
    ("kernel/kexec_load_limit_reboot", "this kernel cannot start another one, and that is not a choice of a setting"),
    ("kernel/sysrq", "its keys let whoever sits at the console change the kernel, which has none"),
    ("vm/unprivileged_userfaultfd", "this kernel lets no program answer page faults, and that is not a choice of a setting"),
    ("kernel/hostname", "the node's name is settings.network.hostname"),
    ("kernel/domainname", "the node's name is settings.network.hostname"),
];

/// Entries that `init` sets or that the kernel was built with, and how far a setting may go: a value at least as strict is taken, so that a
/// list of wishes made for another system can be taken over whole. Here stands what opens the kernel, or one program to another; a test
/// (`tests/rules/tests/sysctls.rs`) has what `init` sets and operators may change, with the reasons.
const FIXED: &[Fixed] = &[
    only("kernel/kptr_restrict", 2, "addresses of the kernel help an attacker"),
    only("kernel/dmesg_restrict", 1, "the kernel's log helps an attacker"),
    // 2, which root could take back, is no stricter, and the kernel does not go there from 1.
    only("kernel/unprivileged_bpf_disabled", 1, "BPF without rights is a way into the kernel"),
    between("kernel/perf_event_paranoid", 3, i32::MAX, "counters of the processor tell one process about another"),
    between("kernel/io_uring_disabled", 1, 2, "the interface of the kernel with the most flaws found would be open to everybody"),
    only("kernel/io_uring_group", -1, "the interface of the kernel with the most flaws found would be open to that group"),
    only("kernel/panic_on_oops", 1, "a kernel that went wrong would go on, and an attacker could try again"),
    // Stricter ones exist, but the kernel takes them from CAP_SYS_PTRACE alone (`yama_dointvec_minmax`), which kernel-settings must not hold.
    only("kernel/yama/ptrace_scope", 1, "lower, one process could read another's memory; higher, nothing on the node may set it"),
    only("kernel/randomize_va_space", 2, "programs at known addresses are easier to take over"),
    only("dev/tty/ldisc_autoload", 0, "old drivers of terminals could be loaded by anybody"),
    only("dev/tty/legacy_tiocsti", 0, "a container could type into the terminal of who looks at it"),
    only("net/core/bpf_jit_harden", 2, "code made by BPF could be sprayed over the kernel"),
    only("fs/suid_dumpable", 0, "the memory of privileged programs would reach a core file"),
    only("fs/protected_hardlinks", 1, "links in shared folders are a way to other people's files"),
    only("fs/protected_symlinks", 1, "links in shared folders are a way to other people's files"),
    only("fs/protected_fifos", 2, "a program could write into somebody else's pipe"),
    only("fs/protected_regular", 2, "a program could write into somebody else's file"),
    // Raised by CAP_SYS_RAWIO alone (`mmap_min_addr_handler`), which nothing holds.
    only("vm/mmap_min_addr", 65536, "a null pointer in the kernel could be given a content"),
];

/// An entry and the values that are as strict as the image's, both ends included.
struct Fixed {
    path: &'static str,
    from: i32,
    to: i32,
    why: &'static str,
}

const fn only(path: &'static str, value: i32, why: &'static str) -> Fixed {
    between(path, value, value, why)
}

const fn between(path: &'static str, from: i32, to: i32, why: &'static str) -> Fixed {
    Fixed { path, from, to, why }
}

impl Fixed {
    /// Whether `value` means a number that is strict enough. Only as a person writes it: the kernel would read `010` as eight (`strtoul_lenient`,
    /// kernel/sysctl.c), and take the first of several numbers.
    fn takes(&self, value: &str) -> bool {
        value.parse().is_ok_and(|number: i32| number.to_string() == value && (self.from..=self.to).contains(&number))
    }

    /// The values it takes, for a person.
    fn range(&self) -> String {
        match (self.from, self.to) {
            (from, to) if from == to => from.to_string(),
            (from, i32::MAX) => format!("{from} or more"),
            (from, to) => format!("{from} to {to}"),
        }
    }
}

/// Checks the form of a key: 1–128 letters, digits, `.`, `/`, `_` and `-`; no `..`, no `.` or `/` at the beginning, and no
/// empty, `.` or `..` part once it is a path (sysctl.d(5)).
///
/// # Errors
/// What is wrong with it, for a person.
pub fn check_sysctl_key(key: &str) -> Result<(), String> {
    sysctl_path(key).map(drop)
}

/// The path below `/proc/sys` that a key means. If its first separator is a slash, dots are part of names; if it is a dot,
/// dots and slashes change roles, as sysctl.d(5) has it: `net.ipv4.conf.eth0/100.forwarding` is about the link `eth0.100`.
///
/// # Errors
/// What is wrong with the key, for a person.
pub fn sysctl_path(key: &str) -> Result<String, String> {
    check_characters(key)?;
    let path = if key.find(['.', '/']).is_some_and(|at| key[at..].starts_with('.')) { swapped(key) } else { key.to_owned() };
    match path.split('/').find(|part| matches!(*part, "" | "." | "..")) {
        Some(_) => Err("every part between two separators needs a name".to_owned()),
        None => Ok(path),
    }
}

fn check_characters(key: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '/' | '_' | '-');
    if key.is_empty() || key.len() > LONGEST_KEY {
        return Err(format!("a sysctl key has 1 to {LONGEST_KEY} characters"));
    }
    if let Some(wrong) = key.chars().find(|c| !fits(*c)) {
        return Err(format!("a sysctl key has only letters, digits, '.', '/', '_' and '-', not {wrong:?}"));
    }
    if key.starts_with(['.', '/']) || key.contains("..") {
        return Err("a sysctl key does not begin with '.' or '/' and has no '..'".to_owned());
    }
    Ok(())
}

fn swapped(key: &str) -> String {
    let swap = |c| match c {
        '.' => '/',
        '/' => '.',
        other => other,
    };
    key.chars().map(swap).collect()
}

/// Why no setting may write `key`, if none may. A key of the wrong form is not looked for: [`check_sysctl_key`] refuses it.
#[must_use]
pub fn protected_sysctl(key: &str) -> Option<&'static str> {
    let path = sysctl_path(key).ok()?;
    let names = |pattern: &str| match pattern.strip_suffix('/') {
        Some(folder) => path == folder || path.starts_with(pattern),
        None => path == pattern,
    };
    PROTECTED.iter().find(|(pattern, _)| names(pattern)).map(|(_, why)| *why)
}

/// Checks what is to be written to `key`: one line of at most [`MAX_SYSCTL_VALUE`] bytes, and, for what the image sets for
/// its own safety, a value at least as strict.
///
/// # Errors
/// What is wrong with it, for a person.
pub fn check_sysctl_value(key: &str, value: &str) -> Result<(), String> {
    if value.len() > MAX_SYSCTL_VALUE {
        return Err(format!("a sysctl value has at most {MAX_SYSCTL_VALUE} bytes"));
    }
    if let Some(wrong) = value.chars().find(|c| c.is_control() && *c != '\t') {
        return Err(format!("a sysctl value is one line of text, without {wrong:?}"));
    }
    let path = sysctl_path(key)?;
    match FIXED.iter().find(|fixed| fixed.path == path && !fixed.takes(value.trim())) {
        Some(fixed) => Err(format!("the image keeps it at {}: {}", fixed.range(), fixed.why)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_separator_says_what_the_others_mean() {
        let paths = [
            ("net.ipv4.ip_forward", "net/ipv4/ip_forward"),
            ("net/ipv4/ip_forward", "net/ipv4/ip_forward"),
            ("net.ipv4.conf.eth0/100.forwarding", "net/ipv4/conf/eth0.100/forwarding"),
            ("net/ipv4/conf/eth0.100/forwarding", "net/ipv4/conf/eth0.100/forwarding"),
            ("lonely", "lonely"),
        ];
        for (key, path) in paths {
            assert_eq!(sysctl_path(key).as_deref(), Ok(path));
        }
    }

    #[test]
    fn wrong_keys_are_refused() {
        let long = "x".repeat(129);
        for wrong in ["", ".a", "/a", "a..b", "a b", "a\n", "ä", "a/", "a.", "a//b", "a.//.b", "a/./b", "a./.b", &long] {
            assert!(check_sysctl_key(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_would_break_the_seal_is_named() {
        for key in ["kernel.modprobe", "kernel/modprobe", "kernel.core_pattern", "kernel.usermodehelper.bset", "kernel.kexec_load_disabled"]
        {
            assert!(protected_sysctl(key).is_some_and(|why| !why.is_empty()), "{key}");
        }
        for key in ["kernel.usermodehelper", "fs/binfmt_misc/register", "kernel.sysrq", "vm.unprivileged_userfaultfd"] {
            assert!(protected_sysctl(key).is_some(), "{key}");
        }
        for key in ["net.ipv4.ip_forward", "vm.max_map_count", "kernel.modprobes", "kernel.pid_max", "user.max_user_namespaces"] {
            assert_eq!(protected_sysctl(key), None, "{key}");
        }
    }

    #[test]
    fn what_is_as_strict_is_taken_and_nothing_else() {
        let taken = [
            ("kernel.kptr_restrict", "2"),
            ("kernel/kptr_restrict", " 2 "),
            ("kernel.perf_event_paranoid", "3"),
            ("kernel.perf_event_paranoid", "4"),
            ("kernel.yama.ptrace_scope", "1"),
            ("kernel.io_uring_disabled", "2"),
            ("kernel.io_uring_group", "-1"),
            ("vm.mmap_min_addr", "65536"),
        ];
        for (key, value) in taken {
            assert_eq!(check_sysctl_value(key, value), Ok(()), "{key} = {value}");
        }
        let refused = [
            ("kernel.kptr_restrict", "0", "keeps it at 2: addresses"),
            ("kernel.perf_event_paranoid", "2", "keeps it at 3 or more: counters"),
            ("kernel.yama.ptrace_scope", "0", "keeps it at 1: lower, one process"),
            ("kernel.io_uring_disabled", "0", "keeps it at 1 to 2: "),
            ("kernel.io_uring_group", "0", "keeps it at -1: "),
            ("kernel.unprivileged_bpf_disabled", "2", "keeps it at 1: "),
            ("kernel.panic_on_oops", "0", "keeps it at 1: "),
            ("dev.tty.ldisc_autoload", "1", "keeps it at 0: "),
            ("vm.mmap_min_addr", "4096", "keeps it at 65536: "),
        ];
        for (key, value, why) in refused {
            assert!(check_sysctl_value(key, value).is_err_and(|error| error.contains(why)), "{key} = {value}");
        }
    }

    /// What the kernel would read as another number, or as several.
    #[test]
    fn a_fixed_value_is_one_number_as_a_person_writes_it() {
        for value in ["010", "0x3", "+3", "3 0", "3\t0", "-3", "", "three", "99999999999", "03", "٣"] {
            assert!(check_sysctl_value("kernel.perf_event_paranoid", value).is_err(), "{value:?}");
        }
    }

    #[test]
    fn other_values_are_one_line() {
        assert_eq!(check_sysctl_value("net.ipv4.tcp_wmem", "4096\t16384 4194304"), Ok(()));
        assert!(check_sysctl_value("vm.x", "1\n2").is_err());
        assert!(check_sysctl_value("vm.x", &"1".repeat(MAX_SYSCTL_VALUE + 1)).is_err());
    }

    proptest! {
        #[test]
        fn no_key_leaves_proc_sys(key in "[a-z./]{1,16}|\\PC{0,20}") {
            if let Ok(path) = sysctl_path(&key) {
                prop_assert!(path.split('/').all(|part| !part.is_empty() && part != "." && part != ".."));
                prop_assert!(path.len() == key.len());
            }
        }

        #[test]
        fn a_path_is_a_key_of_itself(key in "[a-z]{1,3}(/[a-z.]{1,6}){1,4}") {
            if let Ok(path) = sysctl_path(&key) {
                prop_assert_eq!(sysctl_path(&path), Ok(path.clone()));
                prop_assert_eq!(protected_sysctl(&path), protected_sysctl(&key));
            }
        }

        #[test]
        fn no_spelling_of_a_key_or_number_weakens(index in 0..FIXED.len(), number in prop_oneof![-3i32..6, any::<i32>()], form in 0..4u8) {
            let fixed = &FIXED[index];
            let value = match form { 0 => number.to_string(), 1 => format!(" {number}\t"), 2 => format!("0{number}"), _ => format!("{number:#x}") };
            let strict = (fixed.from..=fixed.to).contains(&number);
            for key in [fixed.path.to_owned(), fixed.path.replace('/', ".")] {
                prop_assert_eq!(check_sysctl_value(&key, &value).is_ok(), form < 2 && strict);
            }
        }

        #[test]
        fn no_spelling_gets_around_the_list(index in 0..PROTECTED.len()) {
            let path = PROTECTED[index].0.trim_end_matches('/');
            prop_assert!(protected_sysctl(path).is_some());
            prop_assert!(protected_sysctl(&path.replace('/', ".")).is_some());
        }
    }
}
