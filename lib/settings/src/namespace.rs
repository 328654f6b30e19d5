//! One declaration for each setting: from it come the field that holds it, its rule, its schema and its documentation.

/// Declares a group of settings: a struct with an optional field for each, and its list of [`crate::key::Key`]s.
///
/// `keys` are values; `secrets` are values that are never shown; `maps` are tables whose entries are settings of their own, each under a name that a person chooses;
/// `groups` are groups declared by themselves. Every value has an example as TOML, which the tests try.
///
/// ```text
/// namespace! {
///     /// What the group is for.
///     Kernel "kernel"
///     keys { /// What it does.
///            lockdown "lockdown": Lockdown, r#""integrity""#; }
///     maps { /// What an entry does.
///            sysctl "sysctl": SysctlKey => SysctlValue, r#""net.core.rmem_max""# = r#""212992""#; }
///     groups { modules "modules": BTreeMap<ModuleName, Module>; }
/// }
/// ```
/// A group below a name that a person chooses says what the name is, with an example: `Module "kernel.modules.*" named ModuleName = "nvme_tcp"`.
/// `secret_maps` are maps whose values are never shown.
macro_rules! namespace {
    (
        $(#[doc = $about:literal])*
        $name:ident $prefix:literal $(named $names:ident = $called:literal)?
        $(keys { $( $(#[doc = $doc:literal])+ $field:ident $key:literal : $type:ty, $example:expr; )* })?
        $(secrets { $( $(#[doc = $sdoc:literal])+ $sfield:ident $skey:literal : $stype:ty, $sexample:expr; )* })?
        $(maps { $( $(#[doc = $mdoc:literal])+ $mfield:ident $mkey:literal : $mname:ty => $mtype:ty, $mentry:literal = $mexample:expr; )* })?
        $(secret_maps { $( $(#[doc = $hdoc:literal])+ $hfield:ident $hkey:literal : $hname:ty => $htype:ty, $hentry:literal = $hexample:expr; )* })?
        $(groups { $( $(#[doc = $gdoc:literal])* $gfield:ident $gkey:literal : $gtype:ty; )* })?
    ) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name {
            $($(
                $(#[doc = $doc])+
                #[serde(rename = $key, skip_serializing_if = "Option::is_none")]
                pub $field: Option<$type>,
            )*)?
            $($(
                $(#[doc = $sdoc])+
                #[serde(rename = $skey, skip_serializing_if = "Option::is_none")]
                pub $sfield: Option<$stype>,
            )*)?
            $($(
                $(#[doc = $mdoc])+
                #[serde(rename = $mkey, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
                pub $mfield: std::collections::BTreeMap<$mname, $mtype>,
            )*)?
            $($(
                $(#[doc = $hdoc])+
                #[serde(rename = $hkey, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
                pub $hfield: std::collections::BTreeMap<$hname, $htype>,
            )*)?
            $($(
                $(#[doc = $gdoc])*
                #[doc = concat!("Settings below `", $prefix, ".", $gkey, "`.")]
                #[serde(rename = $gkey)]
                pub $gfield: $gtype,
            )*)?
        }

        impl $name {
            /// What the group is for, in Markdown.
            #[allow(dead_code, reason = "only that of a namespace is shown")]
            pub(crate) const ABOUT: &'static str = concat!($($about, "\n",)* "");

            /// The settings of this group.
            pub(crate) const KEYS: &'static [$crate::key::Key] = &$crate::key::below_name::<$crate::namespace::name_type!($($names)?), _>($crate::namespace::name_example!($($called)?), [
                $($(
                    $crate::key::Key::of::<$type>(concat!($prefix, ".", $key), concat!($($doc, "\n"),+), $example),
                )*)?
                $($(
                    $crate::key::Key::of::<$stype>(concat!($prefix, ".", $skey), concat!($($sdoc, "\n"),+), $sexample)
                        .secret(),
                )*)?
                $($(
                    $crate::key::Key::of::<$mtype>(concat!($prefix, ".", $mkey, ".*"), concat!($($mdoc, "\n"),+), $mexample)
                        .named::<$mname>().example_name($mentry),
                )*)?
                $($(
                    $crate::key::Key::of::<$htype>(concat!($prefix, ".", $hkey, ".*"), concat!($($hdoc, "\n"),+), $hexample)
                        .named::<$hname>().example_name($hentry).secret(),
                )*)?
            ]);
        }
    };
}
pub(crate) use namespace;

/// The type of the name above a group; any text where there is none.
macro_rules! name_type {
    () => {
        String
    };
    ($names:ident) => {
        $names
    };
}
pub(crate) use name_type;

/// What could stand for the name above a group.
macro_rules! name_example {
    () => {
        "NAME"
    };
    ($called:literal) => {
        $called
    };
}
pub(crate) use name_example;
