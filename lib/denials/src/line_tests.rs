use proptest::prelude::*;

use super::*;

fn parse(line: &str) -> Option<Denial> {
    Record::of_line(line)?.denial()
}

fn is_routine(line: &str) -> bool {
    Record::of_line(line).is_some_and(|record| record.is_routine())
}

const FILE: &str = r#"audit: type=1400 audit(1700000000.123:45): avc:  denied  { read write } for  pid=123 comm="cat" name="shadow" dev="vda6" ino=12 scontext=system_u:system_r:container_t:s0:c1,c2 tcontext=system_u:object_r:etc_t:s0 tclass=file permissive=0"#;
const KILLED: &str = r#"audit: type=1326 audit(1700000001.004:46): auid=4294967295 uid=0 gid=0 ses=4294967295 subj=system_u:system_r:netd_t:s0 pid=77 comm="netd" exe="/usr/bin/netd" sig=31 arch=c000003e syscall=101 compat=0 ip=0x7f12 code=0x80000000"#;

const ANSWERED_MOUNT: &str = r#"audit: type=1326 audit(1700000002.005:47): auid=4294967295 uid=655360 gid=655360 ses=4294967295 subj=system_u:system_r:container_t:s0:c1,c2 pid=78 comm="sh" exe="/bin/sh" sig=0 arch=c000003e syscall=165 compat=0 ip=0x7f12 code=0x50000"#;

fn context(typ: &str, level: &str) -> Context {
    Context { typ: typ.into(), level: level.into() }
}

#[test]
fn an_access_that_was_denied() {
    let refused = Refused::Access {
        target: context("etc_t", "s0"),
        object: Some("shadow".into()),
        class: "file".into(),
        permissions: vec!["read".into(), "write".into()],
        permissive: false,
    };
    let source = Some(context("container_t", "s0:c1,c2"));
    let expected = Denial { time_ms: 1_700_000_000_123, serial: 45, pid: Some(123), command: "cat".into(), source, refused };
    assert_eq!(parse(FILE), Some(expected));
}

#[test]
fn a_process_ended_for_a_system_call() {
    let denial = parse(KILLED).expect("a denial");
    assert_eq!(denial.refused, Refused::SystemCall { number: 101, architecture: 0xc000_003e });
    assert_eq!((denial.pid, denial.command.as_str(), denial.source), (Some(77), "netd", Some(context("netd_t", "s0"))));
    let before_a_policy = KILLED.replace("system_u:system_r:netd_t:s0", "kernel");
    assert_eq!(parse(&before_a_policy).expect("a denial").source, None);
}

#[test]
fn a_call_that_was_answered_with_an_error() {
    let denial = parse(ANSWERED_MOUNT).expect("a denial");
    assert_eq!(denial.refused, Refused::Call { name: "mount", number: 165 });
    assert_eq!((denial.pid, denial.source, denial.serial), (Some(78), Some(context("container_t", "s0:c1,c2")), 47));
}

/// `clone3` is answered so to every program of the C library.
#[test]
fn what_programs_try_as_a_matter_of_course_is_no_denial() {
    let routine = ANSWERED_MOUNT.replace("syscall=165", "syscall=435");
    assert!(parse(&routine).is_none() && is_routine(&routine));
    for told in [ANSWERED_MOUNT, KILLED, FILE, "EXT4-fs (vda2): mounted", &KILLED.replace("syscall=101", "syscall=435")] {
        assert!(!is_routine(told), "{told}");
    }
}

#[test]
fn records_have_numbers_and_the_kernel_says_how_many_it_lost() {
    let serial = |line| Record::of_line(line).map(|record| record.serial);
    assert_eq!((serial(FILE), serial("audit: type=1403 audit(1.0:2): lsm=selinux res=1"), serial("x")), (Some(45), Some(2), None));
    assert_eq!(lost("audit: audit_lost=12 audit_rate_limit=0 audit_backlog_limit=64"), Some(12));
    assert_eq!((lost(FILE), lost("audit: audit_lost=x")), (None, None));
}

#[test]
fn a_socket_a_capability_and_a_path() {
    let socket = r#"audit: type=1400 audit(1.000:1): avc:  denied  { name_connect } for  pid=1 comm="nc" dest=80 scontext=a:b:container_t:s0 tcontext=a:b:port_t:s0 tclass=tcp_socket permissive=1"#;
    let Refused::Access { object, permissive, class, .. } = parse(socket).expect("a denial").refused else { panic!("an access") };
    assert_eq!((object, permissive, class.as_str()), (None, true, "tcp_socket"));
    let path = FILE.replace("name=\"shadow\"", "path=\"/etc/shadow\"");
    let Refused::Access { object, .. } = parse(&path).expect("a denial").refused else { panic!("an access") };
    assert_eq!(object.as_deref(), Some("/etc/shadow"));
}

/// A process named `x" scontext=a:b:init_t:s0` and a file with a line feed: the kernel writes both as hexadecimal.
#[test]
fn what_others_choose_changes_nothing_else() {
    let hostile = FILE.replace("\"cat\"", "782220736372").replace("\"shadow\"", "610A62");
    let denial = parse(&hostile).expect("a denial");
    assert_eq!(denial.command, "x\" scr");
    assert_eq!(denial.source, Some(context("container_t", "s0:c1,c2")));
    let Refused::Access { object, .. } = denial.refused else { panic!("an access") };
    assert_eq!(object.as_deref(), Some("a\nb"));
}

#[test]
fn what_tells_of_nothing_refused_is_passed_over() {
    for line in [
        "",
        "audit: type=1400",
        "audit: type=1403 audit(1.0:2): auid=4294967295 ses=4294967295 lsm=selinux res=1",
        "EXT4-fs (vda2): mounted",
        &FILE.replace("denied", "granted"),
        &FILE.replace("tclass=file", ""),
        &FILE.replace("{ read write }", "{ }"),
        &FILE.replace("{ read write }", "{ (allow }"),
        &FILE.replace("system_u:system_r:container_t:s0:c1,c2", "nonsense"),
        &FILE.replace("1700000000.123:45", "99999999999999999999.1:1"),
        &FILE[..FILE.len() - 40],
        &format!("x {FILE}"),
    ] {
        assert_eq!(parse(line), None, "{line}");
    }
}

proptest! {
    #[test]
    fn any_text_is_survived(line in ".{0,300}") {
        let _ = parse(&line);
    }

    /// Lines that are nearly right, cut and with anything in them.
    #[test]
    fn any_change_of_a_line_is_survived(at in 0usize..FILE.len(), length in 0usize..40, with in ".{0,20}", killed: bool) {
        let line = if killed { KILLED } else { FILE };
        let (start, end) = (at.min(line.len()), (at + length).min(line.len()));
        if let Some(denial) = parse(&format!("{}{with}{}", &line[..start], &line[end..])) {
            prop_assert!(denial.command.chars().count() <= MAX_NAME);
        }
    }

    /// Whatever bytes a name has, written as the kernel writes them, all else is as it was.
    #[test]
    fn a_name_of_any_bytes_is_a_name(name in proptest::collection::vec(any::<u8>(), 1..16)) {
        let hex: String = name.iter().map(|b| format!("{b:02X}")).collect();
        let denial = parse(&FILE.replace("\"cat\"", &hex)).expect("a denial");
        prop_assert_eq!(denial.command, String::from_utf8_lossy(&name).into_owned());
        prop_assert_eq!(denial.source, Some(context("container_t", "s0:c1,c2")));
    }
}
