//! Runs of the model of `bench scale` as pictures: lateness over time, nodes side by side.

use super::{
    chart::{Plot, WIDTH, heading, legend_rows},
    pictures::{Picture, Theme},
    svg::{Svg, TextAnchor},
};
use crate::{
    lab::bench::{Lateness, Lost, ScaleOutcome},
    telemetry::exact_count,
};

const LEFT: f64 = 120.0;
const RIGHT: f64 = WIDTH - 230.0;
const TOP: f64 = 76.0;
/// Height of a bar with the gap to the next, pixels.
const BAR: f64 = 20.0;
/// Bars in a picture, at most.
const BARS: usize = 24;

/// The pictures of a run.
#[must_use]
pub fn scale_pictures(outcome: &ScaleOutcome, theme: Theme) -> Vec<Picture> {
    let own = theme == Theme::File;
    vec![
        Picture { name: "lateness", svg: lateness(outcome).finish(own) },
        Picture { name: "nodes", svg: nodes(outcome).finish(own) },
    ]
}

/// Lateness of the signals by the second in which their bars were sent.
fn lateness(outcome: &ScaleOutcome) -> Svg {
    let scenario = &outcome.scenario;
    let seen: Vec<_> = outcome.course.iter().enumerate().filter(|(_, second)| second.late.max_ns > 0).collect();
    let names = ["p50", "p99", "longest"];
    let of: [fn(&Lateness) -> u64; 3] = [|late| late.p50_ns, |late| late.p99_ns, |late| late.max_ns];
    let values = seen.iter().flat_map(|(_, second)| of.map(|value| value(&second.late)));
    let title = format!("How late signals are seen: {}", scenario.name);
    let mut plot = Plot::new([&title, &scenario.about], legend_rows(names.into_iter()), values, &[]);
    let length = scenario.duration_s.max(1.0);
    let step = [1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0].into_iter().find(|step| length / step <= 12.0).unwrap_or(600.0);
    for tick in 0..=(length / step) as usize {
        let at = tick as f64 * step;
        plot.x_tick(at / length, &format!("{at:.0} s"));
    }
    let marks = scenario.losses.iter().map(|loss| {
        let (what, number) = match loss.what {
            Lost::Node(number) => ("node", number),
            Lost::Engine(number) => ("engine", number),
            Lost::Zone(number) => ("zone", number),
        };
        (loss.at_s / length, format!("{what} {number} lost"))
    });
    plot.marks(&marks.collect::<Vec<_>>());
    for (index, (name, value)) in names.into_iter().zip(of).enumerate() {
        let class = format!("line s{index}");
        plot.curve(&class, seen.iter().map(|(at, second)| ((*at as f64 + 0.5) / length, value(&second.late).max(1))));
        plot.legend(&class, name);
    }
    plot.x_title("second in which the bars were sent");
    plot.svg
}

/// Share of a core that each node uses, on average and in its busiest second.
fn nodes(outcome: &ScaleOutcome) -> Svg {
    let shown = outcome.nodes.len().min(BARS);
    let mut svg = Svg::new(WIDTH, TOP + BAR * shown as f64 + 44.0);
    heading(&mut svg, &format!("How busy the nodes are: {}", outcome.scenario.name), &outcome.scenario.about);
    for (number, node) in outcome.nodes.iter().enumerate().take(shown) {
        let y = TOP + BAR * number as f64;
        let width = |share: f64| (RIGHT - LEFT) * share.clamp(0.0, 1.0);
        svg.text("label", LEFT - 12.0, y + 11.0, TextAnchor::End, &format!("node {number}"));
        svg.rect("band f0", LEFT, y, width(node.busiest).max(1.0), BAR - 6.0);
        svg.rect("f0", LEFT, y, width(node.utilisation).max(1.0), BAR - 6.0);
        let text = format!(
            "{:.0}%, at most {:.0}% · {} bars/s",
            100.0 * node.utilisation,
            100.0 * node.busiest,
            exact_count(node.bars_per_s.round() as u64)
        );
        svg.text("tick", LEFT + width(node.busiest) + 8.0, y + 11.0, TextAnchor::Start, &text);
    }
    let y = TOP + BAR * shown as f64;
    svg.line("axis", LEFT, TOP - 6.0, LEFT, y);
    let mut key =
        "share of a core that redis-server uses, and in its busiest second; the axis ends at a whole core".to_owned();
    if shown < outcome.nodes.len() {
        key += &format!("; the first {shown} of {} nodes", outcome.nodes.len());
    }
    svg.text("sub", LEFT, y + 18.0, TextAnchor::Start, &key);
    svg
}
