use proptest::prelude::*;

use super::*;
use crate::example;

fn bad(version: &str, hash: u8) -> BadVersion {
    let version = version.parse().expect("a version");
    let root_hash = RootHash::from_bytes([hash; 32]).to_string();
    BadVersion { version, root_hash, reason: "the API did not answer".to_owned(), at: Timestamp::from_seconds(7) }
}

fn full() -> Record {
    let mut record = Record { state: State::Ready, chosen: Some(example::update("1.2.0")), ..Record::default() };
    record.trial = Some(Trial {
        version: Version::new(1, 2, 0),
        root_hash: "07".repeat(32),
        from: Version::new(1, 1, 0),
        since: Timestamp::from_seconds(5),
        workloads: vec!["web".to_owned()],
        boot: "7e1c".to_owned(),
    });
    record.last_command =
        Some(LastCommand { command: "activate".to_owned(), success: Some(true), at: Timestamp::from_seconds(5), message: String::new() });
    record.condemn(bad("1.1.5", 1));
    record
}

#[test]
fn what_is_written_is_read() {
    let record = full();
    let (read, error) = Record::read(Some(record.to_json().as_bytes()));
    assert!(error.is_none(), "{error:?}");
    assert_eq!(read, record);
    assert!(Record::read(None).1.is_none());
}

#[test]
fn no_two_commands_on_end_have_the_same_moment() {
    let at = |seconds| Timestamp::from_seconds(seconds);
    assert_eq!(Record::default().moment_of_command(at(5)), at(5));
    // The last one ended at 5.
    for (now, moment) in [(4, 6), (5, 6), (6, 6), (7, 7), (900, 900), (-900, -900)] {
        assert_eq!(full().moment_of_command(at(now)), at(moment), "{now}");
    }
}

#[test]
fn what_cannot_be_read_begins_anew_and_says_so() {
    for (what, word) in [("\"format\": 1", "\"format\": 2"), ("\"state\": \"Ready\"", "\"state\": \"Gone\""), ("12588", "12589")] {
        let (record, error) = Record::read(Some(full().to_json().replace(what, word).as_bytes()));
        assert!(matches!(error, Some(RecordError::Format(2) | RecordError::Damaged(_))), "{word}");
        let kept = Record { bad: full().bad, trial: full().trial, ..Record::default() };
        assert_eq!(record, kept, "a version that was bad stays bad");
    }
    let cut = &full().to_json().into_bytes()[..100];
    assert!(matches!(Record::read(Some(cut)), (record, Some(RecordError::Damaged(_))) if record == Record::default()));
    let long = vec![b' '; MAX_RECORD + 1];
    assert!(matches!(Record::read(Some(&long)), (_, Some(RecordError::TooLong(_)))));
    assert!(matches!(Record::read(Some(b"")), (_, Some(RecordError::Damaged(_)))));
}

#[test]
fn a_version_that_is_returned_to_reads_what_the_newer_one_wrote() {
    let newer = full().to_json().replacen("{", "{\"later\": {\"a\": 1},", 1).replace("\"reason\"", "\"more\": 7, \"reason\"");
    let (record, error) = Record::read(Some(newer.as_bytes()));
    assert!(error.is_none() && record == full(), "{error:?}");
}

#[test]
fn an_image_is_bad_and_a_rebuilt_one_of_its_version_is_not() {
    let mut record = full();
    record.condemn(bad("1.1.5", 1));
    assert_eq!(record.bad().count(), 1, "once");
    let version = Version::new(1, 1, 5);
    assert!(record.reason_against(&version, RootHash::from_bytes([1; 32])).is_some());
    assert!(record.reason_against(&version, RootHash::from_bytes([2; 32])).is_none());
    assert_eq!((record.forgive(Some(&Version::new(9, 0, 0))), record.forgive(Some(&version)), record.forgive(None)), (0, 1, 0));
}

#[test]
fn it_stays_bounded() {
    let mut record = Record::default();
    for minor in 0..100 {
        record.condemn(BadVersion { reason: "é".repeat(100_000), ..bad(&format!("1.{minor}.0"), 1) });
    }
    assert_eq!(record.bad().count(), MAX_BAD);
    assert_eq!(record.bad().next().map(|bad| bad.version.minor), Some(100 - MAX_BAD as u64), "the oldest are forgotten");
    assert!(record.to_json().len() < MAX_RECORD);
}

proptest! {
    #[test]
    fn damage_is_survived(at in 0usize..2000, byte: u8) {
        let mut bytes = full().to_json().into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        let (record, _) = Record::read(Some(&bytes));
        prop_assert!(Record::read(Some(record.to_json().as_bytes())).1.is_none());
    }
}
