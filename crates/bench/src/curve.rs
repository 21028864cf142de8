//! A chart: how many tokens a second are redeemed, by how many connections at once.

use std::{io::Write as _, path::Path};

use anyhow::Context as _;
use plotters::prelude::{
    ChartBuilder, Circle, IntoDrawingArea as _, IntoLogRange as _, LineSeries, PathElement,
    RGBColor, SVGBackend, SeriesLabelPosition, WHITE,
};

use crate::{cases, stage::EngineSet};

/// How many connections send at once.
const CONNECTIONS: [usize; 9] = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/// The size of the picture, in points.
const SIZE: (u32, u32) = (720, 420);

/// A chart's words and its lines. The horizontal axis counts in powers of two.
pub(crate) struct Chart {
    pub(crate) caption: &'static str,
    pub(crate) x: &'static str,
    pub(crate) y: &'static str,
    pub(crate) lines: Vec<Line>,
}

/// A line of a chart.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

impl Line {
    pub(crate) fn new(name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Self {
            name: name.into(),
            points,
        }
    }
}

/// The colours of lines, in their order.
const COLOURS: [RGBColor; 3] = [
    RGBColor(31, 119, 180),
    RGBColor(214, 90, 20),
    RGBColor(44, 140, 60),
];

/// Measures, says what it measured, and writes the chart to `file`.
pub async fn draw(file: &Path, embedded_only: bool) -> anyhow::Result<()> {
    let sets: &[EngineSet] = if embedded_only {
        &[EngineSet::Embedded]
    } else {
        &[EngineSet::Embedded, EngineSet::Real]
    };
    let mut lines = Vec::new();
    for engines in sets {
        let rates = cases::throughput(*engines, &CONNECTIONS).await?;
        let points: Vec<_> = CONNECTIONS
            .iter()
            .zip(rates)
            .map(|(count, rate)| anyhow::Ok((f64::from(u32::try_from(*count)?), rate)))
            .collect::<Result<_, _>>()?;
        for (count, rate) in &points {
            let mut out = std::io::stdout().lock();
            writeln!(
                out,
                "{} engines, {count} connections: {rate:.0} tokens/s",
                engines.as_str()
            )?;
        }
        lines.push(Line::new(format!("{} engines", engines.as_str()), points));
    }
    let chart = Chart {
        caption: "Tokens redeemed a second, 10 in a request",
        x: "connections that send at once",
        y: "tokens a second",
        lines,
    };
    plot(file, &chart)
}

/// Writes a chart to `file`.
pub(crate) fn plot(file: &Path, chart: &Chart) -> anyhow::Result<()> {
    draw_svg(file, chart).with_context(|| format!("{} cannot be written", file.display()))
}

fn draw_svg(file: &Path, picture: &Chart) -> anyhow::Result<()> {
    let area = SVGBackend::new(file, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let points = || picture.lines.iter().flat_map(|line| &line.points);
    let most = points().map(|(_, y)| *y).fold(1.0, f64::max);
    let first = points().map(|(x, _)| *x).fold(f64::MAX, f64::min);
    let last = points().map(|(x, _)| *x).fold(first, f64::max);
    let mut chart = ChartBuilder::on(&area)
        .caption(picture.caption, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(64)
        .build_cartesian_2d((first..last).log_scale().base(2.0), 0.0..most * 1.1)?;
    let precise = most < 10.0;
    chart
        .configure_mesh()
        .x_desc(picture.x)
        .y_desc(picture.y)
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| {
            if precise {
                format!("{y:.1}")
            } else {
                format!("{y:.0}")
            }
        })
        .draw()?;
    for (line, colour) in picture.lines.iter().zip(COLOURS) {
        chart
            .draw_series(LineSeries::new(line.points.clone(), colour))?
            .label(line.name.as_str())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour));
        let dot = |point: &(f64, f64)| Circle::new(*point, 3, colour);
        chart.draw_series(line.points.iter().map(dot))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE)
        .draw()?;
    area.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_has_a_line_and_a_name_for_each_of_its_lines() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("chart.svg");
        let line = |name| Line::new(name, vec![(1.0, 500.0), (256.0, 9_000.0)]);
        let chart = Chart {
            caption: "tokens",
            x: "connections",
            y: "a second",
            lines: vec![line("embedded engines"), line("real engines")],
        };

        plot(&file, &chart).unwrap();

        let svg = std::fs::read_to_string(file).unwrap();
        assert!(svg.contains("embedded engines") && svg.contains("real engines"));
        assert!(svg.matches("<polyline").count() >= 2, "{svg}");
    }
}
