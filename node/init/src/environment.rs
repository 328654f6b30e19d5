//! Environment files, read when a service starts.

use crate::console::{Level, log, note};
use ampoule_supervise::environment::{Environment, MAX_FILE, parse};
use rustix::fs::{Mode, OFlags, open};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};

/// The variables of a file; none if there is no such file. What is wrong is logged, and the service starts all the same.
pub(crate) fn read(path: &str) -> BTreeMap<String, String> {
    let bytes = match bytes(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return BTreeMap::new(),
        other => note(path, other).unwrap_or_default(),
    };
    let Environment { variables, ignored } = parse(&bytes);
    ignored.iter().for_each(|line| log(Level::Error, &format!("{path}: {line}")));
    variables
}

/// One byte more than is allowed tells the parser that there is more.
fn bytes(path: &str) -> io::Result<Vec<u8>> {
    // NONBLOCK: a pipe put in its place must not hold up PID 1.
    let file = open(path, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?;
    let mut bytes = Vec::new();
    File::from(file).take(MAX_FILE as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_absent_good_and_wrong() {
        let folder = std::env::temp_dir().join(format!("ampoule-environment-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("folder");
        let path = folder.join("proxy.env").display().to_string();
        assert_eq!(read(&path), BTreeMap::new());
        std::fs::write(&path, "HTTPS_PROXY=http://proxy\nwrong\n").expect("written");
        assert_eq!(read(&path), BTreeMap::from([("HTTPS_PROXY".to_owned(), "http://proxy".to_owned())]));
        std::fs::write(&path, "A=x\n".repeat(MAX_FILE)).expect("written");
        assert_eq!(read(&path), BTreeMap::new());
        assert_eq!(read(&folder.display().to_string()), BTreeMap::new());
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
