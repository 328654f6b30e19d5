//! A status socket: whoever connects gets one document, then the connection is closed. It is never read from, so nobody can send a program anything through it.

use std::future::Future;
use std::io;
use std::path::Path;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{UnixListener, UnixStream};

/// A reader that does not take a few KiB in this time does not want them; the next one waits this long at most.
const PATIENCE: Duration = Duration::from_secs(2);
/// Wait after a connection that could not be taken, as when all descriptors are in use.
const PAUSE: Duration = Duration::from_millis(50);

/// Binds the socket, in place of one of an earlier life. Call it inside the runtime.
///
/// # Errors
/// The kernel's.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    // Who may come near is decided by the folder; nobody can send anything through it.
    let listener = crate::listen(path, 0o666)?;
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener)
}

/// Answers whoever connects with what `document` makes, one after the other, for ever.
pub async fn serve<F, D>(listener: UnixListener, document: F)
where
    F: Fn() -> D,
    D: Future<Output = Vec<u8>>,
{
    loop {
        match listener.accept().await {
            Ok((reader, _)) => {
                let answer = answer(reader, document());
                // A reader that went is no concern of ours.
                let _ = tokio::time::timeout(PATIENCE, answer).await;
            }
            Err(error) => {
                log::warn!("The status socket takes no connection: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn answer(mut reader: UnixStream, document: impl Future<Output = Vec<u8>>) -> io::Result<()> {
    reader.write_all(&document.await).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;
    use tokio::time::{Instant, timeout};

    async fn read(path: &Path) -> Vec<u8> {
        let mut bytes = Vec::new();
        UnixStream::connect(path).await.expect("connects").read_to_end(&mut bytes).await.expect("reads");
        bytes
    }

    #[tokio::test]
    async fn each_reader_gets_a_document_and_a_socket_of_an_earlier_life_is_no_obstacle() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("a.status");
        drop(bind(&path).expect("binds"));
        tokio::spawn(serve(bind(&path).expect("binds again"), || async { b"{}".to_vec() }));
        assert_eq!((read(&path).await, read(&path).await), (b"{}".to_vec(), b"{}".to_vec()));
    }

    #[tokio::test]
    async fn neither_a_reader_nor_a_document_that_hangs_holds_up_the_next_for_long() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("a.status");
        // Far more than the kernel keeps for a reader that does not read.
        tokio::spawn(serve(bind(&path).expect("binds"), || async { vec![b'x'; 8 << 20] }));
        let _silent = UnixStream::connect(&path).await.expect("connects");
        let start = Instant::now();
        let second = timeout(PATIENCE * 3, read(&path)).await.expect("in time");
        assert_eq!(second.len(), 8 << 20);
        assert!(start.elapsed() >= PATIENCE / 2, "the first one did not hang: the test shows nothing");

        let path = place.path().join("b.status");
        tokio::spawn(serve(bind(&path).expect("binds"), std::future::pending::<Vec<u8>>));
        assert!(timeout(PATIENCE * 2, read(&path)).await.expect("closed in time").is_empty());
    }
}
