//! `boot`: what the kernel and init are told at boot.

use crate::checked_text::checked_text;
use crate::key::Key;
use crate::namespace::namespace;

namespace! {
    /// What the kernel and init are told at boot. `kernel-parameters` and `init-parameters` are other names of `kernel` and `init`.
    Boot "boot"
    keys {
        /// Whether the node restarts by itself, while it boots, when what it was started with differs from these settings.
        reboot_to_reconcile "reboot-to-reconcile": bool, "true";
    }
    maps {
        /// A parameter of the kernel and its values, each of which stands on the command line once; an empty list stands for the name alone.
        kernel "kernel": KernelParameter => Vec<ParameterValue>, "console" = r#"["tty0", "ttyS1,115200n8"]"#;
        /// A parameter of init and its values.
        init "init": ParameterName => Vec<ParameterValue>, "log-level" = r#"["debug"]"#;
    }
}

checked_text! {
    /// The name of a parameter of the kernel that the image does not need for its own safety.
    KernelParameter = check_kernel_parameter, "words of letters, digits, `-` and `_`, joined by dots";
    /// The name of a parameter of init.
    ParameterName = ampoule_kernel::check_parameter_key, "words of letters, digits, `-` and `_`, joined by dots";
    /// The value of a parameter.
    ParameterValue = ampoule_kernel::check_parameter_value, "printable ASCII without `\"`";
}

fn check_kernel_parameter(name: &str) -> Result<(), String> {
    ampoule_kernel::check_parameter_key(name)?;
    ampoule_kernel::protected_parameter(name).map_or(Ok(()), |why| Err(format!("the node keeps this one: {why}")))
}

/// Bottlerocket's longer names.
pub(crate) const ALIASES: &[Key] = &[
    Key::of::<Vec<ParameterValue>>("boot.kernel-parameters.*", "Another name of `boot.kernel`.", r#"["tty0", "ttyS1,115200n8"]"#)
        .named::<KernelParameter>()
        .example_name("console")
        .alias_of("boot.kernel.*"),
    Key::of::<Vec<ParameterValue>>("boot.init-parameters.*", "Another name of `boot.init`.", r#"["debug"]"#)
        .named::<ParameterName>()
        .example_name("log-level")
        .alias_of("boot.init.*"),
];
