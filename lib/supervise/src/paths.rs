//! Paths that a service file may name: plain ones, in which nothing climbs.

/// `paths`, if each is `fine`.
///
/// # Errors
/// The first that is not, in a sentence.
pub(crate) fn checked(paths: Vec<String>, fine: impl Fn(&str) -> bool) -> Result<Vec<String>, String> {
    match paths.iter().find(|path| !fine(path)) {
        Some(path) => Err(format!("`{path}` cannot stand here: a path has no empty part, no `.` and no `..`, and begins where it must")),
        None => Ok(paths),
    }
}

/// Whether an absolute path has only parts that mean what they say.
pub(crate) fn is_plain(path: &str) -> bool {
    path.split('/').skip(1).all(|part| !matches!(part, "" | "." | "..") && !part.contains('\0'))
}

/// Whether `path` is `folder` or lies below it.
pub(crate) fn is_within(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
