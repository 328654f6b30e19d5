use super::*;
use proptest::prelude::*;

const MINUTE: Trial = Trial { kind: Kind::Confirm, window_ms: 60_000 };

fn boot(n: u32) -> BootId {
    BootId::new(&format!("boot-{n}")).expect("an id")
}

fn newest(number: u64, trial: Option<Trial>) -> Option<Newest> {
    Some(Newest { number, trial, base: number.saturating_sub(1) })
}

/// Generation 2 on trial over a confirmed 1, made in boot 1, in effect at 1000 ms.
fn on_trial(trial: Trial) -> Standing {
    Standing::settled(1).announced(2, trial, vec![boot(1)]).written(2).in_effect(1000)
}

fn failed() -> Health {
    Health::Failed { service: "netd".into(), what: "has failed".into() }
}

#[test]
fn a_probation_that_stays_ready_is_confirmed_when_its_window_ends() {
    let standing = on_trial(Trial::PROBATION);
    assert_eq!(standing.tick(1000 + PROBATION_MS - 1, &Health::Ready, SETTLE_MS), Verdict::Wait);
    assert_eq!(standing.tick(1000 + PROBATION_MS, &Health::Ready, SETTLE_MS), Verdict::Confirm);
}

#[test]
fn a_failed_service_takes_any_change_back_at_once() {
    for trial in [Trial::PROBATION, MINUTE] {
        assert!(matches!(on_trial(trial).tick(1001, &failed(), SETTLE_MS), Verdict::RollBack(Reason::Unhealthy { .. })));
    }
}

#[test]
fn a_service_that_never_gets_ready_takes_a_change_back() {
    let (standing, settling) = (on_trial(Trial::PROBATION), Health::Settling { service: "hostd".into() });
    assert_eq!(standing.tick(1000 + PROBATION_MS, &settling, SETTLE_MS), Verdict::Wait);
    let Verdict::RollBack(reason) = standing.tick(1000 + SETTLE_MS, &settling, SETTLE_MS) else { panic!("taken back") };
    assert_eq!(reason.to_string(), "service `hostd` was not ready within 120 s");
}

#[test]
fn what_a_person_should_confirm_is_never_confirmed_by_the_node() {
    let standing = on_trial(MINUTE);
    assert_eq!(standing.tick(60_999, &Health::Ready, SETTLE_MS), Verdict::Wait);
    assert_eq!(standing.tick(61_000, &Health::Ready, SETTLE_MS), Verdict::RollBack(Reason::TimedOut { window_ms: 60_000 }));
    assert_eq!(standing.confirm(2), Ok(Standing::settled(2)));
}

#[test]
fn a_window_does_not_run_before_the_change_took_effect() {
    let standing = Standing::settled(1).announced(2, MINUTE, vec![boot(1)]).written(2);
    assert_eq!(standing.tick(u64::MAX, &Health::Ready, SETTLE_MS), Verdict::Wait);
}

#[test]
fn confirming_another_generation_says_which_is_on_trial() {
    let refused = on_trial(MINUTE).confirm(1).expect_err("refused");
    assert_eq!(refused.to_string(), "Generation 1 is not on trial; generation 2 is");
    let refused = Standing::settled(4).confirm(3).expect_err("refused");
    assert_eq!(refused.to_string(), "Generation 3 is not on trial; nothing is, generation 4 is confirmed");
    assert!(Standing::default().confirm(0).is_err());
    assert_eq!(Standing::settled(4).confirm(4), Ok(Standing::settled(4)));
}

#[test]
fn a_change_on_top_of_one_to_be_confirmed_takes_over_what_is_left() {
    let standing = on_trial(MINUTE);
    let trial = standing.trial_of_change(Trial::PROBATION, 31_000);
    assert_eq!(trial, Trial { kind: Kind::Confirm, window_ms: 30_000 });
    let standing = standing.announced(3, trial, vec![boot(1)]).written(3).in_effect(31_000);
    assert_eq!(standing.confirmed, 1);
    assert!(matches!(standing.tick(61_000, &Health::Ready, SETTLE_MS), Verdict::RollBack(_)));
    assert!(standing.confirm(2).is_err() && standing.confirm(3).is_ok());
}

#[test]
fn a_change_that_was_announced_and_not_written_leaves_the_trial_before_it_open() {
    let standing = on_trial(MINUTE).announced(3, Trial::PROBATION, vec![boot(1)]);
    let Decision::Try(after) = at_boot(newest(2, Some(MINUTE)), Some(&standing), &boot(1), 2000) else { panic!("on trial") };
    assert_eq!(after, on_trial(MINUTE));
}

