//! The tasks of all links: they begin and end as links come and go.

use crate::files::LinkId;
use crate::kernel::Kernel;
use crate::link;
use crate::parser::Parser;
use crate::shelf::Shelf;
use crate::state::State;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::task::JoinHandle;

/// What each task is given, and the tasks.
pub(crate) struct Links {
    kernel: Kernel,
    state: Arc<State>,
    shelf: Shelf,
    parser: Parser,
    tasks: BTreeMap<LinkId, JoinHandle<()>>,
}

impl Links {
    /// No link yet.
    pub(crate) fn new(kernel: Kernel, state: Arc<State>, shelf: Shelf, parser: Parser) -> Self {
        Self { kernel, state, shelf, parser, tasks: BTreeMap::new() }
    }

    /// A task for each link that came; those of links that went end. First these: who comes may have the name of one that went.
    pub(crate) fn follow(&mut self, there: BTreeSet<LinkId>) {
        let (state, shelf) = (&self.state, &self.shelf);
        self.tasks.retain(|id, task| {
            let stays = there.contains(id) && !task.is_finished();
            if !stays {
                task.abort();
                state.forget(&id.0);
                shelf.clear(&id.0);
            }
            stays
        });
        for id in there {
            if !self.tasks.contains_key(&id) {
                let task = self.begin(id.0.clone());
                self.tasks.insert(id, task);
            }
        }
    }

    fn begin(&self, name: String) -> JoinHandle<()> {
        tokio::spawn(link::live(name, self.kernel.clone(), Arc::clone(&self.state), self.shelf.clone(), self.parser.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Known;

    /// No machine has a link of this name, so its tasks wait for ever.
    const NAME: &str = "ampoule-none0";

    fn there(number: u32) -> BTreeSet<LinkId> {
        BTreeSet::from([(NAME.to_owned(), number)])
    }

    #[tokio::test]
    async fn another_link_of_the_same_name_is_begun_anew() {
        let place = tempfile::tempdir().expect("a folder");
        let state = Arc::new(State::new(place.path(), place.path(), |_| Ok(())));
        let known = || state.status(&BTreeMap::new()).interfaces.len();
        let parser = Parser::at(place.path().join("parser"));
        let mut links = Links::new(Kernel::open().expect("opens"), Arc::clone(&state), Shelf::new(place.path(), place.path()), parser);
        links.follow(there(7));
        state.set(NAME, Known::default());
        let first = links.tasks[&(NAME.to_owned(), 7)].abort_handle();
        links.follow(there(7));
        assert!(links.tasks.len() == 1 && known() == 1);

        // Taken out and replaced between two looks.
        links.follow(there(8));
        tokio::task::yield_now().await;
        assert!(first.is_finished() && known() == 0, "what the first link had is not the second's");
        assert!(!links.tasks[&(NAME.to_owned(), 8)].is_finished());
        links.follow(BTreeSet::new());
        assert!(links.tasks.is_empty());
    }
}
