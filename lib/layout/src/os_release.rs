//! os-release(5): what an image says of itself.

/// The value of a field, without its quotes; `None` if the file has no such line. (Ours has nothing that needs escaping.)
#[must_use]
pub fn os_release_value<'t>(text: &'t str, field: &str) -> Option<&'t str> {
    let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix('='))?;
    Some(value.trim().trim_matches(['"', '\'']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_without_quotes_and_only_for_whole_names() {
        let text = "NAME=Ampoule\nVERSION_ID=1.2.3\nVARIANT_ID=\"standalone\"\nPRETTY_NAME='Ampoule 1'\nEMPTY=\n";
        let values =
            [("NAME", "Ampoule"), ("VERSION_ID", "1.2.3"), ("VARIANT_ID", "standalone"), ("PRETTY_NAME", "Ampoule 1"), ("EMPTY", "")];
        for (field, value) in values {
            assert_eq!(os_release_value(text, field), Some(value), "{field}");
        }
        assert_eq!((os_release_value(text, "VERSION"), os_release_value(text, "ID"), os_release_value("", "NAME")), (None, None, None));
    }
}
