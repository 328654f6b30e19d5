//! Prints how a fleet of 10,000 nodes takes an update by each wave policy, as a table for `docs/update-waves.md`.

use ampoule_update::fleet::Fleet;
use ampoule_update::policy::{POLICIES, Policy};
use ampoule_update::timestamp::Timestamp;

const NODES: usize = 10_000;
const SHARES: [usize; 8] = [1, 5, 15, 25, 50, 75, 90, 100];

fn main() {
    print!("{}", table());
}

/// The table.
pub(crate) fn table() -> String {
    let names = SHARES.map(|share| format!("{share} %")).join(" | ");
    let mut text = format!("| policy | first node | {names} | most in a minute | most in an hour |\n");
    text += &format!("|---|{}\n", "---|".repeat(SHARES.len() + 3));
    for (name, _) in POLICIES {
        let waves = Policy::named(name).map(|policy| policy.waves(Timestamp::default())).unwrap_or_default();
        let fleet = Fleet::simulate(&waves, NODES, numbers());
        let reached = SHARES.map(|share| time(fleet.reached(share))).join(" | ");
        let (minute, hour) = (part(fleet.most_within(60)), part(fleet.most_within(3600)));
        text += &format!("| {name} | {} | {reached} | {minute} | {hour} |\n", time(fleet.reached(0)));
    }
    text
}

/// The same numbers in each run (Knuth's MMIX generator, upper half).
fn numbers() -> impl FnMut() -> u32 {
    let mut state = 1u64;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 32) as u32
    }
}

fn time(seconds: i64) -> String {
    match seconds {
        ..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{:.1} h", seconds as f64 / 3600.0),
        _ => format!("{:.1} d", seconds as f64 / 86_400.0),
    }
}

fn part(nodes: usize) -> String {
    format!("{:.2} %", nodes as f64 * 100.0 / NODES as f64)
}
