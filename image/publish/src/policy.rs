//! Finding the wave policy that a publisher names.

use ampoule_update::policy::{POLICIES, Policy};
use anyhow::{Context, Result};

/// The policy of this name, else the one in the file `name`.
///
/// # Errors
/// There is neither, or the file is wrong.
pub fn find_policy(name: &str) -> Result<Policy> {
    if let Some(policy) = Policy::named(name) {
        return Ok(policy);
    }
    let names: Vec<_> = POLICIES.iter().map(|(known, _)| *known).collect();
    let missing = || format!("{name} is neither a file nor one of the policies {}", names.join(", "));
    let text = std::fs::read_to_string(name).with_context(missing)?;
    Policy::parse(&text).with_context(|| format!("the policy {name} is wrong"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_or_a_file() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "[[waves]]\nstart_after = \"1 hour\"\nfleet_percentage = 100\n").expect("written");
        assert!(find_policy("ohno").is_ok() && find_policy(&file.path().to_string_lossy()).is_ok());
        assert!(find_policy("no such policy").expect_err("refused").to_string().contains("slow-roll"));
        std::fs::write(file.path(), "waves = []").expect("written");
        assert!(find_policy(&file.path().to_string_lossy()).is_err());
    }
}
