//! The rotary position embedding (RoFormer, half-split pairs) as constant tables.

use burn_tensor::{Device, Tensor};
use phoenix::ModelConfig;

use super::ops::constant;

/// Cosines and sines for a set of tokens, for all heads, and the matrix that swaps the halves of a head.
#[derive(Clone, Debug)]
pub(super) struct Rotary {
    query_cos: Tensor<2>,
    query_sin: Tensor<2>,
    key_cos: Tensor<2>,
    key_sin: Tensor<2>,
    swap: Tensor<2>,
    key_size: usize,
}

impl Rotary {
    /// Tables for tokens at these positions. Queries also get the factor on attention logits, divided by the cap where there is
    /// one, so that the product of a query and a key is what goes into tanh (or into the softmax).
    pub(super) fn new(config: &ModelConfig, positions: &[usize], device: &Device) -> Self {
        let key_size = config.key_size;
        let half = key_size / 2;
        let longest = positions.iter().max().map_or(0, |last| last + 1);
        let angle = |position: usize, i: usize| {
            position as f64 / config.rope_base.powf((2 * (i % half)) as f64 / key_size as f64)
        };
        let by_position: Vec<(f32, f32)> = (0..longest)
            .flat_map(|position| (0..key_size).map(move |i| angle(position, i).sin_cos()))
            .map(|(sin, cos)| (sin as f32, cos as f32))
            .collect();
        let scale = config.attention_multiplier() / config.attn_logit_cap.unwrap_or(1.0);
        let table = |heads: usize, value: &dyn Fn(&(f32, f32)) -> f32| {
            let mut values = Vec::with_capacity(positions.len() * heads * key_size);
            for &position in positions {
                let row = &by_position[position * key_size..][..key_size];
                for _ in 0..heads {
                    values.extend(row.iter().map(value));
                }
            }
            constant(values, [positions.len(), heads * key_size], device)
        };
        let (queries, keys) = (config.num_q_heads, config.num_kv_heads);
        // x · swap = [−x₂ | x₁] for x = [x₁ | x₂].
        let mut swap = vec![0.0; key_size * key_size];
        for i in 0..half {
            swap[(half + i) * key_size + i] = -1.0;
            swap[i * key_size + half + i] = 1.0;
        }
        Self {
            query_cos: table(queries, &|(_, cos)| cos * scale),
            query_sin: table(queries, &|(sin, _)| sin * scale),
            key_cos: table(keys, &|(_, cos)| *cos),
            key_sin: table(keys, &|(sin, _)| *sin),
            swap: constant(swap, [key_size, key_size], device),
            key_size,
        }
    }

    /// Turned and scaled queries, `[tokens, H·K]`.
    pub(super) fn queries(&self, x: Tensor<2>) -> Tensor<2> {
        self.turn(x, &self.query_cos, &self.query_sin)
    }

    /// Turned keys, `[tokens, G·K]`.
    pub(super) fn keys(&self, x: Tensor<2>) -> Tensor<2> {
        self.turn(x, &self.key_cos, &self.key_sin)
    }

    fn turn(&self, x: Tensor<2>, cos: &Tensor<2>, sin: &Tensor<2>) -> Tensor<2> {
        let [tokens, columns] = x.dims();
        let heads = x.clone().reshape([tokens * columns / self.key_size, self.key_size]);
        let swapped = heads.matmul(self.swap.clone()).reshape([tokens, columns]);
        x * cos.clone() + swapped * sin.clone()
    }
}
