//! Names of modules.

/// Longest name: `MODULE_NAME_LEN` of the kernel on 64-bit machines, less its closing zero and the compatibility margin.
const LONGEST: usize = 56;

/// Checks the name of a kernel module: 1–56 letters, digits, `-` and `_`.
///
/// # Errors
/// What is wrong with it, for a person.
pub fn check_module_name(name: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.len() > LONGEST {
        return Err(format!("a module name has 1 to {LONGEST} characters"));
    }
    match name.chars().find(|c| !fits(*c)) {
        Some(wrong) => Err(format!("a module name has only letters, digits, '-' and '_', not {wrong:?}")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["nfs", "vhost-net", "ip_vs", "8021q", &"x".repeat(56)] {
            assert_eq!(check_module_name(good), Ok(()), "{good}");
        }
        for wrong in ["", "a/b", "a.ko", "a b", "ä", &"x".repeat(57)] {
            assert!(check_module_name(wrong).is_err(), "{wrong}");
        }
    }
}
