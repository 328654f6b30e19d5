//! Sockets that programs of the node answer at.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

/// Listens at `path` in place of a socket of an earlier life; `mode` says who may connect. Accepting blocks.
///
/// # Errors
/// The kernel's.
pub fn listen(path: &Path, mode: u32) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_takes_the_place_of_one_left_over_with_the_mode_that_was_asked() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("socket");
        drop(listen(&path, 0o600).expect("listens"));
        let _listener = listen(&path, 0o660).expect("in place of the one before");
        assert_eq!(std::fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o660);
        assert!(listen(place.path(), 0o660).is_err(), "a folder is no socket");
    }
}
