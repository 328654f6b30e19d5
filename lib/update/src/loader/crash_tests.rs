//! Power fails at any moment of an update: what is on the disk then, and what the loader makes of it.
//!
//! The whole way is written down as a journal of changes and flushes. A crash state is what was flushed before some moment, and of
//! the rest any part in any order: each change lost or there, and a file that was being filled perhaps torn.

mod disk;
mod machine;

use super::*;
use disk::{Disk, File, Journal, crash_states};
use machine::{Boot, Parameters, boot_until_up, first};
use proptest::test_runner::{RngAlgorithm, TestRng};

/// Order of the versions: what runs, what comes, what was there before.
struct Case {
    running: Image,
    next: Image,
    before: Image,
    disk: Disk,
}

fn image(version: &str) -> Image {
    Image { version: version.parse().expect("a version"), order: format!("{version} (standalone)") }
}

/// Disks that an update may find: each name that the image in the idle slot and the entries with parameters can have.
fn cases() -> Vec<Case> {
    let versions = [
        ("1.0.0", "1.1.0", "0.9.0"),
        ("1.1.0", "1.0.0", "1.2.0"),
        ("1.0.0-rc.1", "1.0.0", "1.0.0-rc.2"),
        ("1.0.0-rc.1", "1.0.0-rc.1.2", "0.1.0"),
    ];
    let idle = [None, Some(""), Some("+0-3"), Some("+0-0"), Some("+2-1")];
    let parameters = [None, Some(""), Some("+3"), Some("+0-3")];
    let mut cases = Vec::new();
    for (running, next, before) in versions {
        for (idle, parameters, slot) in
            idle.iter().flat_map(|idle| parameters.iter().map(move |entry| (*idle, *entry, usize::from(idle.is_some()))))
        {
            let (running, next, before) = (image(running), image(next), image(before));
            let mut disk = Disk::with(slot, &running.version, "", parameters);
            if let Some(counter) = idle {
                disk.add(1 - slot, &before.version, counter, Some(counter));
            }
            let case = Case { running, next, before, disk };
            // Others cannot be: another version would run.
            if first(&case.disk, &case.images()).is_ok_and(|entry| entry.version == case.running.version) {
                cases.push(case);
            }
        }
    }
    assert!(cases.len() > 60, "{}", cases.len());
    cases
}

impl Case {
    fn images(&self) -> [Image; 3] {
        [self.running.clone(), self.next.clone(), self.before.clone()]
    }

    /// The journal of prepare and activate.
    fn update(&self) -> Journal {
        let mut journal = Journal::new(&self.disk);
        journal.steps(&stage(&journal.now().esp(), &self.running.version).expect("steps"), None);
        journal.fill_slot(1 - self.disk.slot_of(&self.running.version).expect("its slot"), &self.next.version);
        journal.steps(&activate(&journal.now().esp(), &self.running, &self.next).expect("steps"), Some(&self.next.version));
        journal
    }

    /// What is on the disk once all of it is done.
    fn ready(&self) -> Disk {
        self.update().now().clone()
    }

    /// A boot of `disk` on which only `bad` versions fail.
    fn boot(&self, disk: &Disk, bad: &[&Version], parameters: Parameters) -> Option<Boot> {
        boot_until_up(disk, &self.images(), bad, parameters)
    }

    /// Every crash state: the loader starts a whole image first, and in the end one of `good` is up, whatever fails.
    fn check(&self, journal: &Journal, bad: &[&Version], good: &[&Version]) -> usize {
        let mut rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let states = crash_states(journal, &mut rng);
        for state in &states {
            let entry = first(state, &self.images()).unwrap_or_else(|why| panic!("{why}\n{state:#?}"));
            assert!(state.is_whole(&entry), "{} is first and not whole\n{state:#?}", entry.path);
            for parameters in [Parameters::None, Parameters::Wanted] {
                let boot = self.boot(state, bad, parameters).unwrap_or_else(|| panic!("no end of boots\n{state:#?}"));
                assert!(good.contains(&&boot.version), "{} is up\n{state:#?}", boot.version);
            }
        }
        states.len()
    }
}

