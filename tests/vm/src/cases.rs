//! The cases. A file per part of the promise; a case is a function that reads like sentences.

mod attacks;
mod bad_releases;
mod boot;
mod command_line;
mod confinement;
mod daemons;
mod deltas;
mod demo;
mod devices;
mod disk;
mod escapes;
mod hardening;
mod host_tool;
mod hostile;
mod integrity;
mod isolation;
mod kernel;
mod leases;
mod logs;
mod network;
mod outside;
mod packets;
mod power;
mod power_cuts;
mod programs;
mod provision;
mod pulling;
mod readiness;
mod remote;
mod settings;
mod settings_cuts;
mod software;
mod taken_over;
mod time;
mod update_checks;
mod updates;
mod user_data;
mod watchdog;
mod workloads;

use crate::runner::Case;

/// Cases that mostly wait: for a time limit, a second try, a service that never comes, an update that is to be well for a while. They need a machine and half a processor.
pub(crate) const WAITING: [&str; 15] = [
    "an_update_whose_init_hangs_returns",
    "an_update_that_breaks_a_workload_returns",
    "an_update_without_an_api_returns",
    "an_update_is_used_and_gone_back_from",
    "an_update_that_panics_returns",
    "a_boot_is_good_when_commands_in_workloads_say_so",
    "a_damaged_kernel_image_is_passed_over",
    "an_update_with_a_broken_kernel_returns",
    "the_watchdog_resets_a_dead_node",
    "late_imds_is_waited_for",
    "a_crash_loop_backs_off",
    "unconfirmed_settings_return",
    "a_service_that_never_gets_ready",
    "name_servers_that_lead_nowhere_return",
    "a_lease_is_renewed_and_given_up",
];

/// Cases that try the host tool beside the images, so that they have passed only with the very same one.
pub(crate) const OF_THE_HOST_TOOL: [&str; 1] = ["a_person_runs_a_node"];

/// All cases, long ones first where it matters: the last to start should be short.
pub(crate) fn all() -> Vec<Case> {
    [
        software::CASES,
        pulling::CASES,
        attacks::CASES,
        escapes::CASES,
        hostile::CASES,
        packets::CASES,
        disk::CASES,
        daemons::CASES,
        taken_over::CASES,
        updates::CASES,
        bad_releases::CASES,
        update_checks::CASES,
        power_cuts::CASES,
        host_tool::CASES,
        settings_cuts::CASES,
        deltas::CASES,
        power::CASES,
        settings::CASES,
        workloads::CASES,
        isolation::CASES,
        confinement::CASES,
        demo::CASES,
        boot::CASES,
        kernel::CASES,
        hardening::CASES,
        command_line::CASES,
        network::CASES,
        outside::CASES,
        remote::CASES,
        user_data::CASES,
        provision::CASES,
        integrity::CASES,
        programs::CASES,
        time::CASES,
        watchdog::CASES,
        leases::CASES,
        logs::CASES,
        readiness::CASES,
        devices::CASES,
    ]
    .concat()
}
