//! Names of keys that lie elsewhere, as tuftool writes them, and one kind of our own.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where a key lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyUri {
    /// `file:///PATH`, or a path alone: a private key in PEM.
    File(PathBuf),
    /// `command:PROGRAM ARGUMENT…`: a program that signs, with whatever holds the key. The words are divided by spaces; no shell reads them.
    Command(Vec<String>),
    /// `aws-kms://PROFILE/KEY`: a key that AWS KMS holds and never gives away; the profile may be empty.
    AwsKms {
        /// Profile of the AWS command line; none: its default.
        profile: Option<String>,
        /// The key's ID, alias (`alias/NAME`) or ARN.
        id: String,
    },
    /// `aws-ssm://PROFILE/PARAMETER`: a private key in PEM that AWS Systems Manager keeps; the profile may be empty.
    AwsSsm {
        /// Profile of the AWS command line; none: its default.
        profile: Option<String>,
        /// Name of the parameter, which begins with `/`.
        parameter: String,
    },
}

/// Why a text is no name of a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` does not say where a key lies: {reason}. Write file:///PATH, aws-kms://PROFILE/KEY, aws-ssm://PROFILE/PARAMETER or command:PROGRAM ARGUMENTS"
)]
pub struct KeyUriError {
    text: String,
    reason: &'static str,
}

impl FromStr for KeyUri {
    type Err = KeyUriError;

    fn from_str(text: &str) -> Result<Self, KeyUriError> {
        let text = text.trim();
        parse(text).map_err(|reason| KeyUriError { text: text.to_owned(), reason })
    }
}

fn parse(text: &str) -> Result<KeyUri, &'static str> {
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err("it is not one line of text");
    }
    match text.split_once(':') {
        Some(("command", words)) => match words.split_whitespace().map(str::to_owned).collect::<Vec<_>>() {
            words if words.is_empty() => Err("no program is named"),
            words => Ok(KeyUri::Command(words)),
        },
        Some(("file", path)) => match path.strip_prefix("//").unwrap_or(path) {
            path if path.starts_with('/') => Ok(KeyUri::File(path.into())),
            _ => Err("the path after file: must begin with /"),
        },
        Some(("aws-kms", rest)) => {
            let (profile, id) = place(rest)?;
            Ok(KeyUri::AwsKms { profile, id: id.to_owned() })
        }
        Some(("aws-ssm", rest)) => {
            let (profile, parameter) = place(rest)?;
            Ok(KeyUri::AwsSsm { profile, parameter: format!("/{parameter}") })
        }
        Some((scheme, _)) if !scheme.contains('/') => Err("there is no such kind of place"),
        _ => Ok(KeyUri::File(text.into())),
    }
}

/// Profile and name behind `//`.
fn place(rest: &str) -> Result<(Option<String>, &str), &'static str> {
    let (profile, name) = rest.strip_prefix("//").and_then(|rest| rest.split_once('/')).ok_or("//PROFILE/NAME is missing")?;
    // A name that begins with a dash would be an option of the command line.
    match name.is_empty() || name.starts_with('-') || profile.starts_with('-') || rest.contains(char::is_whitespace) {
        true => Err("the name of the key is missing or has characters that it cannot have"),
        false => Ok((Some(profile).filter(|profile| !profile.is_empty()).map(str::to_owned), name)),
    }
}

impl fmt::Display for KeyUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |profile: &Option<String>| profile.clone().unwrap_or_default();
        match self {
            Self::File(path) if path.is_absolute() => write!(f, "file://{}", path.display()),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Command(words) => write!(f, "command:{}", words.join(" ")),
            Self::AwsKms { profile, id } => write!(f, "aws-kms://{}/{id}", of(profile)),
            Self::AwsSsm { profile, parameter } => write!(f, "aws-ssm://{}{parameter}", of(profile)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> KeyUri {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn each_kind_is_read_and_written() {
        let command = KeyUri::Command(vec!["/opt/sign".into(), "--slot".into(), "3".into()]);
        let kms = |profile: Option<&str>, id: &str| KeyUri::AwsKms { profile: profile.map(str::to_owned), id: id.into() };
        let ssm = KeyUri::AwsSsm { profile: None, parameter: "/keys/targets".into() };
        for (text, wanted) in [
            ("file:///k/targets.pem", KeyUri::File("/k/targets.pem".into())),
            ("keys/targets.pem", KeyUri::File("keys/targets.pem".into())),
            ("command:/opt/sign --slot 3", command),
            ("aws-kms://prod/alias/targets", kms(Some("prod"), "alias/targets")),
            ("aws-kms:///arn:aws:kms:eu-west-1:1:key/2", kms(None, "arn:aws:kms:eu-west-1:1:key/2")),
            ("aws-ssm:///keys/targets", ssm),
        ] {
            assert_eq!(uri(text), wanted);
            assert_eq!(wanted.to_string(), text);
        }
        assert_eq!(uri("file:/k.pem\n"), KeyUri::File("/k.pem".into()));
    }

    #[test]
    fn what_is_none_is_refused_with_what_can_be_written() {
        let wrong = [
            "",
            "a\nb",
            "command:",
            "command: ",
            "file:k.pem",
            "file://host",
            "aws-kms://x",
            "aws-kms:///",
            "aws-kms:///-x",
            "aws-kms://-p/x",
        ];
        for text in wrong.into_iter().chain(["aws-ssm:x", "aws-kms://p/a b", "gcp-kms://p/k", "https://k.example/key.pem"]) {
            let error = text.parse::<KeyUri>().expect_err(text).to_string();
            assert!(error.contains("aws-kms://PROFILE/KEY"), "{error}");
        }
    }
}
