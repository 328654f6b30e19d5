//! What people give a node in place of TOML settings, by its beginning.

use crate::SettingError;

/// What a text seems to be that is not settings in TOML; `None` if it could be.
pub(crate) fn what_it_seems(text: &str) -> Option<SettingError> {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    let (reason, hint) = by_first_line(first).or_else(|| looks_like_yaml(text)).or_else(|| looks_like_base64(text))?;
    Some(SettingError::value("", reason, hint))
}

type Told = (&'static str, &'static str);

const NOTHING_RUNS: &str =
    "nothing on this node could execute it; write TOML with a [settings] table, and run a container with settings.bootstrap-containers";

fn by_first_line(line: &str) -> Option<Told> {
    let header = |name: &str| line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    let known: [(bool, Told); 8] = [
        (line.starts_with("-----BEGIN"), ("this is PEM", "write TOML; certificates go into settings.pki, in base64")),
        (line.starts_with("#!"), ("this is a script", NOTHING_RUNS)),
        (line.starts_with("#cloud-config"), ("this is a cloud-init file", NOTHING_RUNS)),
        (matches!(line, "#include" | "#include-once"), ("this is a cloud-init file", NOTHING_RUNS)),
        (header("Content-Type:") || header("MIME-Version:"), ("this is a MIME archive", "give the TOML part alone")),
        (line.starts_with('{'), ("this is JSON", "write TOML with a [settings] table; JSON is for `PATCH /settings`")),
        (
            line.starts_with("---") || line.starts_with("apiVersion:"),
            ("this is YAML", "write TOML: [settings.network] in place of `network:`"),
        ),
        (line.starts_with("<?xml") || line.starts_with("<powershell>"), ("this is XML", "write TOML with a [settings] table")),
    ];
    known.into_iter().find(|(is_it, _)| *is_it).map(|(_, told)| told)
}

/// `settings:` on a line of its own, which TOML cannot have.
fn looks_like_yaml(text: &str) -> Option<Told> {
    let is_yaml = text.lines().map(str::trim_end).find(|line| !line.is_empty() && !line.starts_with('#'))? == "settings:";
    is_yaml.then_some(("this is YAML", "write TOML: [settings.network] in place of `network:`"))
}

/// A long text of base64 alone, as some tools want user data and pass it on.
fn looks_like_base64(text: &str) -> Option<Told> {
    let encoded = |b: u8| b.is_ascii_alphanumeric() || b"+/=\r\n".contains(&b);
    let is_base64 = text.trim().len() >= 32 && text.trim().bytes().all(encoded);
    is_base64.then_some(("this is base64", "give the TOML itself: it was encoded once too often"))
}

/// UTF-16, by its byte order mark or by every second byte of its beginning being zero.
pub(crate) fn is_utf16(bytes: &[u8]) -> bool {
    let marked = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    marked || matches!(bytes, [0, b, 0, c, ..] | [b, 0, c, 0, ..] if *b != 0 && *c != 0)
}
