//! The plan: where each block of the new root comes from, and what is asked of the server.

use super::{Bitmap, Index};
use crate::tree::{self, BLOCK, Tree};

/// Where blocks of the new root come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// They are in the idle slot already, verified.
    Keep,
    /// They are zeros.
    Zero,
    /// They are probably in the running root, from this block on.
    Copy {
        /// First block in the running root.
        from: u32,
    },
    /// They must be fetched.
    Fetch,
}

/// Blocks that lie together in the new root and come from the same place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// First block in the new root.
    pub start: u32,
    /// How many.
    pub blocks: u32,
    /// Where they come from.
    pub action: Action,
}

/// Blocks of the new root that one request asks for. Those among them that are not to be fetched may be left unread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// First block.
    pub start: u32,
    /// How many.
    pub blocks: u32,
}

/// How requests are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Blocks between two pieces that are rather fetched than asked for apart. 16 KiB are about what a request costs in time; between real
    /// images it saves a third of the requests for 0.3 % of the image.
    pub gap: u32,
    /// Most blocks in one request: what is lost when a connection breaks.
    pub longest: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { gap: 4, longest: 1024 }
    }
}

/// Where each block of the new root comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// All blocks of the new root in their order.
    pub runs: Vec<Run>,
    /// What is asked of the server, in the order of the blocks; ranges do not overlap.
    pub ranges: Vec<Range>,
}

impl Range {
    /// Place in the target file, in bytes: offset and length.
    pub fn bytes(self) -> (u64, u64) {
        (u64::from(self.start) * BLOCK as u64, u64::from(self.blocks) * BLOCK as u64)
    }
}

impl Plan {
    /// Blocks that are missing.
    pub fn missing(&self) -> u64 {
        self.blocks(|action| action == Action::Fetch)
    }

    /// Blocks that are copied from the running root.
    pub fn copied(&self) -> u64 {
        self.blocks(|action| matches!(action, Action::Copy { .. }))
    }

    /// Blocks that are verified in the idle slot already.
    pub fn kept(&self) -> u64 {
        self.blocks(|action| action == Action::Keep)
    }

    /// Bytes that the server is asked for.
    pub fn bytes_to_fetch(&self) -> u64 {
        self.ranges.iter().map(|range| range.bytes().1).sum()
    }

    fn blocks(&self, which: impl Fn(Action) -> bool) -> u64 {
        self.runs.iter().filter(|run| which(run.action)).map(|run| u64::from(run.blocks)).sum()
    }

    /// Bytes that it takes in memory.
    pub fn memory(&self) -> usize {
        self.runs.capacity() * size_of::<Run>() + self.ranges.capacity() * size_of::<Range>()
    }
}

/// Plans the way to the root that `tree` describes, from what `running` knows and `verified` says is done.
pub fn plan(tree: &Tree, running: &Index, verified: &Bitmap, limits: Limits) -> Plan {
    let zero = tree::hash(&[0; BLOCK]);
    let mut runs: Vec<Run> = Vec::new();
    let mut next = 0;
    for (block, leaf) in (0u32..).zip(tree.leaves()) {
        let action = match () {
            () if verified.contains(block.into()) => Action::Keep,
            () if leaf == zero => Action::Zero,
            () => running.find(&leaf, next).map_or(Action::Fetch, |from| Action::Copy { from }),
        };
        if let Action::Copy { from } = action {
            next = from.saturating_add(1);
        }
        push(&mut runs, block, action);
    }
    runs.shrink_to_fit();
    let ranges = ranges(&runs, limits);
    Plan { runs, ranges }
}

/// Adds a block to the last run if it goes on there.
fn push(runs: &mut Vec<Run>, block: u32, action: Action) {
    match runs.last_mut() {
        Some(run) if goes_on(run, action) => run.blocks += 1,
        _ => runs.push(Run { start: block, blocks: 1, action }),
    }
}

fn goes_on(run: &Run, action: Action) -> bool {
    match (run.action, action) {
        (Action::Copy { from }, Action::Copy { from: next }) => from.checked_add(run.blocks) == Some(next),
        (last, action) => last == action,
    }
}

/// The runs that are fetched, joined where little lies between and cut where they are long.
fn ranges(runs: &[Run], limits: Limits) -> Vec<Range> {
    let longest = limits.longest.max(1);
    let mut ranges: Vec<Range> = Vec::new();
    for run in runs.iter().filter(|run| run.action == Action::Fetch) {
        let (mut start, end) = (run.start, run.start + run.blocks);
        if let Some(last) = ranges.last_mut() {
            let (last_end, room) = (last.start + last.blocks, last.start.saturating_add(longest));
            if start - last_end <= limits.gap && start < room {
                let joined = end.min(room);
                last.blocks = joined - last.start;
                start = joined;
            }
        }
        while start < end {
            let blocks = longest.min(end - start);
            ranges.push(Range { start, blocks });
            start += blocks;
        }
    }
    ranges.shrink_to_fit();
    ranges
}
