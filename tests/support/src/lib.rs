//! What tests of programs share. Failures of what is set up here are panics: they are the test's own.

mod list;
mod names;
mod tls_noise;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
    thread,
};

use ampoule_supervise::message::{REQUEST_SIZE, Reply, Request};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, accept, bind, listen, recv, send, socket_with,
};

pub use list::{become_program, end, in_own_mounts, not_by_its_list, under_list};
pub use names::name_server;
pub use tls_noise::{greeting, tls_noise};

/// Listens at `path` as `init` does and replies to each message with what `answer` says, until the test ends.
///
/// # Panics
/// The socket cannot be made.
pub fn init(path: &Path, mut answer: impl FnMut(&[u8]) -> Reply + Send + 'static) {
    let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).expect("a socket");
    bind(&socket, &SocketAddrUnix::new(path).expect("an address")).expect("bound");
    listen(&socket, 8).expect("listening");
    thread::spawn(move || {
        while let Ok(client) = accept(&socket) {
            let mut bytes = [0; REQUEST_SIZE];
            while let Ok((REQUEST_SIZE, _)) = recv(&client, &mut bytes[..], RecvFlags::empty()) {
                // A client that went is the program's own affair.
                let _ = send(&client, &answer(&bytes).encode(), SendFlags::NOSIGNAL);
            }
        }
    });
}

/// A folder that looks like a node's `/`, and an `init` that says yes to everything at `/run/ampoule/init.sock` in it.
pub struct Tree {
    root: tempfile::TempDir,
    asked: Arc<Mutex<Vec<Request>>>,
}

impl Tree {
    /// With these folders.
    ///
    /// # Panics
    /// It cannot be made.
    #[must_use]
    pub fn new(folders: &[&str]) -> Self {
        let tree = Self { root: tempfile::tempdir().expect("a folder"), asked: Arc::default() };
        for folder in folders.iter().chain(&["etc/ampoule", "run/ampoule"]) {
            fs::create_dir_all(tree.path(folder)).expect("a folder");
        }
        let kept = Arc::clone(&tree.asked);
        init(&tree.path("run/ampoule/init.sock"), move |bytes| {
            kept.lock().expect("the list").extend(Request::decode(bytes));
            Reply::Done
        });
        tree
    }

    /// The place of what a program finds at `/BELOW`.
    #[must_use]
    pub fn path(&self, below: &str) -> PathBuf {
        self.root.path().join(below)
    }

    /// Puts a file there, with the folders above it.
    ///
    /// # Panics
    /// It cannot be written.
    pub fn write(&self, below: &str, content: impl AsRef<[u8]>) {
        let path = self.path(below);
        fs::create_dir_all(path.parent().expect("a file below the root")).expect("a folder");
        fs::write(path, content).expect("a file");
    }

    /// What `init` was asked so far, in order.
    ///
    /// # Panics
    /// A test that held the list has panicked.
    #[must_use]
    pub fn asked(&self) -> Vec<Request> {
        self.asked.lock().expect("the list").clone()
    }

    /// Runs a program that takes the place of `/` as its one argument, with the system calls of this list: whether it ended well, and what it logged.
    ///
    /// # Panics
    /// It cannot be started, or made a call that is not on the list.
    #[must_use]
    pub fn run(&self, program: &str, list: &str) -> (bool, String) {
        let mut command = Command::new(program);
        under_list(command.arg(self.root.path()), list);
        let out = command.output().expect("it runs");
        let _ = not_by_its_list(out.status);
        (out.status.success(), String::from_utf8_lossy(&out.stderr).into_owned())
    }
}
