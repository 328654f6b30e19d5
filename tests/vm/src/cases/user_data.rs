//! Wrong user data is explained, and the node is up all the same.

use anyhow::{Result, ensure};

use crate::{context::Context, framework::within, runner::Case};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "wrong_user_data_is_explained",
        about: "wrong user data: the console names key, reason and remedy; the node is up with its defaults, and its API answers on the node",
        limit: within(300),
        soak: false,
        run: wrong_user_data_is_explained,
    },
    Case {
        name: "hostile_user_data_is_survived",
        about: "user data that is no text at all does no harm",
        limit: within(300),
        soak: false,
        run: hostile_user_data_is_survived,
    },
];

fn wrong_user_data_is_explained(context: &Context) -> Result<()> {
    let text = "[settings]\nmotd = \"never seen\"\n[settings.network]\nhostname = \"not a host name!\"\n";
    let mut node = context.node_with_probe()?.with_raw_user_data(text.as_bytes()).start()?;
    node.shows("settings.network.hostname", within(120))?;
    node.shows("PROBE api ok", within(120))?;
    ensure!(!node.console().contains("never seen"), "half of it was taken");
    node.stops_at_the_power_button()
}

fn hostile_user_data_is_survived(context: &Context) -> Result<()> {
    // A gzip header with nothing sensible behind it.
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    bytes.extend((0..60_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]));
    let mut node = context.node_with_probe()?.with_raw_user_data(&bytes).start()?;
    node.shows("User data in", within(120))?;
    node.shows("PROBE api ok", within(120))?;
    node.stops_at_the_power_button()
}
