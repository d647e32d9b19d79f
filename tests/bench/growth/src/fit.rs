//! The exponent of a power that goes through points.

/// The slope of the line of least squares through the logarithms of sizes and times.
pub fn exponent(points: &[(f64, f64)]) -> f64 {
    let logs: Vec<(f64, f64)> = points.iter().map(|(size, time)| (size.ln(), time.max(1e-3).ln())).collect();
    let mean = |values: &dyn Fn(&(f64, f64)) -> f64| logs.iter().map(values).sum::<f64>() / logs.len() as f64;
    let (x, y) = (mean(&|p| p.0), mean(&|p| p.1));
    let along: f64 = logs.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    along / logs.iter().map(|p| (p.0 - x).powi(2)).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_found() {
        for power in [0.0, 1.0, 1.5, 2.0] {
            let points = [1.0, 2.0, 4.0, 8.0].map(|size: f64| (size * 100.0, 3.0 * size.powf(power)));
            assert!((exponent(&points) - power).abs() < 1e-9, "{power}");
        }
    }
}