#[test]
fn power_fails_between_prepare_and_ready() {
    let mut states = 0;
    for case in cases() {
        let (running, next) = (&case.running.version, &case.next.version);
        states += case.check(&case.update(), &[], &[running, next]);
        states += case.check(&case.update(), &[next], &[running]);
        let up = case.boot(&case.ready(), &[], Parameters::None).expect("up");
        assert_eq!(&up.version, next, "when all is done the new version boots");
    }
    assert!(states > 5000, "{states}");
}

#[test]
fn power_fails_while_a_good_boot_is_marked() {
    let mut states = 0;
    for case in cases() {
        for parameters in [Parameters::None, Parameters::Wanted] {
            let boot = case.boot(&case.ready(), &[], parameters).expect("up");
            let next = &case.next.version;
            let mut journal = Journal::new(&boot.disk);
            journal.steps(&bless(&boot.disk.esp(), next, boot.through_parameters).expect("steps"), None);
            states += case.check(&journal, &[], &[next]);
            let later = (0..10).fold(journal.now().clone(), |disk, _| case.boot(&disk, &[], parameters).expect("up").disk);
            assert_eq!(&case.boot(&later, &[], parameters).expect("up").version, next, "a good version stays");
        }
    }
    assert!(states > 500, "{states}");
}

#[test]
fn power_fails_while_a_bad_boot_is_condemned() {
    let mut states = 0;
    for case in cases() {
        for parameters in [Parameters::None, Parameters::Wanted] {
            let boot = case.boot(&case.ready(), &[], parameters).expect("up");
            let (running, next) = (&case.running.version, &case.next.version);
            let mut journal = Journal::new(&boot.disk);
            journal.steps(&condemn(&boot.disk.esp(), next, running).expect("steps"), None);
            let counters: Vec<_> = journal.now().esp().images.iter().filter_map(|name| parse_image_name(name)).collect();
            let spent = |version: &Version| counters.iter().any(|(of, counter)| of == version && counter.is_some_and(Counter::is_spent));
            assert!(spent(next) && !spent(running), "what failed is told from what stepped back: {counters:?}");
            states += case.check(&journal, &[next], &[running]);
            let back = case.boot(journal.now(), &[], parameters).expect("up");
            assert_eq!((&back.version, back.boots), (running, 1), "one boot leads back");
            // And it stays there, once that boot is good.
            let steps = bless(&back.disk.esp(), running, back.through_parameters).expect("steps");
            let mut journal = Journal::new(&back.disk);
            journal.steps(&steps, None);
            states += case.check(&journal, &[next], &[running]);
        }
    }
    assert!(states > 1000, "{states}");
}

#[test]
fn power_fails_while_an_update_is_taken_back() {
    let mut states = 0;
    for case in cases() {
        let ready = case.ready();
        let (running, next) = (&case.running.version, &case.next.version);
        let mut journal = Journal::new(&ready);
        journal.steps(&deactivate(&ready.esp(), running, next).expect("steps"), None);
        states += case.check(&journal, &[], &[running, next]);
        states += case.check(&journal, &[next], &[running]);
        assert_eq!(&case.boot(journal.now(), &[], Parameters::None).expect("up").version, running);
        assert!(stage(&journal.now().esp(), running).is_ok(), "the next update may begin");
    }
    assert!(states > 500, "{states}");
}

