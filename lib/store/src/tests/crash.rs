//! Random lives of a store, with the power cut at every operation on the disk. What is found afterwards is the state before the change that was going on or the one after.

use super::memory::{Dice, Memory};
use super::{draft, now};
use crate::{Now, Store};
use ampoule_confirm::{Health, Kind, MAX_BOOTS, PROBATION_MS, Reason, SETTLE_MS, Trial, Verdict};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Lives, and changes in each. With several cuts at each operation this makes over ten thousand crash states.
const LIVES: u64 = 42;
const CHANGES: usize = 25;
const CUTS: usize = 2;

/// The rules once more, as plainly as can be.
#[derive(Debug, Clone, PartialEq)]
struct Model {
    contents: BTreeMap<u64, String>,
    newest: u64,
    confirmed: u64,
    open: Option<OpenModel>,
}

#[derive(Debug, Clone, PartialEq)]
struct OpenModel {
    kind: Kind,
    window: u64,
    boots: Vec<u32>,
    began: Option<u64>,
}

impl Model {
    fn add(&mut self, content: String) {
        self.newest += 1;
        self.contents.insert(self.newest, content);
    }

    fn commit(&mut self, asked: Trial, boot: u32, ms: u64) {
        let left = |o: &OpenModel| o.began.map_or(o.window, |b| o.window.saturating_sub(ms - b));
        let inherited = self.open.as_ref().filter(|o| o.kind == Kind::Confirm && asked.kind == Kind::Probation).map(left);
        let (kind, window) = inherited.map_or((asked.kind, asked.window_ms), |left| (Kind::Confirm, left));
        self.add(format!("content {}", self.newest + 1));
        // Whoever asks for no window of their own goes on with the tries of what they build on.
        let mut boots = self.open.take().filter(|_| asked.kind == Kind::Probation).map(|o| o.boots).unwrap_or_default();
        if boots.last() != Some(&boot) {
            boots.push(boot);
        }
        self.open = Some(OpenModel { kind, window, boots, began: None });
    }

    fn confirm(&mut self) {
        (self.confirmed, self.open) = (self.newest, None);
    }

    fn roll_back(&mut self) {
        self.add(self.contents.get(&self.confirmed).cloned().unwrap_or_default());
        self.confirm();
    }

    /// What a start makes of it.
    fn start(mut self, boot: u32, ms: u64) -> Self {
        let Some(open) = &mut self.open else { return self };
        let is_new_boot = open.boots.last() != Some(&boot);
        let is_over = if is_new_boot { open.boots.len() == MAX_BOOTS } else { open.began.is_some_and(|b| ms - b >= open.window) };
        if is_over {
            self.roll_back();
        } else if is_new_boot {
            open.boots.push(boot);
            open.began = Some(ms);
        } else {
            open.began.get_or_insert(ms);
        }
        self
    }
}

/// What the store says, in the words of the model.
fn seen(store: &mut Store) -> Model {
    let numbers = store.numbers().expect("listed");
    let motd = |v: &Value| v["motd"].as_str().unwrap_or_default().to_owned();
    let whole = |n: &u64| (*n, motd(&store.get(*n).expect("read").unwrap_or_else(|| panic!("{n} is not whole")).chosen));
    let contents = numbers.iter().map(whole).collect();
    assert_eq!(store.in_force().map(|g| g.number), numbers.last().copied(), "the newest is in force");
    let standing = store.standing();
    let boot_number = |id: &str| id.trim_start_matches("boot-").parse().expect("a number");
    let open = standing.open.as_ref().map(|o| OpenModel {
        kind: o.trial.kind,
        window: o.trial.window_ms,
        boots: o.boots.iter().map(|b| boot_number(b.as_str())).collect(),
        began: o.began_ms,
    });
    Model { contents, newest: store.newest().map_or(0, |g| g.number), confirmed: standing.confirmed, open }
}

struct Life {
    disk: Memory,
    store: Store,
    model: Model,
    dice: Dice,
    boot: u32,
    ms: u64,
    states: usize,
}

fn open(disk: &Memory, now: &Now) -> Store {
    Store::open_on(Path::new("settings"), Box::new(disk.clone()), now).expect("it opens")
}

impl Life {
    fn new(seed: u64) -> Self {
        let disk = Memory::default();
        let mut store = open(&disk, &now(0, 0));
        store.commit(draft("content 1", None), &now(0, 0)).expect("committed");
        let model = Model { contents: [(1, "content 1".to_owned())].into(), newest: 1, confirmed: 1, open: None };
        Self { disk, store, model, dice: Dice(seed), boot: 0, ms: 0, states: 0 }
    }

    /// The wall clock is thrown about; it must not matter.
    fn now(&mut self) -> Now {
        Now { unix_ms: self.dice.below(1 << 40) as u64, ..now(self.boot, self.ms) }
    }

