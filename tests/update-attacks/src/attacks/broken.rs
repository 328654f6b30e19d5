//! Releases that their own publisher broke: signed as they are, and no image that starts. Firmware would refuse it after the boot loader has chosen it, and the machine would stand there.

use std::fs;

use ampoule_update::uki;
use anyhow::{Context as _, Result};

use super::names::publish;
use super::transport;
use crate::world::World;
use crate::{NEWEST, Outcome, Prepared};

/// Places in a file of [`crate::tiny_image`]: machine, where it begins, kind of program.
const MACHINE: usize = 0x40 + 4;
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

fn spoil(image: &mut [u8], at: usize) -> Result<()> {
    *image.get_mut(at).context("an image that ends early")? ^= 0xff;
    Ok(())
}

/// The newest repository with this change of its kernel image, signed again. Its length stays.
fn broken(world: &World, name: &str, change: fn(&mut Vec<u8>) -> Result<()>) -> Result<Prepared> {
    let repo = world.copy(&world.newest, name)?;
    let target = format!("ampoule-standalone-x86_64-{NEWEST}-uki.efi");
    let path = repo.join("targets").join(transport::file(&repo, &world.keys, &target)?);
    let mut image = fs::read(&path).with_context(|| path.display().to_string())?;
    change(&mut image)?;
    publish(world, &repo, |forge| forge.add_target(&target, &image))?;
    world.confront(&[], &repo, Outcome::Refused)
}
