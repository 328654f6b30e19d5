//! Values that are text of a certain form.

/// Declares text types by the function that checks them and the words for what is right. The function's error is shown to the person who wrote the text; it must not quote a secret.
/// A type declared with `@hidden` in front is not shown by `Debug` either.
macro_rules! checked_text {
    ($($(#[doc = $doc:literal])* $(@$hidden:ident)? $name:ident = $check:path, $allowed:literal;)*) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// As it was written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let hidden: &[&str] = &[$(stringify!($hidden))?];
                let shown = if hidden.is_empty() { self.0.as_str() } else { "hidden" };
                f.debug_tuple(stringify!($name)).field(&shown).finish()
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                $check(&text).map(|()| Self(text))
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
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
