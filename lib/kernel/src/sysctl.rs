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
    ("kernel/sysrq", "its keys let whoever sits at the console change the kernel"),
    ("kernel/hostname", "the node's name is settings.network.hostname"),
    ("kernel/domainname", "the node's name is settings.network.hostname"),
];

/// What the image sets and no setting may set otherwise; the value it has is accepted, so that a list of wishes made for
/// another system can be taken over whole.
const FIXED: &[(&str, &str, &str)] = &[
    ("kernel/kptr_restrict", "2", "addresses of the kernel help an attacker"),
    ("kernel/dmesg_restrict", "1", "the kernel's log helps an attacker"),
    ("kernel/unprivileged_bpf_disabled", "1", "BPF without rights is a way into the kernel"),
    ("kernel/yama/ptrace_scope", "1", "one process could read another's memory"),
    ("kernel/randomize_va_space", "2", "programs at known addresses are easier to take over"),
    ("net/core/bpf_jit_harden", "2", "code made by BPF could be sprayed over the kernel"),
    ("fs/suid_dumpable", "0", "the memory of privileged programs would reach a core file"),
    ("fs/protected_hardlinks", "1", "links in shared folders are a way to other people's files"),
    ("fs/protected_symlinks", "1", "links in shared folders are a way to other people's files"),
    ("fs/protected_fifos", "2", "a program could write into somebody else's pipe"),
    ("fs/protected_regular", "2", "a program could write into somebody else's file"),
    ("vm/mmap_min_addr", "65536", "a null pointer in the kernel could be given a content"),
];

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
/// its own safety, no other value than that.
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
    match FIXED.iter().find(|(fixed, wanted, _)| *fixed == path && *wanted != value.trim()) {
        Some((_, wanted, why)) => Err(format!("the image keeps it at {wanted}: {why}")),
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
        for key in ["kernel.usermodehelper", "fs/binfmt_misc/register"] {
            assert!(protected_sysctl(key).is_some(), "{key}");
        }
        for key in ["net.ipv4.ip_forward", "vm.max_map_count", "kernel.modprobes", "kernel.pid_max", "user.max_user_namespaces"] {
            assert_eq!(protected_sysctl(key), None, "{key}");
        }
    }

    #[test]
    fn fixed_values_are_accepted_as_they_are_and_no_other() {
        assert_eq!(check_sysctl_value("kernel.kptr_restrict", "2"), Ok(()));
        assert_eq!(check_sysctl_value("kernel/kptr_restrict", " 2 "), Ok(()));
        assert!(check_sysctl_value("kernel.kptr_restrict", "0").is_err_and(|why| why.contains("keeps it at 2")));
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
        fn no_spelling_gets_around_the_list(index in 0..PROTECTED.len()) {
            let path = PROTECTED[index].0.trim_end_matches('/');
            prop_assert!(protected_sysctl(path).is_some());
            prop_assert!(protected_sysctl(&path.replace('/', ".")).is_some());
        }
    }
}
