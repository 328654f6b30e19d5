//! Files that services need soon are read while others start: a page of the root is read, verified and unpacked once, and early in a boot there is a processor to spare for it.

use crate::console::note;
use ampoule_supervise::graph::Graph;
use ampoule_sys::spawn::in_background;
use rustix::fs::{Advice, fadvise};
use std::fs::File;
use std::num::NonZeroU64;

/// The kernel reads no more than this for one piece of advice (`force_page_cache_ra`, with the usual window of a device), in bytes.
const STEP: u64 = 128 * 1024;

/// Begins to read; returns at once.
pub(crate) fn begin(graph: &Graph) {
    let files = graph.ids().flat_map(|id| &graph.file(id).read_ahead);
    note("Read ahead", in_background(|| files.for_each(|path| read(path))));
}

/// Nothing is lost if it fails: then the pages are read when they are needed.
fn read(path: &str) {
    let Ok(file) = File::open(path) else { return };
    let size = file.metadata().map_or(0, |about| about.len());
    for offset in (0..size).step_by(STEP as usize) {
        let _ = fadvise(&file, offset, NonZeroU64::new(STEP), Advice::WillNeed);
    }
}
