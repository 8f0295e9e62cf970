//! `curves.svg`: loss and measures over the steps of a run.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::error::TrainError;
use crate::metrics_log::MetricsLine;

const WIDTH: u32 = 960;
const PANEL_HEIGHT: u32 = 280;
const COLOURS: [RGBColor; 6] = [
    RGBColor(31, 119, 180),
    RGBColor(214, 39, 40),
    RGBColor(44, 160, 44),
    RGBColor(148, 103, 189),
    RGBColor(255, 127, 14),
    RGBColor(23, 190, 207),
];

struct Curve {
    name: String,
    points: Vec<(f64, f64)>,
}

/// Draws the loss (training and validation in one panel) and below it each of `measures` that the lines hold, on a light background.
pub(crate) fn draw(lines: &[MetricsLine], measures: &[&str], path: &Path) -> Result<(), TrainError> {
    let fail = |problem: String| TrainError::Curves { path: path.to_owned(), problem };
    let mut panels = vec![("loss".to_owned(), loss_curves(lines))];
    let by_name = measure_curves(lines);
    for &measure in measures {
        if let Some(points) = by_name.get(measure) {
            panels.push((measure.to_owned(), vec![Curve { name: measure.to_owned(), points: points.clone() }]));
        }
    }
    let root = SVGBackend::new(path, (WIDTH, PANEL_HEIGHT * panels.len() as u32)).into_drawing_area();
    let drawn = || -> Result<(), Box<dyn std::error::Error + '_>> {
        root.fill(&WHITE)?;
        for ((name, curves), area) in panels.iter().zip(root.split_evenly((panels.len(), 1))) {
            panel(&area, name, curves)?;
        }
        root.present()?;
        Ok(())
    };
    drawn().map_err(|e| fail(e.to_string()))
}

fn panel<'a>(
    area: &DrawingArea<SVGBackend<'a>, Shift>,
    name: &str,
    curves: &[Curve],
) -> Result<(), Box<dyn std::error::Error + 'a>> {
    let mut chart = ChartBuilder::on(area)
        .caption(name, ("sans-serif", 16))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(64)
        .build_cartesian_2d(span(curves, |p| p.0), span(curves, |p| p.1))?;
    chart.configure_mesh().x_desc("step").y_desc(name).light_line_style(RGBColor(235, 235, 235)).draw()?;
    for (curve, colour) in curves.iter().zip(COLOURS.iter().cycle()) {
        let colour = *colour;
        chart
            .draw_series(LineSeries::new(curve.points.iter().copied(), colour.stroke_width(2)))?
            .label(curve.name.as_str())
            .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart.configure_series_labels().background_style(WHITE.mix(0.8)).border_style(RGBColor(200, 200, 200)).draw()?;
    Ok(())
}

/// The range of a coordinate, a little wider than the finite values; never empty.
fn span(curves: &[Curve], of: impl Fn(&(f64, f64)) -> f64) -> Range<f64> {
    let values = || curves.iter().flat_map(|c| c.points.iter().map(&of));
    let (low, high) = values().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if low > high {
        return 0.0..1.0;
    }
    let margin = if high > low { 0.03 * (high - low) } else { low.abs().max(1.0) * 0.05 };
    low - margin..high + margin
}

fn loss_curves(lines: &[MetricsLine]) -> Vec<Curve> {
    let training = lines.iter().filter_map(|line| match line {
        MetricsLine::Train { step, loss, .. } => finite(*step, *loss),
        MetricsLine::Evaluation { .. } => None,
    });
    let validation = measure_curves(lines).remove("loss").unwrap_or_default();
    let both = [("training", training.collect()), ("validation", validation)];
    both.into_iter().map(|(name, points)| Curve { name: name.to_owned(), points }).collect()
}

fn measure_curves(lines: &[MetricsLine]) -> BTreeMap<String, Vec<(f64, f64)>> {
    let mut curves: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    for line in lines {
        if let MetricsLine::Evaluation { step, metrics, .. } = line {
            for (name, value) in metrics {
                curves.entry(name.clone()).or_default().extend(finite(*step, *value));
            }
        }
    }
    curves
}

fn finite(step: u64, value: f64) -> Option<(f64, f64)> {
    value.is_finite().then_some((step as f64, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_of_a_run_and_of_an_empty_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("curves.svg");
        draw(&[], &["ndcg@10"], &path).unwrap();
        let train = |step, loss| MetricsLine::Train {
            step,
            epoch: 1,
            loss,
            rate: 1.0,
            gradient_norm: 1.0,
            examples_per_second: 1.0,
            seconds: 1.0,
            skipped: 0,
        };
        let metrics = BTreeMap::from([("loss".to_owned(), 1.5), ("ndcg@10".to_owned(), 0.6)]);
        let evaluation = MetricsLine::Evaluation { step: 2, epoch: 1, metrics, best: true, seconds: 1.0 };
        draw(&[train(1, 2.0), train(2, f64::NAN), train(3, 1.0), evaluation], &["ndcg@10", "absent"], &path).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        for word in ["<svg", "training", "validation", "ndcg@10", "step"] {
            assert!(svg.contains(word), "{word}");
        }
        assert!(!svg.contains("absent") && !svg.contains("NaN"));
        assert!(draw(&[], &[], &folder.path().join("no/such/folder.svg")).is_err());
    }
}
