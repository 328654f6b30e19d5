//! What the kernel refused, counted as its records are read, and the status socket that tells it.

use std::{
    io::{self, Write},
    os::unix::net::UnixListener,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use ampoule_api_types::v1::{Denial as Told, DenialKind, DenialList};
use ampoule_denials::{Counted, Record, Refused, Sequence, Tally};

/// Readers are served one after the other, each for at most this long.
const PATIENCE: Duration = Duration::from_secs(2);
/// After a connection that could not be taken, as when all descriptors are in use.
const PAUSE: Duration = Duration::from_millis(50);
/// Its thread makes a document of bounded size, no more.
const STACK: usize = 128 * 1024;

/// The denials so far, shared by who reads the kernel's records and who tells of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Denials(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    tally: Tally,
    /// Number of the last record that was counted from the log.
    from_log: u64,
    /// The records that came by themselves; when there is one, the log is no longer counted from.
    records: Option<Sequence>,
    /// What the kernel says it had no room for.
    lost: u64,
}

impl State {
    /// Of no kind that there is room for, come when there was no room, or never numbered by the kernel for the same reason.
    fn left_out(&self) -> u64 {
        let missing = self.records.map_or(0, |records| records.missing());
        self.tally.left_out().saturating_add(missing).saturating_add(self.lost)
    }
}

impl Denials {
    /// Takes a line of the log that the kernel itself wrote. It has what was refused before this program was there; then records are counted.
    pub(crate) fn take(&self, line: &str) {
        let mut state = self.state();
        if let Some(lost) = ampoule_denials::lost(line) {
            state.lost = lost;
        }
        if let Some(record) = Record::of_line(line).filter(|_| state.records.is_none()) {
            state.from_log = state.from_log.max(record.serial);
            state.tally.take(&record);
        }
    }

    /// Takes a record, unless the log had it before.
    pub(crate) fn take_record(&self, record: &Record<'_>) {
        let mut state = self.state();
        state.records.get_or_insert_default().take(record.serial);
        if record.serial > state.from_log {
            state.tally.take(record);
        }
    }

    /// The denials so far, without names of workloads.
    pub(crate) fn list(&self) -> DenialList {
        let state = self.state();
        DenialList { denials: state.tally.entries().map(told).collect(), left_out: state.left_out() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers on `path` from now on, whoever connects.
    pub(crate) fn serve(self, path: &Path) -> io::Result<()> {
        let listener = ampoule_report::listen(path, 0o660)?;
        thread::Builder::new().name("denials".into()).stack_size(STACK).spawn(move || self.answer_all(&listener)).map(drop)
    }

    fn answer_all(&self, listener: &UnixListener) {
        loop {
            let Ok((mut reader, _)) = listener.accept() else {
                thread::sleep(PAUSE);
                continue;
            };
            // A reader that goes away is no news.
            let _ = reader.set_write_timeout(Some(PATIENCE)).and_then(|()| reader.write_all(&self.document()));
        }
    }

    fn document(&self) -> Vec<u8> {
        serde_json::to_vec(&self.list()).unwrap_or_default()
    }
}

fn told(counted: &Counted) -> Told {
    let denial = &counted.last;
    let whose = denial.source.as_ref();
    let mut told = Told {
        count: counted.count,
        first_ms: counted.first_ms,
        last_ms: denial.time_ms,
        pid: denial.pid,
        process: denial.command.clone(),
        domain: whose.map(|context| context.typ.clone()),
        level: whose.map(|context| context.level.clone()),
        rule: denial.rule(),
        ..Told::default()
    };
    match &denial.refused {
        Refused::Access { target, object, class, permissions, permissive } => {
            told.target.clone_from(object);
            told.target_type = Some(target.typ.clone());
            told.class.clone_from(class);
            told.permissions.clone_from(permissions);
            told.permissive = *permissive;
        }
        Refused::Call { name, number } => {
            told.kind = DenialKind::CallRefused;
            told.call = Some((*name).to_owned());
            told.class = "system_call".to_owned();
            told.permissions = vec![number.to_string()];
        }
        Refused::SystemCall { number, .. } => {
            told.kind = DenialKind::ProcessEnded;
            told.class = "system_call".to_owned();
            told.permissions = vec![number.to_string()];
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use std::{io::Read, os::unix::net::UnixStream};

    use super::*;

    fn read(path: &Path) -> DenialList {
        let mut text = String::new();
        UnixStream::connect(path).expect("connects").read_to_string(&mut text).expect("reads");
        serde_json::from_str(&text).expect("a list")
    }

    #[test]
    fn whoever_connects_is_told() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("status");
        let denials = Denials::default();
        denials.clone().serve(&path).expect("serves");
        assert_eq!(read(&path), DenialList::default());
        let line = r#"audit: type=1400 audit(7.000:1): avc:  denied  { write } for  pid=5 comm="sh" name="passwd" scontext=u:r:container_t:s0:c1,c2 tcontext=u:r:etc_t:s0 tclass=file permissive=0"#;
        denials.take(line);
        denials.take(line);
        denials.take("nothing refused");
        let told = read(&path);
        assert_eq!((told.denials.len(), told.left_out), (1, 0));
        let first = &told.denials[0];
        assert_eq!((first.count, first.pid, first.process.as_str()), (2, Some(5), "sh"));
        assert_eq!((first.domain.as_deref(), first.level.as_deref()), (Some("container_t"), Some("s0:c1,c2")));
        assert_eq!((first.target.as_deref(), first.target_type.as_deref()), (Some("passwd"), Some("etc_t")));
        assert_eq!(first.rule, "(allow container_t etc_t (file (write)))");
    }

    #[test]
    fn kinds_are_told_apart() {
        let denials = Denials::default();
        let call =
            "audit: type=1326 audit(7.000:2): subj=u:r:container_t:s0:c1,c2 pid=9 comm=\"x\" sig=0 arch=c000003e syscall=165 code=0x50000";
        denials.take(call);
        denials.take(&call.replace("code=0x50000", "code=0x80000000"));
        denials.take("audit: audit_lost=3 audit_rate_limit=0 audit_backlog_limit=64");
        let list = denials.list();
        let told: Vec<_> = list.denials.iter().map(|d| (d.kind, d.call.as_deref(), d.class.as_str(), d.permissions[0].as_str())).collect();
        let expected =
            [(DenialKind::ProcessEnded, None, "system_call", "165"), (DenialKind::CallRefused, Some("mount"), "system_call", "165")];
        assert_eq!((told, list.left_out), (expected.to_vec(), 3));
    }

    #[test]
    fn a_reader_that_hangs_holds_up_the_next_for_no_longer_than_it_may() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("status");
        let denials = Denials::default();
        for n in 0..40 {
            for m in 0..60 {
                denials.take(&format!(
                    "audit: type=1400 audit(7.0:1): avc:  denied  {{ write }} for  pid=5 name=\"{}\" scontext=u:r:s{n}_t:s0 tcontext=u:r:t{m}_t:s0 tclass=file",
                    "x".repeat(200)
                ));
            }
        }
        denials.serve(&path).expect("serves");
        let _silent = UnixStream::connect(&path).expect("connects");
        assert_eq!(read(&path).denials.len(), ampoule_denials::MAX_ENTRIES);
    }
}
