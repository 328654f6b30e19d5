//! The figures in the documentation are those of the simulation.

#[allow(dead_code, reason = "its main is the example's")]
#[path = "../examples/fleet.rs"]
mod fleet;

#[test]
fn the_table_of_waves_is_the_one_that_is_printed() {
    let page = include_str!("../../../docs/update-waves.md");
    let table = fleet::table();
    assert!(page.contains(&table), "write this to docs/update-waves.md:\n{table}");
}
