//! The whole program on sockets and pipes of its own.

use std::{
    io::{BufRead, BufReader, IoSlice, Write},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    thread::JoinHandle,
    time::Duration,
};

use ampoule_logwire::{Ingest, Query, Record, decode, encode};
use rustix::net::{AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, sendmsg, socketpair};

use super::*;

/// A running log service and what a test holds of it.
struct Node {
    folder: tempfile::TempDir,
    init: OwnedFd,
    stop: UnixStream,
    service: JoinHandle<io::Result<()>>,
}

impl Node {
    fn start() -> Self {
        Self::start_in(tempfile::tempdir().expect("folder"))
    }

    fn start_in(folder: tempfile::TempDir) -> Self {
        let place = place::sized(folder.path().join("log"), 4 << 20);
        let mut service = start(folder.path(), place).expect("start");
        let (init, handover) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).expect("socketpair");
        let (stop, stopped) = UnixStream::pair().expect("pair");
        service.handover = pipes::Handover::over(handover);
        service.kernel = None;
        service.stop = stopped.into();
        let service = std::thread::spawn(move || service.run());
        Self { folder, init, stop, service }
    }

    fn stop(self) -> tempfile::TempDir {
        drop(self.stop);
        self.service.join().expect("no panic").expect("a clean end");
        self.folder
    }

    fn hand_over(&self, name: &str) -> std::io::PipeWriter {
        let (reader, writer) = std::io::pipe().expect("pipe");
        self.hand_over_reader(name, &reader);
        writer
    }

    fn hand_over_reader(&self, name: &str, reader: &std::io::PipeReader) {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut rights = SendAncillaryBuffer::new(&mut space);
        let descriptors = [reader.as_fd()];
        assert!(rights.push(SendAncillaryMessage::ScmRights(&descriptors)));
        sendmsg(&self.init, &[IoSlice::new(name.as_bytes())], &mut rights, SendFlags::empty()).expect("send");
    }

    fn ask(&self, query: &Query) -> Answers {
        let mut stream = UnixStream::connect(self.folder.path().join(QUERY_SOCKET)).expect("connect");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("timeout");
        // Who is one too many may be told so before it has asked.
        if let Err(error) = stream.write_all(&encode(query)) {
            assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe, "{error}");
        }
        Answers(BufReader::new(stream))
    }
}

struct Answers(BufReader<UnixStream>);

impl Iterator for Answers {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        let mut line = Vec::new();
        self.0.read_until(b'\n', &mut line).expect("an answer in time");
        (!line.is_empty()).then(|| decode(&line).expect("a record"))
    }
}

fn following(source: &str) -> Query {
    Query { sources: vec![source.to_owned()], follow: true, ..Query::default() }
}

#[test]
fn output_of_services_and_workloads_is_followed_and_kept() {
    let node = Node::start();
    let mut apid = node.hand_over("apid");
    apid.write_all(b"<3>first\nsecond\n").expect("write");
    let mut follower = node.ask(&following("apid"));
    let first = follower.next().expect("first");
    assert_eq!((first.level, first.text.as_str(), first.source.as_str()), (3, "first", "apid"));
    assert_eq!(follower.next().expect("second").text, "second");
    apid.write_all(b"third").expect("write");
    drop(apid);
    assert_eq!(follower.next().expect("the last line, without its end").text, "third");

    let mut hostd = UnixStream::connect(node.folder.path().join(INGEST_SOCKET)).expect("connect");
    let source = "workload/web".parse().expect("source");
    let mut web = node.ask(&following("workload/"));
    hostd.write_all(&encode(&Ingest { source, level: 6, text: "GET /".into() })).expect("write");
    assert_eq!(web.next().expect("line").text, "GET /");

    let folder = node.stop();
    let node = Node::start_in(folder);
    let kept: Vec<String> = node.ask(&Query::default()).map(|record| record.text).collect();
    assert_eq!(kept, ["first", "second", "third", "GET /"]);
    node.stop();
}

#[test]
fn what_is_in_a_pipe_at_the_end_is_kept() {
    let node = Node::start();
    let mut netd = node.hand_over("netd");
    netd.write_all(b"a\n").expect("write");
    assert_eq!(node.ask(&following("netd")).next().expect("a").text, "a");
    let lines: String = (0..1000).map(|number| format!("line {number}\n")).collect();
    netd.write_all(lines.as_bytes()).expect("write");
    let node = Node::start_in(node.stop());
    assert_eq!(node.ask(&Query { tail: Some(1), ..Query::default() }).next().expect("last").text, "line 999");
    node.stop();
}

#[test]
fn a_pipe_handed_over_twice_is_read_once() {
    let node = Node::start();
    let (reader, mut writer) = std::io::pipe().expect("pipe");
    node.hand_over_reader("apid", &reader);
    node.hand_over_reader("apid", &reader);
    let mut follower = node.ask(&following("apid"));
    for number in 0..100 {
        writer.write_all(format!("{number}\n").as_bytes()).expect("write");
        assert_eq!(follower.next().expect("in order").text, number.to_string());
    }
    node.stop();
}

#[test]
fn strangers_are_survived() {
    let node = Node::start();
    for rubbish in [&b"\n"[..], b"{\"follow\":1}\n", b"\xff\xff\0", &[b'x'; 100_000]] {
        let mut query = UnixStream::connect(node.folder.path().join(QUERY_SOCKET)).expect("connect");
        let _ = query.write_all(rubbish);
        drop(query);
        let mut ingest = UnixStream::connect(node.folder.path().join(INGEST_SOCKET)).expect("connect");
        let _ = ingest.write_all(rubbish);
    }
    drop(node.hand_over("../../etc"));
    rustix::net::send(&node.init, b"no descriptor", SendFlags::empty()).expect("send");
    let mut good = node.hand_over("apid");
    good.write_all(b"still here\n").expect("write");
    assert_eq!(node.ask(&following("apid")).next().expect("line").text, "still here");
    let mut wrong = UnixStream::connect(node.folder.path().join(QUERY_SOCKET)).expect("connect");
    wrong.write_all(b"{\"follow\":1}\n").expect("write");
    let note = Answers(BufReader::new(wrong)).next().expect("a note");
    assert!(note.text.contains("query refused"), "{}", note.text);
    node.stop();
}

#[test]
fn one_reader_too_many_is_told() {
    let node = Node::start();
    let held: Vec<Answers> = (0..40).map(|_| node.ask(&following("none"))).collect();
    let told = held.into_iter().rev().map(|mut answers| answers.next()).next().flatten().expect("a note");
    assert!(told.text.contains("readers"), "{}", told.text);
    node.stop();
}

#[test]
fn a_flood_reaches_the_end_and_a_slow_reader_hears_of_the_gap() {
    let node = Node::start();
    let slow = node.ask(&following("loud"));
    let mut loud = node.hand_over("loud");
    for number in 0..20_000 {
        loud.write_all(format!("{number} {}\n", "x".repeat(300)).as_bytes()).expect("write");
    }
    loud.write_all(b"end\n").expect("write");
    let mut last = node.ask(&Query { tail: Some(1), ..following("loud") });
    while last.next().expect("line").text != "end" {}
    let gap = slow.take(20_000).find(|record| record.source.as_str() == "logd").expect("a gap is told");
    assert!(gap.text.contains("left out"), "{}", gap.text);
    node.stop();
}
