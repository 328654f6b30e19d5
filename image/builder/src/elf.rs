//! What the headers of an ELF file promise about it.

use crate::manifest::Executable;
use anyhow::Context;
use goblin::elf::program_header::{PF_W, PF_X, PT_GNU_RELRO, PT_GNU_STACK, PT_INTERP, PT_LOAD};
use goblin::elf::{Elf, ProgramHeader, dynamic, header};

/// Whether the bytes are an ELF file.
pub(crate) fn is_elf(bytes: &[u8]) -> bool {
    bytes.starts_with(header::ELFMAG)
}

/// Judges an executable. `mode` is its permission bits.
pub(crate) fn judge(path: &str, bytes: &[u8], mode: u32) -> anyhow::Result<Executable> {
    let elf = Elf::parse(bytes).with_context(|| format!("{path} has broken ELF headers"))?;
    let has = |kind| elf.program_headers.iter().any(|p| p.p_type == kind);
    let stack = elf.program_headers.iter().find(|p| p.p_type == PT_GNU_STACK);
    Ok(Executable {
        path: path.to_owned(),
        size: bytes.len() as u64,
        is_static: !has(PT_INTERP) && elf.libraries.is_empty(),
        pie: elf.header.e_type == header::ET_DYN,
        full_relro: has(PT_GNU_RELRO) && binds_now(&elf),
        nx: stack.is_some_and(|p| p.p_flags & PF_X == 0),
        fixed_code: !elf.program_headers.iter().any(is_writable_code) && !relocates_code(&elf),
        setuid: mode & 0o6000 != 0,
    })
}

fn is_writable_code(part: &ProgramHeader) -> bool {
    part.p_type == PT_LOAD && part.p_flags & (PF_W | PF_X) == PF_W | PF_X
}

/// Whether the loader would have to write to code (`DT_TEXTREL`).
fn relocates_code(elf: &Elf) -> bool {
    let mut entries = elf.dynamic.iter().flat_map(|d| &d.dyns);
    entries.any(|d| d.d_tag == dynamic::DT_TEXTREL || d.d_tag == dynamic::DT_FLAGS && d.d_val & dynamic::DF_TEXTREL != 0)
}

/// Whether all relocations are done before the program runs, so that RELRO covers them all.
fn binds_now(elf: &Elf) -> bool {
    let entries = elf.dynamic.iter().flat_map(|d| &d.dyns);
    let mut entries = entries.map(|d| (d.d_tag, d.d_val));
    entries.any(|(tag, value)| match tag {
        dynamic::DT_BIND_NOW => true,
        dynamic::DT_FLAGS => value & dynamic::DF_BIND_NOW != 0,
        dynamic::DT_FLAGS_1 => value & dynamic::DF_1_NOW != 0,
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_test_is_a_program_with_an_interpreter() {
        let path = std::env::current_exe().expect("a path");
        let bytes = std::fs::read(path).expect("read");
        assert!(is_elf(&bytes));
        let found = judge("/usr/bin/x", &bytes, 0o104755).expect("judged");
        assert!(found.pie && found.nx && found.full_relro && found.fixed_code && found.setuid && !found.is_static, "{found:?}");
    }

    #[test]
    fn code_that_can_be_written_is_seen() {
        let mut part = ProgramHeader { p_type: PT_LOAD, p_flags: PF_X, ..ProgramHeader::default() };
        assert!(!is_writable_code(&part));
        part.p_flags |= PF_W;
        assert!(is_writable_code(&part));
    }

    #[test]
    fn broken_headers_are_an_error() {
        assert!(judge("/usr/bin/x", b"\x7fELF\x02\x01\x01", 0o755).is_err());
    }
}
