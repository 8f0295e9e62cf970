//! Grouped-query attention with capped logits.

use burn_tensor::Tensor;
use phoenix::ModelConfig;

/// Up to this cap `exp` of a logit and the sum over any history stay far inside f32, so the softmax needs no maximum.
const LARGEST_SAFE_CAP: f32 = 60.0;

/// The heads of a model; tensors here are `[B, G, H/G, tokens, ..]`, so that the query heads of a group share their keys by
/// broadcasting, without a copy of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heads {
    groups: usize,
    per_group: usize,
    key_size: usize,
    cap: Option<f32>,
}

/// Keys and values of the context in one layer.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    /// `[B, G, 1, K, N]`.
    keys: Tensor<5>,
    /// `[B, G, 1, N, K]`.
    values: Tensor<5>,
}

/// One more key and value per query: its own.
#[derive(Clone, Debug)]
pub(super) struct Own {
    /// `[B·tokens, G·K]`.
    pub(super) keys: Tensor<2>,
    /// `[B·tokens, G·K]`.
    pub(super) values: Tensor<2>,
}

impl Heads {
    pub(super) fn new(config: &ModelConfig) -> Self {
        Self {
            groups: config.num_kv_heads,
            per_group: config.num_q_heads / config.num_kv_heads,
            key_size: config.key_size,
            cap: config.attn_logit_cap,
        }
    }

    /// Keys and values `[B·N, G·K]` as what queries attend to.
    pub(super) fn memory(self, keys: Tensor<2>, values: Tensor<2>, batch: usize) -> Memory {
        let split = |x: Tensor<2>| {
            let tokens = x.dims()[0] / batch;
            x.reshape([batch, tokens, self.groups, 1, self.key_size])
        };
        Memory { keys: split(keys).permute([0, 2, 3, 4, 1]), values: split(values).permute([0, 2, 3, 1, 4]) }
    }

    /// Attention of queries `[B·T, H·K]` to the memory, where `mask` `[B, 1, 1, T, N]` is added to the logits, and to their own
    /// keys. Answers `[B·T, H·K]`. Queries carry the factor on logits, divided by the cap.
    pub(super) fn attend(self, queries: Tensor<2>, memory: &Memory, mask: &Tensor<5>, own: Option<Own>) -> Tensor<2> {
        let [batch, _, _, tokens, _] = mask.dims();
        let columns = queries.dims()[1];
        let queries =
            queries.reshape([batch, tokens, self.groups, self.per_group, self.key_size]).permute([0, 2, 3, 1, 4]);
        let logits = self.capped(queries.clone().matmul(memory.keys.clone())) + mask.clone();
        let own = own.map(|own| {
            let split =
                |x: Tensor<2>| x.reshape([batch, tokens, self.groups, 1, self.key_size]).permute([0, 2, 3, 1, 4]);
            (self.capped((queries * split(own.keys)).sum_dim(4)), split(own.values))
        });
        let (logits, own) = self.stable(logits, own);
        let weights = logits.exp();
        let mut total = weights.clone().sum_dim(4);
        let mut mixed = weights.matmul(memory.values.clone());
        if let Some((logits, values)) = own {
            let weights = logits.exp();
            total = total + weights.clone();
            mixed = mixed + values * weights;
        }
        (mixed * total.recip()).permute([0, 3, 1, 2, 4]).reshape([batch * tokens, columns])
    }

    fn capped(self, logits: Tensor<5>) -> Tensor<5> {
        match self.cap {
            Some(cap) => logits.tanh().mul_scalar(cap),
            None => logits,
        }
    }

    /// Takes the largest logit of each row off all of them, where the cap does not keep `exp` in range.
    fn stable(
        self,
        logits: Tensor<5>,
        own: Option<(Tensor<5>, Tensor<5>)>,
    ) -> (Tensor<5>, Option<(Tensor<5>, Tensor<5>)>) {
        if self.cap.is_some_and(|cap| cap <= LARGEST_SAFE_CAP) {
            return (logits, own);
        }
        let mut largest = logits.clone().detach().max_dim(4);
        if let Some((own, _)) = &own {
            largest = largest.max_pair(own.clone().detach());
        }
        (logits - largest.clone(), own.map(|(logits, values)| (logits - largest, values)))
    }
}
