//! Parameters of the kernel and of init at boot.

/// Longest key: `XBC_KEYLEN_MAX` of the kernel's boot configuration.
const LONGEST_KEY: usize = 255;

/// Longest value. The whole command line has 2048 bytes on x86, of which the image needs about half.
const LONGEST_VALUE: usize = 512;

/// What no setting may give the kernel, with `_` for `-`; a `.` at the end means every name that begins so.
const PROTECTED: &[(&str, &str)] = &[
    ("init", "it names the first program of the node"),
    ("rdinit", "it names the first program of the node"),
    ("root", "the root is the verified one"),
    ("rootfstype", "the root is the verified one"),
    ("rootflags", "the root is the verified one"),
    ("nfsroot", "the root is the verified one"),
    ("nfsrootdebug", "the root is the verified one"),
    ("ro", "the root is the verified one"),
    ("rw", "the root is the verified one"),
    ("dm_mod.", "it says how the root is verified"),
    ("dm_verity.", "it says how the root is verified"),
    ("md", "it makes block devices out of others before the root is found"),
    ("raid", "it makes block devices out of others before the root is found"),
    ("blkdevparts", "it moves partitions before the root is found"),
    ("initrd", "the node starts without a memory disk, so that none can be put under it"),
    ("initrdmem", "the node starts without a memory disk, so that none can be put under it"),
    ("noinitrd", "the node starts without a memory disk, so that none can be put under it"),
    ("retain_initrd", "the node starts without a memory disk, so that none can be put under it"),
    ("bootconfig", "parameters come from the settings alone"),
    ("lockdown", "lockdown is settings.kernel.lockdown"),
    ("lsm", "it takes security modules out of the kernel"),
    ("security", "it takes security modules out of the kernel"),
    ("selinux", "it takes security modules out of the kernel"),
    ("enforcing", "it takes security modules out of the kernel"),
    ("checkreqprot", "it weakens what security modules check"),
    ("apparmor", "it takes security modules out of the kernel"),
    ("landlock", "it takes security modules out of the kernel"),
    ("capability.", "it takes security modules out of the kernel"),
    ("yama.", "it takes security modules out of the kernel"),
    ("module.", "only modules signed for this kernel load"),
    ("initcall_blacklist", "it leaves parts of the kernel out, those that protect it among them"),
    ("sysctl.", "keys below /proc/sys are settings.kernel.sysctl"),
    ("sysrq_always_enabled", "its keys let whoever sits at the console change the kernel"),
    ("kgdboc", "a debugger can change the kernel"),
    ("kgdbdbgp", "a debugger can change the kernel"),
    ("kgdbwait", "a debugger can change the kernel"),
    ("kgdbcon", "a debugger can change the kernel"),
    ("ekgdboc", "a debugger can change the kernel"),
    ("debugfs", "a debugger's view of the kernel is closed"),
    ("iomem", "drivers' memory is not for programs"),
    ("acpi_rsdp", "tables of the firmware are code that the kernel runs"),
    ("acpi_no_auto_ssdt", "tables of the firmware are code that the kernel runs"),
    ("efivar_ssdt", "tables of the firmware are code that the kernel runs"),
    ("rodata", "the kernel's own memory stays read-only"),
    ("nokaslr", "a kernel at a known address is easier to take over"),
    ("kaslr", "a kernel at a known address is easier to take over"),
    ("clearcpuid", "it turns off what the processor protects the kernel with"),
    ("nosmep", "it turns off what the processor protects the kernel with"),
    ("nosmap", "it turns off what the processor protects the kernel with"),
    ("noexec", "it turns off what the processor protects the kernel with"),
    ("vsyscall", "a page of code at a known address helps an attacker"),
    ("hardened_usercopy", "the kernel checks what it copies"),
    ("init_on_alloc", "old content of memory could reach programs"),
    ("no_hash_pointers", "addresses of the kernel help an attacker"),
    ("hash_pointers", "addresses of the kernel help an attacker"),
    ("trace_event", "what the kernel does is not traced from its start"),
    ("ftrace", "what the kernel does is not traced from its start"),
    ("kprobe_event", "a probe can change the kernel"),
    ("panic_on_corruption", "the root is the verified one"),
];

