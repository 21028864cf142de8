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

/// A set of engines and what was measured on it.
struct Line {
    engines: EngineSet,
    /// Connections, and tokens a second.
    points: Vec<(f64, f64)>,
}

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
        lines.push(Line {
            engines: *engines,
            points,
        });
    }
    plot(file, &lines).with_context(|| format!("{} cannot be written", file.display()))
}

fn plot(file: &Path, lines: &[Line]) -> anyhow::Result<()> {
    let area = SVGBackend::new(file, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let all = lines.iter().flat_map(|line| &line.points);
    let most = all.map(|(_, rate)| *rate).fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(&area)
        .caption(
            "Tokens redeemed a second, 10 in a request",
            ("sans-serif", 18),
        )
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(64)
        .build_cartesian_2d((1.0..256.0).log_scale().base(2.0), 0.0..most * 1.1)?;
    chart
        .configure_mesh()
        .x_desc("connections that send at once")
        .y_desc("tokens a second")
        .x_label_formatter(&|count| format!("{count:.0}"))
        .y_label_formatter(&|rate| format!("{rate:.0}"))
        .draw()?;
    for line in lines {
        let colour = match line.engines {
            EngineSet::Embedded => RGBColor(31, 119, 180),
            EngineSet::Real => RGBColor(214, 90, 20),
        };
        chart
            .draw_series(LineSeries::new(line.points.clone(), colour))?
            .label(format!("{} engines", line.engines.as_str()))
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
    fn a_chart_has_a_line_and_a_name_for_each_set_of_engines() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("chart.svg");
        let line = |engines| Line {
            engines,
            points: vec![(1.0, 500.0), (256.0, 9_000.0)],
        };

        plot(&file, &[line(EngineSet::Embedded), line(EngineSet::Real)]).unwrap();

        let svg = std::fs::read_to_string(file).unwrap();
        assert!(svg.contains("embedded engines") && svg.contains("real engines"));
        assert!(svg.matches("<polyline").count() >= 2, "{svg}");
    }
}
