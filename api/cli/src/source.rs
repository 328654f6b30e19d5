//! Where files come from: paths, URIs, text in the command line, standard input.

use std::{
    fs::File,
    io::{self, Read},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::CliError;

/// Largest file read, in bytes: the node takes no larger request.
const LIMIT: u64 = 1024 * 1024;

/// How long a web server may take for the whole of a file.
const PATIENCE: Duration = Duration::from_secs(30);

/// Schemes that Bottlerocket's tool reads and this one does not, each with where its content can be had.
const ELSEWHERE: &[(&str, &str)] = &[
    ("s3:", "fetch it with `aws s3 cp URI -` and pipe it in"),
    ("secretsmanager:", "fetch it with `aws secretsmanager get-secret-value` and pipe it in"),
    ("ssm:", "fetch it with `aws ssm get-parameter` and pipe it in"),
    ("arn:", "fetch it with the `aws` command and pipe it in"),
];

/// The text that a word of the command line names: a path, `file://`, `http://`, `https://`, `base64:`, or `-` for `input`.
pub(crate) fn read(name: &str, input: &mut dyn Read) -> Result<String, CliError> {
    let text = match scheme(name) {
        _ if name == "-" => bounded(input),
        Some("base64:") => decoded(&name["base64:".len()..]),
        Some("http:" | "https:") => fetched(name),
        Some("file:") => opened(name.trim_start_matches("file://")),
        Some(scheme) => Err(unknown(scheme)),
        None => opened(name),
    };
    text.map_err(|reason| CliError::Input { source_name: shown(name), reason })
}

/// Base64 may be a whole file; a message needs no more than its kind.
pub(crate) fn shown(name: &str) -> String {
    if name.starts_with("base64:") { "base64:…".to_owned() } else { name.to_owned() }
}

/// `http:` of `http://host/`: letters and a colon, with `//` or for the two that have none.
fn scheme(name: &str) -> Option<&str> {
    let end = name.find(':')? + 1;
    let is_word = name[..end - 1].bytes().all(|byte| byte.is_ascii_alphanumeric()) && end > 1;
    let is_scheme = name[end..].starts_with("//") || matches!(&name[..end], "base64:" | "arn:");
    (is_word && is_scheme).then(|| &name[..end])
}

fn unknown(scheme: &str) -> String {
    let remedy = ELSEWHERE.iter().find(|(known, _)| *known == scheme).map(|(_, remedy)| *remedy);
    let remedy = remedy.unwrap_or("a path, file://, http://, https://, base64: or - for standard input is read");
    format!("{scheme} is not read by this program ({remedy})")
}

fn opened(path: &str) -> Result<String, String> {
    bounded(&mut File::open(path).map_err(|error| error.to_string())?)
}

fn decoded(text: &str) -> Result<String, String> {
    let bytes = STANDARD.decode(text.trim()).map_err(|error| format!("not base64: {error}"))?;
    String::from_utf8(bytes).map_err(|_| "not UTF-8 text".to_owned())
}

fn fetched(uri: &str) -> Result<String, String> {
    let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).build().into();
    let mut answer = agent.get(uri).call().map_err(|error| error.to_string())?;
    answer.body_mut().with_config().limit(LIMIT).read_to_string().map_err(|error| error.to_string())
}

fn bounded(input: &mut dyn Read) -> Result<String, String> {
    let mut text = String::new();
    let read: io::Result<usize> = input.take(LIMIT + 1).read_to_string(&mut text);
    read.map_err(|error| error.to_string())?;
    if text.len() as u64 > LIMIT {
        return Err(format!("larger than {LIMIT} bytes"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_it(name: &str) -> Result<String, String> {
        read(name, &mut "from outside".as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn text_comes_from_the_command_line_and_standard_input() {
        assert_eq!(read_it("-"), Ok("from outside".to_owned()));
        assert_eq!(read_it("base64:aGVsbG8="), Ok("hello".to_owned()));
        assert!(read_it("base64:!").is_err_and(|reason| reason.contains("not base64")));
        assert!(read_it("base64:/w==").is_err_and(|reason| reason.contains("UTF-8")));
    }

    #[test]
    fn paths_are_opened_with_and_without_their_scheme() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a:b.toml");
        std::fs::write(&path, "x = 1").expect("a file");
        let path = path.display();
        assert_eq!(read_it(&format!("{path}")), Ok("x = 1".to_owned()));
        assert_eq!(read_it(&format!("file://{path}")), Ok("x = 1".to_owned()));
        assert!(read_it("/no/such/file").is_err());
    }

    #[test]
    fn what_is_not_read_is_named_with_a_way_out() {
        assert!(read_it("s3://bucket/a.toml").is_err_and(|reason| reason.contains("aws s3 cp")));
        assert!(read_it("arn:aws:ssm:x").is_err_and(|reason| reason.contains("aws")));
        assert!(read_it("ftp://host/a").is_err_and(|reason| reason.contains("https://")));
    }
}
