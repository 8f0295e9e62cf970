//! Clipping by the norm of all gradients together (Pascanu, Mikolov, Bengio 2013).

use kernels::{Kernels, SumOfSquares};

/// The Euclidean norm over all tensors. It is not finite where a value is not.
pub fn global_norm(gradients: &[Vec<f32>]) -> f64 {
    let kernels = Kernels::native();
    let quick: f64 = gradients.iter().map(|gradient| kernels.run(SumOfSquares(gradient))).sum();
    // The sums of f32 overflow where those of f64 do not.
    let exact = || gradients.iter().flatten().map(|&g| f64::from(g) * f64::from(g)).sum();
    if quick.is_finite() { quick.sqrt() } else { f64::sqrt(exact()) }
}

/// Scales all gradients so that their norm is at most `most`; returns the norm before. `most = 0` means no limit.
pub fn clip_global_norm(gradients: &mut [Vec<f32>], most: f64) -> f64 {
    let norm = global_norm(gradients);
    if most > 0.0 && norm > most {
        let scale = (most / norm) as f32;
        gradients.iter_mut().flatten().for_each(|g| *g *= scale);
    }
    norm
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_norm_is_over_all_tensors_and_direction_stays() {
        let mut gradients = vec![vec![3.0, 0.0], vec![4.0]];
        assert_eq!(clip_global_norm(&mut gradients, 10.0), 5.0);
        assert_eq!(gradients, [vec![3.0, 0.0], vec![4.0]], "below the limit nothing changes");
        assert_eq!(clip_global_norm(&mut gradients, 0.0), 5.0);
        assert_eq!(clip_global_norm(&mut gradients, 1.0), 5.0);
        assert!((global_norm(&gradients) - 1.0).abs() < 1e-6);
        assert!((gradients[0][0] - 0.6).abs() < 1e-6);
        assert!((global_norm(&[vec![3e30], vec![4e30]]) / 5e30 - 1.0).abs() < 1e-6);
    }
}