#[test]
fn a_restart_in_one_boot_goes_on_with_what_is_left() {
    let standing = on_trial(MINUTE);
    let Decision::Try(after) = at_boot(newest(2, Some(MINUTE)), Some(&standing), &boot(1), 41_000) else { panic!("on trial") };
    assert_eq!(after.open.as_ref().map(|o| o.left_ms(41_000)), Some(20_000));
    assert!(matches!(
        at_boot(newest(2, Some(MINUTE)), Some(&standing), &boot(1), 61_000),
        Decision::RollBack { reason: Reason::TimedOut { .. }, .. }
    ));
}

#[test]
fn a_change_is_tried_in_one_more_boot_and_then_taken_back() {
    let newest = newest(2, Some(MINUTE));
    let Decision::Try(second) = at_boot(newest, Some(&on_trial(MINUTE)), &boot(2), 5) else { panic!("one more boot") };
    assert_eq!(second.open.as_ref().map(|o| (o.boots.len(), o.left_ms(5))), Some((2, 60_000)));
    let Decision::RollBack { standing, reason } = at_boot(newest, Some(&second), &boot(3), 5) else { panic!("taken back") };
    assert_eq!((standing.confirmed, reason), (1, Reason::Boots { tried: 2 }));
}

/// The node works something out in each boot and changes that, before the boot ends.
#[test]
fn changes_that_the_node_makes_itself_do_not_prolong_a_trial() {
    let boots = |standing: &Standing, asked, n| standing.boots_of_change(asked, &boot(n));
    let Decision::Try(second) = at_boot(newest(2, Some(MINUTE)), Some(&on_trial(MINUTE)), &boot(2), 5) else { panic!("one more boot") };
    let trial = second.trial_of_change(Trial::PROBATION, 10);
    let third = second.announced(3, trial, boots(&second, Trial::PROBATION, 2)).written(3).in_effect(10);
    let newest = newest(3, Some(trial));
    assert!(matches!(at_boot(newest, Some(&third), &boot(3), 5), Decision::RollBack { reason: Reason::Boots { tried: 2 }, .. }));
    assert_eq!(boots(&second, MINUTE, 2), [boot(2)], "a person's own window is a whole one");
    assert_eq!(boots(&Standing::settled(1), Trial::PROBATION, 2), [boot(2)]);
}

#[test]
fn dying_of_it_before_it_took_effect_ends_the_window_too() {
    let standing = Standing::settled(1).announced(2, Trial::PROBATION, vec![boot(1)]).written(2);
    let newest = newest(2, Some(Trial::PROBATION));
    let Decision::Try(standing) = at_boot(newest, Some(&standing), &boot(1), 1000) else { panic!("on trial") };
    assert!(matches!(at_boot(newest, Some(&standing), &boot(1), 1000 + PROBATION_MS), Decision::RollBack { .. }));
}

#[test]
fn without_a_standing_the_newest_is_confirmed_unless_it_carries_a_trial() {
    assert_eq!(at_boot(newest(7, None), None, &boot(1), 5), Decision::Settled(Standing::settled(7)));
    let Decision::Try(standing) = at_boot(newest(7, Some(MINUTE)), None, &boot(1), 5) else { panic!("on trial") };
    assert_eq!((standing.confirmed, standing.open.map(|o| o.boots)), (6, Some(vec![boot(1)])));
    assert_eq!(at_boot(None, None, &boot(1), 5), Decision::Settled(Standing::default()));
}

#[test]
fn with_the_confirmed_one_damaged_the_trial_below_it_begins_anew() {
    let Decision::Try(standing) = at_boot(newest(4, Some(MINUTE)), Some(&Standing::settled(5)), &boot(1), 5) else { panic!("on trial") };
    assert_eq!((standing.confirmed, standing.open.map(|o| o.generation)), (3, Some(4)));
}

#[test]
fn a_boot_id_is_short_printable_text() {
    assert_eq!(BootId::new(" 0f1e-2d \n").as_ref().map(BootId::as_str), Some("0f1e-2d"));
    assert!(BootId::new("").is_none() && BootId::new("a\nb").is_none() && BootId::new(&"x".repeat(65)).is_none());
}

