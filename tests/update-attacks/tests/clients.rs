//! The publisher's own check as a client: what every attack must come to.

use std::path::Path;
use std::time::Duration;

use ampoule_publish::{Check, Report, Source, check, now};
use ampoule_update::Manifest;
use ampoule_update_attacks::{ATTACKS, Behaviour, NEWEST, Outcome, Prepared, Server, World, copy_tree};

/// How long a server may take for a file here.
const PATIENCE: Duration = Duration::from_secs(3);

fn look(place: &str, root: &[u8], seen: &Path) -> Report {
    let source = Source::new(place).expect("a repository").with_patience(PATIENCE);
    check(&Check { source: &source, root, seen: Some(seen), expect: None, warn_days: 0, now: now() }).expect("checked")
}

/// What a client finds that has seen what came before.
fn confront(prepared: &Prepared) -> Report {
    let seen = tempfile::tempdir().expect("a directory");
    for before in &prepared.before {
        let report = look(&before.to_string_lossy(), &prepared.root, seen.path());
        assert!(report.is_good(), "before: {report:#?}");
    }
    if prepared.behaviour == Behaviour::Honest {
        return look(&prepared.repository.to_string_lossy(), &prepared.root, seen.path());
    }
    let server = Server::start(&prepared.repository, prepared.behaviour).expect("a server");
    look(&server.url(), &prepared.root, seen.path())
}

fn is_newest(manifest: Option<&Manifest>) -> bool {
    let versions: Vec<_> = manifest.into_iter().flat_map(|m| &m.updates).map(|update| update.version.to_string()).collect();
    versions == ["1.1.0", NEWEST]
}

#[test]
fn every_attack_comes_to_what_it_must() {
    let wrong: Vec<String> = ATTACKS
        .iter()
        .filter_map(|attack| {
            // A world of its own: some attacks have the publisher replace keys.
            let world = World::new().expect("a world");
            let prepared = (attack.prepare)(&world).unwrap_or_else(|e| panic!("{}: {e:#}", attack.name));
            let report = confront(&prepared);
            let right = match prepared.outcome {
                Outcome::Refused => !report.is_good(),
                Outcome::Harmless => !report.is_good() || is_newest(report.manifest.as_ref()),
                Outcome::Accepted => report.is_good(),
            };
            (!right).then(|| format!("{}: {:?}, but {:#?}", attack.name, prepared.outcome, report.findings))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(!Path::new("/tmp/ampoule-was-here").exists());
}

/// Without this, a check that refuses everything would pass the one above.
#[test]
fn an_honest_repository_is_good_from_a_folder_and_from_a_server() {
    let world = World::new().expect("a world");
    let prepared = Prepared {
        root: std::fs::read(world.keys.root_path()).expect("a root"),
        before: vec![world.older.clone()],
        repository: world.newest.clone(),
        behaviour: Behaviour::NoRanges,
        outcome: Outcome::Accepted,
    };
    for behaviour in [Behaviour::Honest, Behaviour::NoRanges] {
        let report = confront(&Prepared { behaviour, ..prepared.clone() });
        assert!(report.is_good() && report.findings.is_empty() && is_newest(report.manifest.as_ref()), "{report:#?}");
        assert_eq!(report.verified, 9);
    }
}

#[test]
fn copies_are_whole() {
    let world = World::new().expect("a world");
    let copy = tempfile::tempdir().expect("a directory");
    copy_tree(&world.newest, copy.path()).expect("copied");
    let seen = tempfile::tempdir().expect("a directory");
    let root = std::fs::read(world.keys.root_path()).expect("a root");
    assert!(look(&copy.path().to_string_lossy(), &root, seen.path()).is_good());
}
