//! The loop that takes everything in. It never waits for a reader, a disk or a console; only for news.

use std::{
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixListener,
    },
    path::Path,
};

use rustix::event::{PollFd, PollFlags, poll};

use crate::{
    clock::Moment,
    denials::Denials,
    draft::Draft,
    ingest::Connections,
    journal::Writer,
    kernel::KernelLog,
    pipes::{Handed, Handover, Pipes},
    readers::Readers,
    records::Records,
};

/// Everything the loop listens to and writes to.
pub(crate) struct Service {
    pub(crate) writer: Writer,
    pub(crate) readers: Readers,
    pub(crate) queries: UnixListener,
    pub(crate) ingest: UnixListener,
    pub(crate) handover: Option<Handover>,
    pub(crate) kernel: Option<KernelLog>,
    pub(crate) denials: Denials,
    /// Not followed yet.
    pub(crate) records: Option<Records>,
    /// Readable when init wants this program to end.
    pub(crate) stop: OwnedFd,
}

/// What has news, each list in the order of what it stands for.
struct News {
    stop: bool,
    queries: bool,
    ingest: bool,
    handover: bool,
    kernel: bool,
    pipes: Vec<bool>,
    connections: Vec<bool>,
}

impl Service {
    /// Until init says stop; then takes what is still in the pipes and makes all durable.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let (mut pipes, mut connections) = (Pipes::new(), Connections::default());
        loop {
            let news = self.wait(&pipes, &connections)?;
            let drafts = self.take_in(&news, &mut pipes, &mut connections);
            self.writer.write(drafts);
            if news.stop {
                self.drain(&mut pipes, &mut connections)?;
                self.writer.finish();
                return Ok(());
            }
        }
    }

    fn wait(&self, pipes: &Pipes, connections: &Connections) -> io::Result<News> {
        self.look(pipes, connections, None)
    }

    fn look(&self, pipes: &Pipes, connections: &Connections, patience: Option<&rustix::event::Timespec>) -> io::Result<News> {
        let mut fds = vec![self.stop.as_fd(), self.queries.as_fd(), self.ingest.as_fd()];
        fds.extend(self.handover.as_ref().map(AsFd::as_fd));
        fds.extend(self.kernel.as_ref().map(AsFd::as_fd));
        fds.extend(pipes.iter().map(AsFd::as_fd));
        fds.extend(connections.iter());
        let mut polled: Vec<PollFd<'_>> = fds.iter().map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
        match poll(&mut polled, patience) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut ready = polled.iter().map(|fd| !fd.revents().is_empty());
        let mut next = |there: bool| there && ready.next().unwrap_or(false);
        Ok(News {
            stop: next(true),
            queries: next(true),
            ingest: next(true),
            handover: next(self.handover.is_some()),
            kernel: next(self.kernel.is_some()),
            pipes: pipes.iter().map(|_| next(true)).collect(),
            connections: connections.iter().map(|_| next(true)).collect(),
        })
    }

    fn take_in(&mut self, news: &News, pipes: &mut Pipes, connections: &mut Connections) -> Vec<Draft> {
        let mut drafts = Vec::new();
        if let Some(kernel) = self.kernel.as_mut().filter(|_| news.kernel) {
            drafts.extend(kernel.read(Moment::now()));
        }
        if news.handover {
            self.take_handed(pipes);
        }
        self.follow_records(news.kernel);
        drafts.extend(pipes.read(news.pipes.iter().copied()));
        drafts.extend(connections.read(news.connections.iter().copied()));
        if news.queries
            && let Ok((stream, _)) = self.queries.accept()
        {
            self.readers.serve(stream);
        }
        if news.ingest
            && let Ok((stream, _)) = self.ingest.accept()
        {
            connections.add(stream);
        }
        drafts
    }

    /// Not before the log is read up to where they begin, or what both have would count twice.
    fn follow_records(&mut self, log_has_more: bool) {
        if log_has_more && !self.kernel.as_ref().is_none_or(KernelLog::has_caught_up) {
            return;
        }
        if let Some(Err(error)) = self.records.take().map(Records::follow) {
            log::warn!("the kernel's records are not counted: {error}");
        }
    }

    fn take_handed(&mut self, pipes: &mut Pipes) {
        match self.handover.as_ref().map(Handover::next) {
            Some(Ok(Some(Handed::Pipe(pipe)))) => pipes.add(pipe),
            Some(Ok(Some(Handed::Records(socket)))) => self.records = Some(Records::over(socket, self.denials.clone())),
            Some(Err(error)) => {
                log::warn!("init hands over no more output: {error}");
                self.handover = None;
            }
            Some(Ok(None)) | None => {}
        }
    }

    /// A bounded number of rounds: a service that floods must not keep the machine from stopping.
    fn drain(&mut self, pipes: &mut Pipes, connections: &mut Connections) -> io::Result<()> {
        const ROUNDS: usize = 64;
        let at_once = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        for _ in 0..ROUNDS {
            let news = self.look(pipes, connections, Some(&at_once))?;
            let drafts = self.take_in(&news, pipes, connections);
            if drafts.is_empty() {
                break;
            }
            self.writer.write(drafts);
        }
        self.writer.write(pipes.finish());
        Ok(())
    }
}

/// A socket at `path` for this user and its group, which is looked at and never waited for.
pub(crate) fn listen(path: &Path) -> io::Result<UnixListener> {
    let listener = ampoule_report::listen(path, 0o660)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
