//! What this program is started for, told by how it is called.
//!
//! The kernel starts programs by itself for a few reasons: a module that is missing (Linux, `kernel/module/kmod.c`), a core
//! dump to a pipe (`fs/coredump.c`), a `release_agent` of an old cgroup hierarchy, the end of an overheated machine
//! (`kernel/reboot.c`). Writing a path into such a place has let containers run their own program as root on the host. This
//! kernel starts nothing but this program (`CONFIG_STATIC_USERMODEHELPER_PATH`), with the arguments that were meant for the
//! other; what is not listed here is refused.

use crate::library::ModloadError;
use ampoule_initctl::InitClient;

/// Why this program was started.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// By `init`, to serve.
    Service,
    /// By the kernel, which lacks this module or alias.
    Module(String),
    /// By the kernel, which wants the machine to end in order.
    End(End),
    /// By the kernel on behalf of somebody: refused.
    Other,
}

/// How the machine is to end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Off.
    PowerOff,
    /// Off and on again.
    Reboot,
}

impl Wanted {
    /// By the arguments, the program's name first.
    pub(crate) fn by(arguments: &[String]) -> Self {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        match arguments.as_slice() {
            ["/usr/bin/modload", "serve"] => Self::Service,
            ["/usr/bin/modload", "-q", "--", name] => Self::Module((*name).to_owned()),
            ["/sbin/poweroff"] => Self::End(End::PowerOff),
            ["/sbin/reboot"] => Self::End(End::Reboot),
            _ => Self::Other,
        }
    }
}

impl End {
    /// Asks `init` for it.
    pub(crate) fn ask(&self) -> Result<(), ModloadError> {
        let init = InitClient::connect().map_err(ModloadError::Init)?;
        match self {
            Self::PowerOff => init.poweroff(),
            Self::Reboot => init.reboot(),
        }
        .map_err(ModloadError::Init)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(arguments: &[&str]) -> Wanted {
        Wanted::by(&arguments.iter().map(|argument| (*argument).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn what_the_kernel_and_init_want_is_done() {
        assert_eq!(by(&["/usr/bin/modload", "-q", "--", "net-pf-10"]), Wanted::Module("net-pf-10".into()));
        assert_eq!(by(&["/usr/bin/modload", "-q", "--", "-odd"]), Wanted::Module("-odd".into()));
        assert_eq!(by(&["/usr/bin/modload", "serve"]), Wanted::Service);
        assert_eq!(by(&["/sbin/poweroff"]), Wanted::End(End::PowerOff));
        assert_eq!(by(&["/sbin/reboot"]), Wanted::End(End::Reboot));
    }

    #[test]
    fn what_somebody_wrote_into_a_pattern_is_not() {
        for arguments in [
            &["/nonexistent"][..],
            &["/tmp/escape", "serve"],
            &["/usr/bin/modload"],
            &["/usr/bin/modload", "-q", "--", "a", "b"],
            &["/sbin/poweroff", "now"],
            &["/release_agent", "/cgroup"],
            &[],
        ] {
            assert_eq!(by(arguments), Wanted::Other, "{arguments:?}");
        }
    }
}
