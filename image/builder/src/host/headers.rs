//! The headers that programs' C code is compiled with: those of the C library, of the kernel and of the compiler itself.

use crate::tool::Tool;
use anyhow::Context;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Every header that C code of a package asks for; those that they ask for come with them. A build ends when its compilers read others.
const ASKED_FOR: &[&str] = &[
    "asm/unistd.h",
    "assert.h",
    "elf.h",
    "endian.h",
    "errno.h",
    "fcntl.h",
    "grp.h",
    "immintrin.h",
    "inttypes.h",
    "limits.h",
    "linux/audit.h",
    "linux/close_range.h",
    "linux/falloc.h",
    "linux/limits.h",
    "linux/netlink.h",
    "linux/prctl.h",
    "linux/seccomp.h",
    "linux/socket.h",
    "linux/types.h",
    "pthread.h",
    "sched.h",
    "setjmp.h",
    "signal.h",
    "stdalign.h",
    "stdarg.h",
    "stdbool.h",
    "stddef.h",
    "stdint.h",
    "stdio.h",
    "stdlib.h",
    "string.h",
    "strings.h",
    "sys/ioctl.h",
    "sys/mman.h",
    "sys/prctl.h",
    "sys/select.h",
    "sys/socket.h",
    "sys/types.h",
    "sys/wait.h",
    "time.h",
    "unistd.h",
];

/// Where compilers look by themselves and no header of the lock lies.
const ALSO_SEARCHED: &str = "/usr/local/include";

/// How code is compiled decides which headers the asked for ones ask for (feature_test_macros(7)).
const WAYS: [&[&str]; 2] = [&["-O2"], &["-O2", "-D_GNU_SOURCE"]];

/// What a header's place is cut into: where the compiler looks, and the name it is asked for by.
const ROOT_END: &str = "/include/";

/// The files, under their names below the folder that the compiler finds them in, in a fixed order.
pub(super) fn files() -> anyhow::Result<Vec<(String, PathBuf)>> {
    let mut files = BTreeSet::new();
    for how in WAYS {
        let rule = preprocessed(&[&["-M"][..], how].concat(), ASKED_FOR)?;
        let words = rule.split([' ', '\n', '\\']);
        files.extend(words.filter_map(|word| Some((word.rsplit_once(ROOT_END)?.1.to_owned(), PathBuf::from(word)))));
    }
    Ok(files.into_iter().collect())
}

/// The release of the kernel whose headers these are.
pub(super) fn kernel_release() -> anyhow::Result<String> {
    release_in(&preprocessed(&["-dM", "-E"], &["linux/version.h"])?)
}

fn release_in(macros: &str) -> anyhow::Result<String> {
    let number = |name: &str| {
        let start = format!("#define LINUX_VERSION_{name} ");
        macros.lines().find_map(|line| line.strip_prefix(&start)).with_context(|| format!("linux/version.h has no LINUX_VERSION_{name}"))
    };
    Ok(format!("{}.{}.{}", number("MAJOR")?, number("PATCHLEVEL")?, number("SUBLEVEL")?))
}

/// What the compiler makes of a file that has these headers alone, with all that they declare.
fn preprocessed(how: &[&str], headers: &[&str]) -> anyhow::Result<String> {
    let included = headers.iter().flat_map(|name| ["-include", name]);
    Tool::new("gcc").args(how).args(included).args(["-x", "c", "/dev/null"]).output()
}

/// What the compilers of one build read.
pub(crate) struct Record {
    file: PathBuf,
}

impl Record {
    /// A new one, in the file of the package's scratch directory that is for it; `out` is what is made there.
    pub(crate) fn beside(out: &Path) -> Self {
        Self { file: out.with_file_name("headers-read") }
    }

    /// Makes gcc write into it, wherever it is started below a tool with this variable (GCC manual, "Environment Variables"). The word after the
    /// file is a name that make would need.
    pub(crate) fn variable(&self) -> (&'static str, String) {
        ("SUNPRO_DEPENDENCIES", format!("{} read", self.file.display()))
    }

    /// Refuses a header that the compiler found by itself and that is not in the lock.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        // Without the file no C was compiled.
        let read = std::fs::read_to_string(&self.file).unwrap_or_default();
        let unlocked = beside(&read, &files()?);
        anyhow::ensure!(
            unlocked.is_empty(),
            "C code includes headers that are not in the lock: {unlocked:?}\nAdd them to the list in image/builder/src/host/headers.rs, then `./ampoule lock update c-headers`."
        );
        Ok(())
    }
}

/// The files among what was read that lie where compilers look by themselves and are not `known`.
fn beside(read: &str, known: &[(String, PathBuf)]) -> BTreeSet<PathBuf> {
    let roots = known.iter().filter_map(|(_, path)| Some(path.to_str()?.rsplit_once(ROOT_END)?.0)).map(|dir| format!("{dir}{ROOT_END}"));
    let roots: BTreeSet<String> = roots.chain([format!("{ALSO_SEARCHED}/")]).collect();
    let searched = read.split([' ', '\n', '\\']).filter(|word| roots.iter().any(|root| word.starts_with(root.as_str())));
    // Compilers that run at once write into one file: what is no file is half a line of one and half of another.
    searched.map(PathBuf::from).filter(|path| !known.iter().any(|(_, known)| known == path) && Path::is_file(path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether what compiling this reads is in the lock.
    fn check(source: &str) -> anyhow::Result<()> {
        let dir = tempfile::tempdir().expect("a directory");
        let (record, file) = (Record::beside(&dir.path().join("out")), dir.path().join("program.c"));
        std::fs::write(&file, source).expect("written");
        let (name, value) = record.variable();
        Tool::new("gcc").env(name, value).arg("-c").arg(&file).arg("-o").arg(dir.path().join("out")).output().expect("compiled");
        assert!(record.file.is_file(), "nothing was recorded");
        record.check()
    }

    #[test]
    fn headers_of_the_lock_are_taken_and_others_are_named() {
        check("#include <stdio.h>\n#include <sys/socket.h>\n#include <linux/netlink.h>\n").expect("all of them are in the lock");
        let refused = check("#include <stdio.h>\n#include <ftw.h>\n").expect_err("ftw.h is not").to_string();
        assert!(refused.contains("/ftw.h") && !refused.contains("stdio.h"), "{refused}");
    }

    #[test]
    fn the_headers_are_there_with_those_that_they_ask_for() {
        let files = files().expect("found");
        let has = |name: &str| files.iter().any(|(n, path)| n == name && path.is_file());
        assert!(ASKED_FOR.iter().all(|name| has(name) || files.iter().any(|(n, _)| n.ends_with(&format!("/{name}")))), "{files:?}");
        assert!(has("features.h") && has("asm-generic/errno.h") && has("stdint.h"), "{files:?}");
    }

    #[test]
    fn the_release_of_the_kernel_is_told_by_its_numbers() {
        let macros = "#define LINUX_VERSION_MAJOR 6\n#define X 1\n#define LINUX_VERSION_SUBLEVEL 187\n#define LINUX_VERSION_PATCHLEVEL 1\n";
        assert_eq!(release_in(macros).expect("told"), "6.1.187");
        assert!(release_in("#define LINUX_VERSION_MAJOR 6\n").is_err());
    }
}