#[test]
fn what_a_newer_image_wrote_can_be_read() {
    let reason: Reason = serde_json::from_str(r#"{"kind":"eclipse","of":"sun"}"#).expect("a reason");
    assert_eq!(reason, Reason::Unknown);
    let standing: Standing = serde_json::from_str(r#"{"confirmed":3,"moon":1}"#).expect("a standing");
    assert_eq!(standing, Standing::settled(3));
}

/// What may happen to a node.
#[derive(Debug, Clone)]
enum Step {
    Commit(Trial),
    Tick(Health),
    Confirm(u64),
    Restart,
    Reboot,
    Later(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let trial = prop_oneof![Just(Trial::PROBATION), (0..90_000u64).prop_map(Trial::confirm_within)];
    let health = prop_oneof![4 => Just(Health::Ready), 1 => Just(failed()), 1 => Just(Health::Settling { service: "netd".into() })];
    prop_oneof![
        trial.prop_map(Step::Commit),
        health.prop_map(Step::Tick),
        (0..12u64).prop_map(Step::Confirm),
        Just(Step::Restart),
        Just(Step::Reboot),
        (0..70_000u64).prop_map(Step::Later),
    ]
}

/// A node as far as confirmation goes: what each generation is made from, and who said it is good.
struct Node {
    standing: Standing,
    boot: u32,
    now: u64,
    /// By number from 1: the trial it was made with, what it asks of whom it contains, and the boots it was in force in.
    made: Vec<Made>,
}

#[derive(Clone)]
struct Made {
    trial: Option<Trial>,
    needs_a_person: bool,
    boots: std::collections::BTreeSet<u32>,
}

impl Node {
    fn new() -> Self {
        let first = Made { trial: None, needs_a_person: false, boots: [0].into() };
        Self { standing: Standing::settled(1), boot: 0, now: 0, made: vec![first] }
    }

    fn newest(&self) -> u64 {
        self.made.len() as u64
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Commit(asked) => self.commit(asked),
            Step::Tick(health) => self.tick(&health),
            Step::Confirm(n) => self.standing = self.standing.confirm(n).unwrap_or(self.standing.clone()),
            Step::Restart => self.start(),
            Step::Reboot => {
                (self.boot, self.now) = (self.boot + 1, 0);
                self.start();
            }
            Step::Later(ms) => self.now += ms,
        }
    }

    fn commit(&mut self, asked: Trial) {
        let above = self.standing.open.as_ref().map(|o| self.made[o.generation as usize - 1].needs_a_person);
        let trial = self.standing.trial_of_change(asked, self.now);
        let boots = self.standing.boots_of_change(asked, &boot(self.boot));
        let needs_a_person = above == Some(true) || asked.kind == Kind::Confirm;
        // What is on trial below a change without a window of its own is tried with it.
        let below = self
            .standing
            .open
            .as_ref()
            .filter(|_| asked.kind == Kind::Probation)
            .map(|o| self.made[o.generation as usize - 1].boots.clone());
        let tried = below.into_iter().flatten().chain([self.boot]).collect();
        self.made.push(Made { trial: Some(trial), needs_a_person, boots: tried });
        let n = self.newest();
        self.standing = self.standing.announced(n, trial, boots).written(n).in_effect(self.now);
    }

    fn tick(&mut self, health: &Health) {
        match self.standing.tick(self.now, health, SETTLE_MS) {
            Verdict::Wait => {
                let over = |o: &Open| health == &Health::Ready && o.left_ms(self.now) == 0;
                assert!(!self.standing.open.as_ref().is_some_and(over), "a trial whose window is over goes on");
            }
            Verdict::Confirm => {
                let n = self.standing.open.as_ref().expect("a trial").generation;
                assert!(!self.made[n as usize - 1].needs_a_person, "the node confirmed what a person should have");
                self.standing = self.standing.confirm(n).expect("it is on trial");
            }
            Verdict::RollBack(_) => self.roll_back(),
        }
    }

    fn roll_back(&mut self) {
        self.made.push(Made { trial: None, needs_a_person: false, boots: [self.boot].into() });
        self.standing = Standing::settled(self.newest());
    }

    fn start(&mut self) {
        let made = self.made.last().expect("one");
        let newest = Newest { number: self.newest(), trial: made.trial, base: self.standing.confirmed };
        match at_boot(Some(newest), Some(&self.standing), &boot(self.boot), self.now) {
            Decision::Settled(standing) => {
                assert_eq!(standing, self.standing, "a start changes nothing that is settled");
            }
            Decision::Try(standing) => {
                assert_eq!(standing.confirmed, self.standing.confirmed);
                self.standing = standing;
                self.made.last_mut().expect("one").boots.insert(self.boot);
            }
            Decision::RollBack { standing, .. } => {
                self.standing = standing;
                self.roll_back();
            }
        }
    }

    /// What holds at any moment.
    fn check(&self) {
        let open = self.standing.open.as_ref().map(|o| o.generation);
        assert_eq!(open.unwrap_or(self.standing.confirmed), self.newest(), "the newest is what is in force");
        for made in self.made.iter().filter(|m| m.trial.is_some()).take(self.made.len() - 1) {
            assert!(made.boots.len() <= MAX_BOOTS, "tried in {} boots", made.boots.len());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn whatever_happens_the_rules_hold(steps in prop::collection::vec(step(), 0..60)) {
        let mut node = Node::new();
        for step in steps {
            node.run(step);
            node.check();
        }
    }

    #[test]
    fn every_trial_ends(trial in prop_oneof![Just(Trial::PROBATION), (0..90_000u64).prop_map(Trial::confirm_within)], late in 0..100_000u64) {
        let standing = on_trial(trial);
        for health in [Health::Ready, failed(), Health::Settling { service: "x".into() }] {
            prop_assert_ne!(standing.tick(1000 + trial.window_ms.max(SETTLE_MS) + late, &health, SETTLE_MS), Verdict::Wait);
        }
    }
}
