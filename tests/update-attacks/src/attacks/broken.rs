//! Releases that their own publisher broke: signed as they are, and no image that starts. One that firmware refuses after the boot loader has chosen it costs its tries, and the first
//! stage starts the machine anew; a boot loader that firmware refuses leaves a machine that starts nothing.

use std::fs;

use ampoule_update::uki;
use anyhow::{Context as _, Result};

use super::names::publish;
use super::transport;
use crate::world::World;
use crate::{NEWEST, Outcome, Prepared};

/// Places in a file of [`crate::tiny_image`]: machine, where it begins, kind of program.
const MACHINE: usize = 0x40 + 4;
const ARM: [u8; 2] = 0xaa64u16.to_le_bytes();
const ENTRY: usize = 0x40 + 24 + 16;
const SUBSYSTEM: usize = 0x40 + 24 + 68;

pub(super) fn kernel_image_for_another_machine(world: &World) -> Result<Prepared> {
    broken(world, "machine", |image| spoil(image, MACHINE))
}

pub(super) fn kernel_image_that_is_no_program(world: &World) -> Result<Prepared> {
    broken(world, "subsystem", |image| spoil(image, SUBSYSTEM))
}

pub(super) fn kernel_image_that_begins_outside(world: &World) -> Result<Prepared> {
    broken(world, "entry", |image| spoil(image, ENTRY + 3))
}

pub(super) fn kernel_in_the_image_that_is_no_program(world: &World) -> Result<Prepared> {
    broken(world, "kernel", |image| {
        let start = uki::kernel(image)?.start;
        spoil(image, start + SUBSYSTEM)
    })
}

pub(super) fn loader_that_is_no_program(world: &World) -> Result<Prepared> {
    broken_loader(world, "loader", |loader| spoil(loader, 0))
}

pub(super) fn loader_for_another_machine(world: &World) -> Result<Prepared> {
    broken_loader(world, "loader-machine", |loader| {
        loader.get_mut(MACHINE..MACHINE + 2).context("a loader that ends early")?.copy_from_slice(&ARM);
        Ok(())
    })
}

fn spoil(image: &mut [u8], at: usize) -> Result<()> {
    *image.get_mut(at).context("an image that ends early")? ^= 0xff;
    Ok(())
}

type Change = fn(&mut Vec<u8>) -> Result<()>;

fn broken(world: &World, name: &str, change: Change) -> Result<Prepared> {
    broken_file(world, name, "uki.efi", change)
}

fn broken_loader(world: &World, name: &str, change: Change) -> Result<Prepared> {
    broken_file(world, name, "loader.efi", change)
}

/// The newest repository with this change of a file of its image, signed again. Its length stays.
fn broken_file(world: &World, name: &str, file: &str, change: Change) -> Result<Prepared> {
    let repo = world.copy(&world.newest, name)?;
    let target = format!("ampoule-standalone-x86_64-{NEWEST}-{file}");
    let path = repo.join("targets").join(transport::file(&repo, &world.keys, &target)?);
    let mut bytes = fs::read(&path).with_context(|| path.display().to_string())?;
    change(&mut bytes)?;
    publish(world, &repo, |forge| forge.add_target(&target, &bytes))?;
    world.confront(&[], &repo, Outcome::Refused)
}
