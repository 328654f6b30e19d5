//! Values of which there are a few, each with its word.

/// Declares types whose values are some words.
macro_rules! choice {
    ($($(#[doc = $doc:literal])* $name:ident { $first:ident = $first_word:literal $(, $other:ident = $word:literal)* $(,)? })*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            #[doc = concat!("`", $first_word, "`")]
            #[serde(rename = $first_word)]
            $first,
            $(
                #[doc = concat!("`", $word, "`")]
                #[serde(rename = $word)]
                $other,
            )*
        }

        impl $name {
            /// Its word.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    Self::$first => $first_word,
                    $(Self::$other => $word,)*
                }
            }
        }

        impl $crate::Described for $name {
            const ALLOWED: &'static str = concat!("one of \"", $first_word, "\"" $(, ", \"", $word, "\"")*);
            const LIST: &'static str = concat!("a list, each one of \"", $first_word, "\"" $(, ", \"", $word, "\"")*);
            const ONE_OR_LIST: &'static str = concat!("one of \"", $first_word, "\"" $(, ", \"", $word, "\"")*, ", or a list of such");

            fn schema() -> serde_json::Value {
                serde_json::json!({ "enum": [$first_word $(, $word)*] })
            }
        }
    )*};
}
pub(crate) use choice;