    fn change(&mut self) {
        let (before, done) = (self.model.clone(), self.disk.operations());
        self.ms += self.dice.below(8000) as u64;
        match self.dice.below(12) {
            0..=3 => self.commit(),
            4 => self.confirm(),
            5 => self.roll_back(),
            6 => self.in_effect(),
            7..=9 => self.tick(),
            10 => self.restart(),
            _ => {
                (self.boot, self.ms) = (self.boot + 1, self.dice.below(1000) as u64);
                self.restart();
            }
        }
        assert_eq!(seen(&mut self.store), self.model);
        self.cut_power_everywhere(&before, done);
    }

    fn commit(&mut self) {
        let trial = if self.dice.below(2) == 0 { Trial::PROBATION } else { Trial::confirm_within(self.dice.below(30_000) as u64) };
        let now = self.now();
        let text = format!("content {}", self.model.newest + 1);
        self.store.commit(draft(&text, Some(trial)), &now).expect("committed");
        self.model.commit(trial, self.boot, self.ms);
    }

    fn confirm(&mut self) {
        let asked = self.model.newest - self.dice.below(2) as u64;
        let is_right = asked == self.model.newest && asked > 0;
        assert_eq!(self.store.confirm(asked).is_ok(), is_right, "{asked} of {:?}", self.model);
        if is_right {
            self.model.confirm();
        }
    }

    fn roll_back(&mut self) {
        let now = self.now();
        let done = self.store.roll_back(Reason::Asked { by: "test".into() }, &now).is_ok();
        assert_eq!(done, self.model.open.is_some());
        if done {
            self.model.roll_back();
        }
    }

    fn in_effect(&mut self) {
        let now = self.now();
        self.store.in_effect(&now).expect("written");
        self.model.open.iter_mut().for_each(|o| o.began = Some(self.ms));
    }

    fn tick(&mut self) {
        let health = match self.dice.below(6) {
            0 => Health::Failed { service: "netd".into(), what: "has failed".into() },
            1 => Health::Settling { service: "netd".into() },
            _ => Health::Ready,
        };
        let now = self.now();
        match self.store.standing().tick(self.ms, &health, SETTLE_MS) {
            Verdict::Wait => {}
            Verdict::Confirm => {
                assert!(self.model.open.as_ref().is_some_and(|o| o.kind == Kind::Probation && o.window == PROBATION_MS));
                self.store.confirm(self.model.newest).expect("on trial");
                self.model.confirm();
            }
            Verdict::RollBack(reason) => {
                self.store.roll_back(reason, &now).expect("on trial");
                self.model.roll_back();
            }
        }
    }

    fn restart(&mut self) {
        let now = self.now();
        self.store = open(&self.disk, &now);
        self.model = self.model.clone().start(self.boot, self.ms);
    }

    /// Each operation of the last change is the last one once; once in a while life goes on from what is left.
    fn cut_power_everywhere(&mut self, before: &Model, from: usize) {
        let last = self.disk.operations();
        let move_to = from + self.dice.below(8 * (last - from + 1));
        for done in from..=last {
            for _ in 0..CUTS {
                let disk = self.disk.after_power_cut(done, &mut self.dice);
                let found = self.look_at(&disk, before, done == last);
                if done == move_to {
                    (self.boot, self.ms) = found;
                    self.store = open(&disk, &now(self.boot, self.ms));
                    (self.model, self.disk) = (seen(&mut self.store), disk);
                    return;
                }
            }
        }
    }

    /// In the same boot (the program died and nothing was lost, or a little later) or the next.
    fn look_at(&mut self, disk: &Memory, before: &Model, is_done: bool) -> (u32, u64) {
        self.states += 1;
        let same_boot = self.dice.below(2) == 0;
        let (boot, ms) = if same_boot { (self.boot, self.ms) } else { (self.boot + 1, 5) };
        let mut store = open(disk, &now(boot, ms));
        assert!(store.damaged().is_empty(), "{:?}", store.damaged());
        let found = seen(&mut store);
        let after = self.model.clone().start(boot, ms);
        let is_after = found == after;
        let is_before = !is_done && found == before.clone().start(boot, ms);
        assert!(is_after || is_before, "done: {is_done}\nfound {found:?}\nafter {after:?}\nbefore {before:?}");
        (boot, ms)
    }
}

#[test]
fn cut_at_any_operation_the_state_is_the_one_before_or_the_one_after() {
    let mut states = 0;
    for seed in 1..=LIVES {
        let mut life = Life::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        (0..CHANGES).for_each(|_| life.change());
        states += life.states;
    }
    assert!(states > 10_000, "only {states} crash states");
}

#[test]
fn the_test_sees_a_write_that_is_not_synced() {
    use crate::disk::Disk;
    let (mut disk, mut dice) = (Memory::default(), Dice(7));
    disk.write("a.tmp", b"whole").expect("written");
    disk.rename("a.tmp", "a").expect("renamed");
    let contents = |disk: Memory| disk.content().get("a").cloned();
    let seen: std::collections::BTreeSet<_> = (0..200).map(|_| contents(disk.after_power_cut(disk.operations(), &mut dice))).collect();
    assert!(seen.contains(&None) && seen.contains(&Some(b"whole".to_vec())) && seen.iter().flatten().any(|b| b.len() < 5));
}
