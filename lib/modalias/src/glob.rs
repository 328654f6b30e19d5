//! The patterns of `modules.alias`: `*`, `?` and `[a-f]`, as fnmatch(3) without flags.

/// Whether all of `text` fits `pattern`. At most |pattern| × |text| steps, no recursion.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where to go on if what follows the last `*` does not fit: let that star take one more byte.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match step(&pattern[p..], text[t]) {
            Step::Star => {
                p += 1;
                retry = Some((p, t));
            }
            Step::Fits(length) => {
                p += length;
                t += 1;
            }
            Step::Differs => match retry {
                Some((after_star, taken)) => {
                    (p, t) = (after_star, taken + 1);
                    retry = Some((after_star, taken + 1));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

enum Step {
    Star,
    Fits(usize),
    Differs,
}

fn step(pattern: &[u8], byte: u8) -> Step {
    match pattern.first() {
        None => Step::Differs,
        Some(b'*') => Step::Star,
        Some(b'?') => Step::Fits(1),
        Some(b'[') => match bracket(&pattern[1..], byte) {
            Some((true, length)) => Step::Fits(length + 1),
            Some((false, _)) => Step::Differs,
            None if byte == b'[' => Step::Fits(1),
            None => Step::Differs,
        },
        Some(own) if *own == byte => Step::Fits(1),
        Some(_) => Step::Differs,
    }
}

/// What follows a `[`: whether `byte` is in the set, and the length up to and with the `]`. `None`: never closed,
/// then the bracket is an ordinary byte.
fn bracket(set: &[u8], byte: u8) -> Option<(bool, usize)> {
    let negated = matches!(set.first(), Some(b'!' | b'^'));
    let start = usize::from(negated);
    // A `]` right at the start belongs to the set.
    let end = start + 1 + set.get(start + 1..)?.iter().position(|b| *b == b']')?;
    let (mut rest, mut found) = (&set[start..end], false);
    while let [low, tail @ ..] = rest {
        if let [b'-', high, after @ ..] = tail {
            found |= (*low..=*high).contains(&byte);
            rest = after;
        } else {
            found |= *low == byte;
            rest = tail;
        }
    }
    Some((found != negated, end + 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::matches;

    /// The definition, written for clearness instead of speed; only for patterns without brackets.
    fn model(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            ([b'*', rest @ ..], _) => model(rest, text) || (!text.is_empty() && model(pattern, &text[1..])),
            ([b'?', p @ ..], [_, t @ ..]) => model(p, t),
            ([a, p @ ..], [b, t @ ..]) => a == b && model(p, t),
            _ => false,
        }
    }

    #[test]
    fn real_aliases() {
        assert!(matches("pci:v0000808[68]d*sv*sd*bc0[0-2]sc00i*", "pci:v00008086d00001sv0sd0bc01sc00i00"));
        assert!(!matches("pci:v0000808[68]d*sv*sd*bc0[0-2]sc00i*", "pci:v00008087d00001sv0sd0bc01sc00i00"));
        assert!(matches("cpu:type:x86,ven*fam*mod*:feature:*0085*", "cpu:type:x86,ven0000fam0006mod002D:feature:,0084,0085,0086"));
        assert!(matches("a[!x]c", "abc") && !matches("a[!b]c", "abc"));
        assert!(matches("a[]x]", "a]") && matches("a[b", "a[b") && !matches("a[b", "ab"));
    }

    #[test]
    fn many_stars_stay_quick() {
        assert!(!matches(&"*a".repeat(500), &"a".repeat(499)));
    }

    proptest! {
        #[test]
        fn as_the_definition(pattern in "[ab*?]{0,8}", text in "[abc]{0,8}") {
            prop_assert_eq!(matches(&pattern, &text), model(pattern.as_bytes(), text.as_bytes()));
        }

        #[test]
        fn survives_anything(pattern in ".{0,40}", text in ".{0,40}") {
            let _ = matches(&pattern, &text);
        }
    }
}
