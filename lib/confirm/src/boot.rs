//! What a start of the node, or of the program that keeps its settings, finds and does about it.

use crate::standing::{Open, Standing};
use crate::{BootId, MAX_BOOTS, Reason, Trial};

/// The newest whole generation on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Newest {
    /// Its number.
    pub number: u64,
    /// Its trial, if it was made with one.
    pub trial: Option<Trial>,
    /// The generation that was confirmed when it was made. What is gone back to when the standing is lost.
    pub base: u64,
}

/// What a start decides, before anything is put in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The newest generation is confirmed.
    Settled(Standing),
    /// The newest generation is on trial. This standing is made durable before it is put in force.
    Try(Standing),
    /// The newest generation is taken back before it is put in force.
    RollBack {
        /// What was remembered, whole.
        standing: Standing,
        /// Why.
        reason: Reason,
    },
}

/// Decides. `standing` is `None` if there is none, or only a damaged one: then the newest generation is confirmed unless it carries a trial, and a trial begins anew.
#[must_use]
pub fn at_boot(newest: Option<Newest>, standing: Option<&Standing>, boot: &BootId, now_ms: u64) -> Decision {
    let Some(newest) = newest else { return Decision::Settled(Standing::default()) };
    match newest.trial {
        Some(trial) if standing.is_none_or(|s| s.confirmed != newest.number) => resume(newest, trial, standing, boot, now_ms),
        _ => Decision::Settled(Standing::settled(newest.number)),
    }
}

fn resume(newest: Newest, trial: Trial, standing: Option<&Standing>, boot: &BootId, now_ms: u64) -> Decision {
    // A confirmed generation above the newest whole one is damaged, so that what this one was made from is what is left.
    let confirmed = standing.map(|s| s.confirmed).filter(|n| *n < newest.number).unwrap_or(newest.base);
    let remembered = standing.and_then(|s| [&s.next, &s.open].into_iter().flatten().find(|open| open.generation == newest.number));
    let open = remembered.cloned().unwrap_or(Open { generation: newest.number, trial, boots: Vec::new(), began_ms: None });
    let standing = Standing { confirmed, open: None, next: None };
    if open.boots.last() == Some(boot) { go_on(standing, open, now_ms) } else { try_again(standing, open, boot, now_ms) }
}

/// In the boot it was last tried in: with what is left of the window.
fn go_on(standing: Standing, open: Open, now_ms: u64) -> Decision {
    let reason = Reason::TimedOut { window_ms: open.trial.window_ms };
    let is_over = open.began_ms.is_some() && open.left_ms(now_ms) == 0;
    // Without this line a program that dies of its new settings each time before it has put them in force would never come to the end of a window.
    let open = Open { began_ms: open.began_ms.or(Some(now_ms)), ..open };
    let standing = Standing { open: Some(open), ..standing };
    if is_over { Decision::RollBack { standing, reason } } else { Decision::Try(standing) }
}

/// In another boot: a whole window, if there may be one more.
fn try_again(standing: Standing, mut open: Open, boot: &BootId, now_ms: u64) -> Decision {
    let tried = open.boots.len();
    if tried >= MAX_BOOTS {
        return Decision::RollBack { standing: Standing { open: Some(open), ..standing }, reason: Reason::Boots { tried } };
    }
    open.boots.push(boot.clone());
    open.began_ms = Some(now_ms);
    Decision::Try(Standing { open: Some(open), ..standing })
}
