//! `--publish HOST:NODE[:CONTAINER]`.

/// A way from a port of this machine to a port of the container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Publish {
    /// Port on 127.0.0.1 of this machine.
    pub(crate) host: u16,
    /// Port on the node.
    pub(crate) node: u16,
    /// Port in the container.
    pub(crate) container: u16,
}

/// Reads `HOST:NODE` (the container's port is the node's) or `HOST:NODE:CONTAINER`.
pub(crate) fn parse(text: &str) -> Result<Publish, String> {
    let ports: Result<Vec<u16>, _> = text.split(':').map(port).collect();
    match ports?.as_slice() {
        [host, node] => Ok(Publish { host: *host, node: *node, container: *node }),
        [host, node, container] => Ok(Publish { host: *host, node: *node, container: *container }),
        _ => Err("expected HOST:NODE or HOST:NODE:CONTAINER, such as 8080:80".into()),
    }
}

fn port(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(format!("{text:?} is not a port (1 to 65535)")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_or_three_ports() {
        assert_eq!(parse("8080:80"), Ok(Publish { host: 8080, node: 80, container: 80 }));
        assert_eq!(parse("1:2:3"), Ok(Publish { host: 1, node: 2, container: 3 }));
        for wrong in ["80", "a:b", "0:1", "1:2:3:4", "70000:1"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
