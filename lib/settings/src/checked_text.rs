//! Values that are text of a certain form.

/// Declares text types by the function that checks them and the words for what is right. The function's error is shown to the person who wrote the text; it must not quote a secret.
/// A type declared with `@hidden` in front is not shown by `Debug` either.
macro_rules! checked_text {
    ($($(#[doc = $doc:literal])* $(@$hidden:ident)? $name:ident = $check:path, $allowed:literal;)*) => {$(
        ampoule_base::checked_string! {
            $(#[doc = $doc])*
            $name, String, $check
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let hidden: &[&str] = &[$(stringify!($hidden))?];
                let shown = if hidden.is_empty() { self.0.as_str() } else { "hidden" };
                f.debug_tuple(stringify!($name)).field(&shown).finish()
            }
        }

        $crate::described::described_text! { $name = $allowed; }
    )*};
}
pub(crate) use checked_text;

/// `Ok` if it is so.
pub(crate) fn must(is_right: bool, otherwise: &str) -> Result<(), String> {
    if is_right { Ok(()) } else { Err(otherwise.to_owned()) }
}
