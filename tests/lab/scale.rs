//! `bench scale` from outside: costs are measured once and read again, the model runs with them, and a small real set is
//! set against it.

use std::{
    path::Path,
    process::{Command, Output},
};
use wagehood_engine::lab::bench::{Cost, Costs, ScaleOutcome};

fn bench(args: &[&str], dir: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wagehood-engine"));
    command.args(["bench", "scale"]).args(args).current_dir(dir).output().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn outcome(output: &Output) -> ScaleOutcome {
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    serde_json::from_value(value["outcome"].clone()).unwrap()
}

#[test]
fn costs_are_measured_compared_and_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let brief = ["--turns", "1", "--bars", "6000", "--slow", "400ms", "--host", "here", "--save-costs", "costs.toml"];
    let check = ["--check", "--check-rates", "400", "--check-duration", "1s"];
    let measured = bench(&[&brief[..], &check[..]].concat(), dir.path());
    let said = text(&measured);
    assert!(measured.status.success(), "{said}");
    assert!(said.contains("a redis-server, % of a core") && said.contains("costs, compact"), "{said}");

    let costs = Costs::open(&dir.path().join("costs.toml")).unwrap();
    assert_eq!(costs.host["host"].as_str(), Some("here"));
    for (form, frame) in [(&costs.legacy, 1), (&costs.compact, 64)] {
        let form = form.as_ref().unwrap();
        assert_eq!(form.frame, frame);
        // What an operation must take on any host; the others may vanish in the noise of so short a run.
        for cost in
            [form.write_us, form.read_us, form.bar_ns, form.bar_in_bytes, form.bar_kept_bytes, form.signals_per_bar]
        {
            let Cost { median, least, most } = cost;
            assert!(median > 0.0 && least <= median && median <= most, "{form:?}");
        }
        // A bar is 64 bytes in a frame, and hundreds as an entry.
        let bytes = form.bar_in_bytes.median;
        assert!(if frame == 1 { (150.0..600.0).contains(&bytes) } else { (60.0..100.0).contains(&bytes) }, "{bytes}");
    }
    let common = &costs.common;
    assert!(
        common.hop_us.median > 0.0 && common.takeover_ms.median > 0.0 && common.engine_mib.median > 1.0,
        "{common:?}"
    );
    assert_eq!(costs.checked.len(), 6);
    for row in &costs.checked {
        assert!(row.model > 0.0 && row.measured > 0.0, "{row:?}");
    }
    let bars = costs.checked.iter().find(|row| row.what == "bars committed").unwrap();
    assert!(bars.error().abs() < 0.25, "{bars:?}");
    the_model_runs_with_them(dir.path());
}

fn the_model_runs_with_them(dir: &Path) {
    let args = ["--costs", "costs.toml", "--json", "--scenario", "zone-lost", "--symbols", "300", "--nodes", "3"];
    let (first, again) = (bench(&args, dir), bench(&args, dir));
    assert_eq!(first.stdout, again.stdout);
    let held = outcome(&first);
    assert!(first.status.success() && held.held, "{}", text(&first));
    assert_eq!((held.scenario.nodes, held.nodes.len(), held.bars_in), (3, 3, held.bars_out + held.waiting));
    assert!(held.recovered_s.is_some() && held.moved > 0);

    let args = ["--costs", "costs.toml", "--scenario", "zone-of-two-lost", "--symbols", "300", "--svg", "pictures"];
    let lost = bench(&args, dir);
    assert!(!lost.status.success() && text(&lost).contains("use three zones"), "{}", text(&lost));
    let picture = std::fs::read_to_string(dir.join("pictures/lateness.svg")).unwrap();
    assert!(picture.contains("zone 0 lost") && dir.join("pictures/nodes.svg").exists());
}

#[test]
fn what_cannot_be_run_is_refused_before_anything_is_measured() {
    let dir = tempfile::tempdir().unwrap();
    let list = bench(&["--list"], dir.path());
    assert!(list.status.success() && text(&list).contains("zone-lost"), "{}", text(&list));
    for (args, wanted) in [
        (["--partitions", "300"], "1 to 256"),
        (["--scenario", "nowhere"], "neither a file nor one of the scenarios"),
        (["--hot", "ten"], "such as 10:500"),
        (["--costs", "nowhere.toml"], "cannot read nowhere.toml"),
    ] {
        let output = bench(&args, dir.path());
        assert!(!output.status.success() && text(&output).contains(wanted), "{args:?}: {}", text(&output));
    }
}
