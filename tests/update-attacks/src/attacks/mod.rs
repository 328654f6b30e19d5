//! The attacks.

mod broken;
mod compromise;
mod names;
mod replay;
mod transport;

use crate::Attack;

macro_rules! attacks {
    ($($module:ident::$name:ident,)*) => {
        /// Every attack.
        pub const ATTACKS: &[Attack] = &[$(Attack { name: stringify!($name), prepare: $module::$name },)*];
    };
}

attacks! {
    replay::rollback,
    replay::rollback_of_the_snapshot,
    replay::rollback_of_the_targets,
    replay::rollback_after_a_new_root,
    replay::freeze,
    replay::freeze_of_the_root,
    replay::mix_and_match_of_metadata,
    replay::mix_and_match_of_files,
    replay::fast_forward,
    replay::fast_forward_is_recovered_from,
    transport::endless_metadata,
    transport::endless_file,
    transport::slow_retrieval,
    transport::a_server_that_says_nothing,
    transport::a_file_that_breaks_off,
    transport::wrong_length_shorter,
    transport::wrong_length_longer,
    transport::wrong_hash,
    transport::wrong_hash_of_metadata,
    transport::a_missing_file,
    transport::missing_metadata,
    compromise::another_publisher,
    compromise::no_signatures,
    compromise::root_under_threshold,
    compromise::root_with_one_signature_twice,
    compromise::root_over_threshold,
    compromise::root_that_skips_a_version,
    compromise::targets_key_alone,
    compromise::timestamp_key_alone,
    compromise::all_signing_keys,
    compromise::a_key_that_was_replaced,
    names::path_in_the_manifest,
    names::path_in_the_list_of_targets,
    names::absolute_path_in_the_manifest,
    names::delegation_that_shadows_the_manifest,
    names::delegation_beyond_its_paths,
    names::delegation_in_a_circle,
    names::delegated_role_with_a_path_for_a_name,
    names::manifest_that_contradicts_the_image,
    broken::kernel_image_for_another_machine,
    broken::kernel_image_that_is_no_program,
    broken::kernel_image_that_begins_outside,
    broken::kernel_in_the_image_that_is_no_program,
    broken::loader_that_is_no_program,
    broken::loader_for_another_machine,
}
