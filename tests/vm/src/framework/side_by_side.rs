//! Work that is found one piece at a time and done by several at once.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use anyhow::{Context as _, Result, anyhow, ensure};

/// Where pieces of work go.
pub(crate) struct Pieces<'q, T> {
    queue: SyncSender<T>,
    failed: &'q AtomicBool,
}

impl<T> Pieces<'_, T> {
    /// Waits until someone is free to take it.
    ///
    /// # Errors
    /// One before it failed: no further one is taken.
    pub(crate) fn hand_on(&self, piece: T) -> Result<()> {
        ensure!(!self.failed.load(Ordering::Relaxed), "a piece of work before this one failed");
        self.queue.send(piece).ok().context("nobody takes pieces of work any more")
    }
}

/// What `find` gives, when all pieces that it handed on are done, `at_once` of them side by side.
///
/// # Errors
/// Why a piece of work failed, rather than that the next was not taken; or of `find`.
pub(crate) fn side_by_side<T: Send, R>(
    at_once: usize,
    find: impl FnOnce(&Pieces<'_, T>) -> Result<R>,
    work: impl Fn(T) -> Result<()> + Sync,
) -> Result<R> {
    let (failed, (queue, pieces)) = (AtomicBool::new(false), sync_channel(0));
    // Theirs alone: with the last of them it is closed, and whoever waits to hand something on is told.
    let pieces = Arc::new(Mutex::new(pieces));
    thread::scope(|scope| {
        let start = |pieces| scope.spawn(|| each(pieces, &failed, &work));
        let workers: Vec<_> = std::iter::repeat_n(pieces, at_once).map(start).collect();
        let pieces = Pieces { queue, failed: &failed };
        let found = find(&pieces);
        drop(pieces);
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(|_| Err(anyhow!("the test itself panicked"))))?;
        found
    })
}

fn each<T>(pieces: Arc<Mutex<Receiver<T>>>, failed: &AtomicBool, work: impl Fn(T) -> Result<()>) -> Result<()> {
    let next = || pieces.lock().unwrap_or_else(PoisonError::into_inner).recv();
    while let Ok(piece) = next() {
        work(piece).inspect_err(|_| failed.store(true, Ordering::Relaxed))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Barrier, atomic::AtomicUsize};

    #[test]
    fn each_piece_is_done_once_and_several_at_once() {
        let (done, together) = (AtomicUsize::new(0), Barrier::new(3));
        let work = |piece: usize| {
            together.wait();
            done.fetch_add(piece, Ordering::SeqCst);
            Ok(())
        };
        let found = side_by_side(3, |pieces| (1..=9).try_for_each(|piece| pieces.hand_on(piece)).map(|()| "all"), work);
        assert_eq!((found.expect("done"), done.into_inner()), ("all", 45));
    }

    #[test]
    fn after_one_that_failed_none_is_taken_and_its_reason_is_told() {
        for at_once in [1, 3] {
            let handed = AtomicUsize::new(0);
            let find = |pieces: &Pieces<'_, usize>| {
                (0..1000).try_for_each(|piece| {
                    pieces.hand_on(piece)?;
                    handed.fetch_add(1, Ordering::SeqCst);
                    Ok(())
                })
            };
            let told = side_by_side(at_once, find, |piece| if piece == 2 { Err(anyhow!("the third")) } else { Ok(()) });
            assert_eq!(told.expect_err("failed").to_string(), "the third");
            assert!(handed.into_inner() < 1000);
        }
    }
}