/// Checks the name of a boot parameter: words of letters, digits, `-` and `_`, joined by dots, at most 255 characters in all
/// (`Documentation/admin-guide/bootconfig.rst`).
///
/// # Errors
/// What is wrong with it, for a person.
pub fn check_parameter_key(key: &str) -> Result<(), String> {
    if key.is_empty() || key.len() > LONGEST_KEY {
        return Err(format!("the name of a parameter has 1 to {LONGEST_KEY} characters"));
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if let Some(wrong) = key.chars().find(|c| !fits(*c)) {
        return Err(format!("the name of a parameter has only letters, digits, '-', '_' and dots between words, not {wrong:?}"));
    }
    // A word of dashes alone would end the kernel's parameters and begin those of init.
    match key.split('.').all(|word| word.contains(|c: char| c.is_ascii_alphanumeric())) {
        true => Ok(()),
        false => Err("every word of a parameter's name needs a letter or a digit".to_owned()),
    }
}

/// Checks the value of a boot parameter: at most 512 printable ASCII characters without `"`, for which the kernel's command
/// line knows no escape: a value with one could end its own quotes and go on as other parameters.
///
/// # Errors
/// What is wrong with it, for a person.
pub fn check_parameter_value(value: &str) -> Result<(), String> {
    if value.len() > LONGEST_VALUE {
        return Err(format!("the value of a parameter has at most {LONGEST_VALUE} characters"));
    }
    match value.chars().find(|c| *c == '"' || !(c.is_ascii_graphic() || *c == ' ')) {
        Some(wrong) => Err(format!("the value of a parameter has only printable ASCII characters and no '\"', not {wrong:?}")),
        None => Ok(()),
    }
}

/// Why no setting may give the kernel the parameter `name`, if none may. `-` and `_` are the same to the kernel, and so here.
#[must_use]
pub fn protected_parameter(name: &str) -> Option<&'static str> {
    let name = name.replace('-', "_");
    let names = |pattern: &str| match pattern.strip_suffix('.') {
        Some(module) => name == module || name.starts_with(pattern),
        None => name == pattern,
    };
    PROTECTED.iter().find(|(pattern, _)| names(pattern)).map(|(_, why)| *why)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_and_values() {
        for good in ["console", "module_blacklist", "intel-iommu.x", "a.b-c.d_e", "0"] {
            assert_eq!(check_parameter_key(good), Ok(()), "{good}");
        }
        for wrong in ["", ".a", "a.", "a..b", "a b", "a=b", "--", "-", "a.--", "ä", "\"", &"x".repeat(256)] {
            assert!(check_parameter_key(wrong).is_err(), "{wrong}");
        }
        for good in ["", "ttyS0,115200n8", "a b", "it's", "a=b", "--"] {
            assert_eq!(check_parameter_value(good), Ok(()), "{good}");
        }
        for wrong in ["\"", "x\" init=/sh \"", "a\nb", "ä", "\0", &"x".repeat(513)] {
            assert!(check_parameter_value(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_would_unseal_the_node_is_named() {
        let unsealing =
            ["init", "rdinit", "root", "dm-mod.create", "dm_mod.create", "lockdown", "selinux", "enforcing", "module.sig_enforce"];
        for name in unsealing.into_iter().chain(["module.sig-enforce", "sysctl.kernel.modprobe", "lsm", "initrd", "ro"]) {
            assert!(protected_parameter(name).is_some_and(|why| !why.is_empty()), "{name}");
        }
        for name in ["console", "mitigations", "module_blacklist", "hugepages", "panic", "isolcpus", "initx", "rootwait", "modules"] {
            assert_eq!(protected_parameter(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_spelling_gets_around_the_list(index in 0..PROTECTED.len(), dashes in any::<u32>()) {
            let name = PROTECTED[index].0.trim_end_matches('.');
            let spell = |(at, c): (usize, char)| if c == '_' && dashes >> (at % 32) & 1 == 1 { '-' } else { c };
            let spelt: String = name.chars().enumerate().map(spell).collect();
            prop_assert!(protected_parameter(&spelt).is_some(), "{}", spelt);
        }

        #[test]
        fn any_text_is_answered(text in "\\PC{0,40}") {
            let _ = (check_parameter_key(&text), check_parameter_value(&text), protected_parameter(&text));
        }
    }
}
