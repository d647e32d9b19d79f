//! The samples as a picture: a small chart for each figure, one below the other.

use super::samples::{Samples, Series};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 70.0;
const LEFT: f64 = 130.0;

pub(crate) fn svg(samples: &Samples) -> String {
    let shown: Vec<&Series> = samples
        .series
        .iter()
        .filter(|series| series.values.iter().any(|value| *value > 0.0))
        .collect();
    let (width, height) = (LEFT + WIDTH + 20.0, 30.0 + HEIGHT * shown.len() as f64);
    let minutes = samples.seconds.last().unwrap_or(&0.0) / 60.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"8\" y=\"18\" font-size=\"13\">Soak of {minutes:.1} minutes: maximum of each figure at its left</text>\n"
    );
    for (row, series) in shown.iter().enumerate() {
        chart(&mut out, samples, series, 30.0 + HEIGHT * row as f64);
    }
    out + "</svg>\n"
}

/// One figure, from zero to its maximum; marks where the thirds begin.
fn chart(out: &mut String, samples: &Samples, series: &Series, top: f64) {
    let most = series.values.iter().copied().fold(1.0, f64::max);
    let end = samples.seconds.last().copied().unwrap_or(1.0).max(1.0);
    let (bottom, high) = (top + HEIGHT - 14.0, HEIGHT - 20.0);
    let points = samples
        .seconds
        .iter()
        .zip(&series.values)
        .map(|(seconds, value)| {
            format!(
                "{:.1},{:.1}",
                LEFT + WIDTH * seconds / end,
                bottom - high * value / most
            )
        });
    let points: Vec<String> = points.collect();
    *out += &format!(
        "<text x=\"8\" y=\"{:.0}\">{}</text><text x=\"8\" y=\"{:.0}\" fill=\"#666\">{most:.0}</text>\n",
        bottom - 20.0,
        series.name,
        bottom - 6.0
    );
    for third in [0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0] {
        let x = LEFT + WIDTH * third;
        *out += &format!(
            "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{bottom:.1}\" stroke=\"#ddd\"/>\n",
            bottom - high
        );
    }
    *out += &format!(
        "<line x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{bottom:.1}\" y2=\"{bottom:.1}\" stroke=\"#999\"/>\n\
         <polyline fill=\"none\" stroke=\"#06c\" points=\"{}\"/>\n",
        LEFT + WIDTH,
        points.join(" ")
    );
}