#[test]
fn power_fails_on_the_way_back_by_hand() {
    let mut states = 0;
    for case in cases() {
        let boot = case.boot(&case.ready(), &[], Parameters::None).expect("up");
        let (running, next) = (&case.running.version, &case.next.version);
        let mut journal = Journal::new(&boot.disk);
        journal.steps(&bless(&boot.disk.esp(), next, false).expect("steps"), None);
        let mut journal = Journal::new(journal.now());
        journal.steps(&rollback(&journal.now().esp(), &case.next, &case.running).expect("steps"), None);
        states += case.check(&journal, &[], &[running, next]);
        states += case.check(&journal, &[running], &[next]);
        assert_eq!(&case.boot(journal.now(), &[], Parameters::None).expect("up").version, running);
    }
    assert!(states > 500, "{states}");
}

/// Wherever an update was cut, the version that is up can do it again and reach the end.
#[test]
fn what_was_cut_is_done_again() {
    let mut rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    for case in cases() {
        let next = &case.next.version;
        for state in crash_states(&case.update(), &mut rng) {
            let boot = case.boot(&state, &[], Parameters::None).expect("up");
            if boot.version == *next {
                continue;
            }
            let mut journal = Journal::new(&boot.disk);
            journal.steps(&bless(&boot.disk.esp(), &boot.version, boot.through_parameters).expect("steps"), None);
            let again =
                Case { running: case.running.clone(), next: case.next.clone(), before: case.before.clone(), disk: journal.now().clone() };
            assert_eq!(&again.boot(&again.ready(), &[], Parameters::None).expect("up").version, next);
        }
    }
}

/// Ten versions forth and the same way back: each boots, and the boot partition holds no more than two versions' files.
#[test]
fn ten_versions_and_back_leave_nothing() {
    let versions: Vec<Image> = (0..=10).map(|minor| image(&format!("1.{minor}.0"))).collect();
    let there_and_back = versions.iter().chain(versions.iter().rev().skip(1));
    let mut disk = Disk::with(0, &versions[0].version, "", Some(""));
    for (running, next) in there_and_back.clone().zip(there_and_back.skip(1)) {
        let case = Case { running: running.clone(), next: next.clone(), before: running.clone(), disk };
        let mut boot = case.boot(&case.ready(), &[], Parameters::Wanted).expect("up");
        for through_parameters in [false, true] {
            assert_eq!(
                (&boot.version, boot.through_parameters),
                (&next.version, through_parameters),
                "first without, then with parameters"
            );
            let mut journal = Journal::new(&boot.disk);
            journal.steps(&bless(&boot.disk.esp(), &next.version, through_parameters).expect("steps"), None);
            boot = case.boot(journal.now(), &[], Parameters::Wanted).expect("up");
        }
        let Esp { images, entries, copies } = boot.disk.esp();
        assert!(images.len() == 2 && entries.len() <= 2 && copies.len() <= 2, "{images:?} {entries:?} {copies:?}");
        disk = boot.disk;
    }
}

/// The test can fail: an entry with parameters that loses its counter while its image is on trial starts a bad version for ever.
#[test]
fn parameters_that_are_proven_before_their_image_end_in_a_loop() {
    let case = &cases()[0];
    assert!(case.boot(&case.ready(), &[&case.next.version], Parameters::Wanted).is_some());
    assert!(case.boot(&case.ready(), &[&case.next.version], Parameters::ProvenTooEarly).is_none());
}

/// The test can fail: without the flush between content and name, a torn image is first.
#[test]
fn a_name_before_its_content_is_found_out() {
    let case = &cases()[0];
    let mut journal = Journal::new(&case.disk);
    journal.steps(&stage(&journal.now().esp(), &case.running.version).expect("steps"), None);
    journal.fill_slot(1, &case.next.version);
    let steps = activate(&journal.now().esp(), &case.running, &case.next).expect("steps");
    let careless: Vec<_> = steps.into_iter().filter(|step| *step != Step::Sync).collect();
    journal.steps(&careless, Some(&case.next.version));
    let mut rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let torn = |disk: &Disk| first(disk, &case.images()).is_ok_and(|entry| !disk.is_whole(&entry));
    assert!(crash_states(&journal, &mut rng).iter().any(torn));
}

