//! The kernel's command line.

use crate::{TableError, VerityTable};
use std::fmt;
use std::str::FromStr;

/// What the kernel is told: a console, how to find and verify its root, and what to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// Terminal device of the console, without `/dev/`.
    pub console: String,
    /// The verified root.
    pub root: VerityTable,
    /// Words for this machine only, such as a debug switch; without spaces or quotes.
    pub extra: Vec<String>,
}

/// The text is not a command line of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandLineError {
    /// A word that must be there is missing.
    #[error("kernel command line: {0} is missing")]
    Missing(&'static str),
    /// The table of the root is wrong.
    #[error("kernel command line: {0}")]
    Table(#[from] TableError),
}

/// Between console and table: no chatter; reboot ten seconds after a panic so that a person can read it; no test of the
/// timer's wiring, which fails in an emulator on a busy machine (the kernel skips it by itself under other hypervisors);
/// a kernel that even root cannot change; and free pages in random order.
const BEFORE: &str = "quiet panic=10 no_timer_check lockdown=integrity page_alloc.shuffle=1";
const AFTER: &str = "root=/dev/dm-0 rootfstype=erofs ro init=/usr/bin/init";
const TABLE: &str = "dm-mod.create=\"";

impl CommandLine {
    /// The command line of an image for a virtual machine.
    pub fn new(root: VerityTable) -> Self {
        Self { console: "ttyS0".to_owned(), root, extra: Vec::new() }
    }
}

impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "console={} {BEFORE} {TABLE}{}\" {AFTER}", self.console, self.root)?;
        self.extra.iter().try_for_each(|word| write!(f, " {word}"))
    }
}

impl FromStr for CommandLine {
    type Err = CommandLineError;

    fn from_str(text: &str) -> Result<Self, CommandLineError> {
        let (before, rest) = text.trim_end().split_once(TABLE).ok_or(CommandLineError::Missing("dm-mod.create="))?;
        let (table, after) = rest.split_once('"').ok_or(CommandLineError::Missing("the closing quote of dm-mod.create="))?;
        let (console, before) = before.trim_end().split_once(' ').ok_or(CommandLineError::Missing(BEFORE))?;
        let console = console.strip_prefix("console=").ok_or(CommandLineError::Missing("console="))?.to_owned();
        if before != BEFORE {
            return Err(CommandLineError::Missing(BEFORE));
        }
        let extra = after.trim_start().strip_prefix(AFTER).ok_or(CommandLineError::Missing(AFTER))?;
        let extra = extra.split(' ').filter(|w| !w.is_empty()).map(str::to_owned).collect();
        Ok(Self { console, root: table.parse()?, extra })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RootHash;
    use proptest::prelude::*;

    fn line() -> CommandLine {
        CommandLine::new(VerityTable::for_image(RootHash::from_bytes([7; 32]), 11))
    }

    #[test]
    fn it_is_the_line_of_the_contract() {
        let text = line().to_string();
        assert!(
            text.starts_with(
                "console=ttyS0 quiet panic=10 no_timer_check lockdown=integrity page_alloc.shuffle=1 dm-mod.create=\"root,,,ro,0 88 verity"
            ),
            "{text}"
        );
        assert!(text.ends_with("\" root=/dev/dm-0 rootfstype=erofs ro init=/usr/bin/init"), "{text}");
    }

    #[test]
    fn it_fits_the_kernels_buffer() {
        // COMMAND_LINE_SIZE on x86 is 2048; a test machine may add words of its own.
        assert!(line().to_string().len() < 1024);
    }

    #[test]
    fn a_line_without_lockdown_is_refused() {
        assert!(line().to_string().replace(" lockdown=integrity", "").parse::<CommandLine>().is_err());
    }

    proptest! {
        #[test]
        fn what_is_printed_parses(console in "[a-z]{1,8}[0-9,]{0,8}", blocks in 0u64..1 << 40, extra in prop::collection::vec("[a-z.]{1,9}(=[a-z0-9]{0,9})?", 0..4)) {
            let line = CommandLine { console, root: VerityTable::for_image(RootHash::from_bytes([7; 32]), blocks), extra };
            prop_assert_eq!(line.to_string().parse::<CommandLine>(), Ok(line));
        }

        #[test]
        fn any_text_is_answered(text in "\\PC{0,200}") {
            let _ = text.parse::<CommandLine>();
        }
    }
}
