//! The ranges of the values. The reference of the recipes quotes these messages.

use phoenix::{HistoryAttention, Positions};

use super::{Recipe, RecipeError};
use crate::data::DataError;

impl Recipe {
    /// The first value out of its range, by its key.
    pub fn check(&self) -> Result<(), RecipeError> {
        let wrong = |key: &str, problem: String| Err(RecipeError::Value { key: key.to_owned(), problem });
        if let Err(e) = self.model.check() {
            return wrong(&format!("model.{}", e.key), e.problem);
        }
        if self.model.history_attention != HistoryAttention::Causal {
            let why = "must be causal: a pass trains candidates that see different parts of its history";
            return wrong("model.history_attention", why.to_owned());
        }
        if self.model.positions != Positions::Shared {
            return wrong(
                "model.positions",
                "must be shared: a candidate stands after the tokens it may see".to_owned(),
            );
        }
        if self.heads.is_some() == self.sampling.is_some() {
            return wrong("heads", "a recipe has either heads (ranker) or sampling (retrieval)".to_owned());
        }
        let (tables, dense, stopping) = (&self.tables, &self.dense, &self.stopping);
        let rows = [
            ("tables.user_rows", tables.user_rows),
            ("tables.post_rows", tables.post_rows),
            ("tables.author_rows", tables.author_rows),
            ("tables.text_rows", tables.text_rows),
        ];
        for (key, rows) in rows {
            if rows.is_some_and(|rows| !(2..=1 << 28).contains(&rows)) {
                return wrong(key, "must be between 2 and 268,435,456".to_owned());
            }
        }
        let sampling = self.sampling.as_ref();
        let ranges: [(&str, f64, f64, f64); 31] = [
            ("epochs", f64::from(self.epochs), 1.0, 1e6),
            ("tokens_per_step", self.tokens_per_step as f64, 16.0, 1e8),
            ("post_dropout", self.post_dropout, 0.0, 0.99),
            ("tables.learning_rate", tables.learning_rate, 0.0, 100.0),
            ("start.post_norm", f64::from(self.start.post_norm), 0.0, 10.0),
            ("start.text_scale", f64::from(self.start.text_scale), 0.0, 100.0),
            ("start.sharpness", f64::from(self.start.sharpness), 0.0, 100.0),
            ("start.text_axes", self.start.text_axes as f64, 0.0, 8192.0),
            ("start.action_std", f64::from(self.start.action_std), 0.0, 10.0),
            ("start.feature_std", f64::from(self.start.feature_std), 0.0, 10.0),
            ("tables.text_factor", tables.text_factor, 0.0, 1e3),
            ("tables.user_factor", tables.user_factor, 0.0, 1e3),
            ("tables.eps", tables.eps, 1e-12, 1.0),
            ("tables.decay", tables.decay, 0.0, 1.0),
            ("tables.user_std", f64::from(tables.user_std), 0.0, 10.0),
            ("tables.post_std", f64::from(tables.post_std), 0.0, 10.0),
            ("tables.author_std", f64::from(tables.author_std), 0.0, 10.0),
            ("tables.text_std", f64::from(tables.text_std), 0.0, 10.0),
            ("dense.learning_rate", dense.learning_rate, 0.0, 10.0),
            ("dense.beta1", dense.beta1, 0.0, 0.9999),
            ("dense.beta2", dense.beta2, 0.0, 0.999_999),
            ("dense.eps", dense.eps, 1e-12, 1.0),
            ("dense.weight_decay", dense.weight_decay, 0.0, 100.0),
            ("dense.clip_norm", dense.clip_norm, 0.0, 1e9),
            ("schedule.warm_up", self.schedule.warm_up, 0.0, 1.0),
            ("stopping.evaluate_every", stopping.evaluate_every.unwrap_or(1) as f64, 1.0, 1e12),
            ("stopping.max_seconds", stopping.max_seconds.unwrap_or(1.0), 0.0, 1e9),
            ("stopping.log_every", stopping.log_every as f64, 1.0, 1e12),
            ("heads.continuous", self.heads.as_ref().map_or(0.0, |h| h.continuous), 0.0, 1e3),
            ("sampling.temperature", sampling.map_or(0.1, |s| s.temperature), 0.01, 1.0),
            ("sampling.positives_per_pass", sampling.map_or(1.0, |s| s.positives_per_pass as f64), 1.0, 1e6),
        ];
        for (key, value, least, most) in ranges {
            if !(value.is_finite() && (least..=most).contains(&value)) {
                return wrong(key, format!("must be between {least} and {most}, is {value}"));
            }
        }
        if sampling.is_some_and(|s| s.uniform > 1 << 20) {
            return wrong("sampling.uniform", "must be at most 1,048,576".to_owned());
        }
        match self.data_options().check() {
            Err(DataError::Option { key, problem }) => wrong(&format!("data.{key}"), problem.to_owned()),
            Err(e) => wrong("data", e.to_string()),
            Ok(()) => Ok(()),
        }
    }
}