#[test]
fn the_loader_is_whole_at_each_moment() {
    let machine = ampoule_layout::Architecture::X86_64;
    for (then, starts) in [(use_loader(machine), "loader"), (drop_loader(machine), "old")] {
        let mut disk = Disk::default();
        disk.files.insert("EFI/BOOT/BOOTX64.EFI".to_owned(), File::Whole("old".to_owned()));
        let mut journal = Journal::new(&disk);
        journal.steps(&draft_loader(machine), None);
        journal.steps(&then, None);
        let mut rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        for state in crash_states(&journal, &mut rng) {
            assert!(matches!(state.files.get("EFI/BOOT/BOOTX64.EFI"), Some(File::Whole(_))), "{state:#?}");
        }
        let whole = |name: &str| journal.now().files.get(name).cloned();
        assert_eq!(whole("EFI/BOOT/BOOTX64.EFI"), Some(File::Whole(starts.to_owned())));
        assert_eq!(whole("EFI/BOOT/BOOTX64.OLD"), Some(File::Whole("old".to_owned())));
        assert_eq!(whole("EFI/BOOT/BOOTX64.NEW"), None);
    }
}

/// Whatever crashes left takes no room from the next update, and nothing of others is touched.
#[test]
fn leftovers_of_other_versions_go() {
    let names = |list: &[&str]| list.iter().map(ToString::to_string).collect();
    let esp = Esp {
        images: names(&[
            "ampoule_1.0.0.efi",
            "ampoule_0.9.0+0-3.efi",
            "AMPOULE_0.8.0.EFI",
            "ampoule_1.1.0+3.efi.new",
            "ampoule_x.efi",
            "memtest.efi",
        ]),
        entries: names(&[
            "ampoule_1.0.0.parameters+2-1.conf",
            "ampoule_0.9.0.parameters.conf",
            "ampoule_0.9.0.parameters.conf.new",
            "other.conf",
        ]),
        copies: names(&["1.0.0.efi", "1.0.0.efi.new", "0.9.0.efi", "0.9.0.efi.new", "next.part", "settled"]),
    };
    let removed: Vec<_> = stage(&esp, &Version::new(1, 0, 0)).expect("steps").into_iter().filter(|step| *step != Step::Sync).collect();
    let expected = [
        "loader/entries/ampoule_0.9.0.parameters.conf",
        "loader/entries/ampoule_0.9.0.parameters.conf.new",
        "EFI/Linux/ampoule_0.9.0+0-3.efi",
        "EFI/Linux/AMPOULE_0.8.0.EFI",
        "EFI/Linux/ampoule_1.1.0+3.efi.new",
        "EFI/Linux/ampoule_x.efi",
        "EFI/ampoule/0.9.0.efi",
        "EFI/ampoule/0.9.0.efi.new",
        "EFI/ampoule/next.part",
    ];
    assert_eq!(removed, expected.map(|path| Step::Remove(path.to_owned())));
}

#[test]
fn what_would_lose_the_way_back_is_refused() {
    let (one, two) = (image("1.0.0"), image("1.1.0"));
    let on_trial = Disk::with(0, &one.version, "+2-1", None).esp();
    assert_eq!(stage(&on_trial, &one.version), Err(LoaderError::OnTrial(one.version.clone())));
    assert_eq!(stage(&on_trial, &two.version), Err(LoaderError::Missing(two.version.clone())));
    let alone = Disk::with(0, &one.version, "", None).esp();
    assert_eq!(condemn(&alone, &one.version, &two.version), Err(LoaderError::Missing(two.version.clone())));
    assert_eq!(rollback(&alone, &one, &two), Err(LoaderError::Missing(two.version.clone())));
    assert_eq!(activate(&alone, &one, &one), Err(LoaderError::SameVersion(one.version.clone())));
    assert_eq!(stage(&alone, &one.version), Ok(Vec::new()));
}
