//! What a stream asks of a model.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use event_log::EventSource;
use foryou_types::{Profile, TimeMs};
use model_registry::Kind;
use serde_json::Value;

use crate::ExperimentError;
use crate::ready::Ready;

/// A model that a stream can train.
pub(crate) trait Trainable: Sync {
    /// Its name: of its settings, its folders and its row of the report.
    fn name(&self) -> &'static str;

    /// What it does: it ranks or it retrieves.
    fn kind(&self) -> Kind;

    /// Every setting of its training with its default.
    fn defaults(&self) -> Result<Value, ExperimentError>;

    /// The model with settings `NAME.KEY=VALUE` over the defaults. `refresh_factor` is the factor on its learning rates from the second
    /// training on.
    fn learner(&self, settings: &[&str], refresh_factor: f64) -> Result<Box<dyn Learner>, ExperimentError>;
}

/// A model with its settings.
pub(crate) trait Learner {
    /// What determines what it learns: of the first training, and of all later ones.
    fn recipes(&self) -> Result<[Value; 2], ExperimentError>;

    /// Learns a part of the log, and leaves a checkpoint in the folder `checkpoint` of [`Lesson::run`]. Returns the number of posts
    /// learned from; with 0 the model stays as it is. The first training must find some.
    fn learn(&self, lesson: &Lesson<'_>) -> Result<u64, ExperimentError>;

    /// Makes a checkpoint ready to answer.
    fn load(&self, checkpoint: &Path) -> Result<Ready, ExperimentError>;
}

/// A part of a log to learn.
pub(crate) struct Lesson<'a> {
    pub(crate) log: &'a dyn EventSource,
    pub(crate) profile: &'a Profile,
    /// The events learned are at or after this moment; `None`: from the beginning.
    pub(crate) since: Option<TimeMs>,
    /// They are before this moment.
    pub(crate) until: TimeMs,
    /// The checkpoint to continue from; `None` for the first training.
    pub(crate) from: Option<&'a Path>,
    /// The folder of this training, which does not exist yet.
    pub(crate) run: &'a Path,
    pub(crate) seed: u64,
    pub(crate) threads: usize,
    /// Set to end the training with [`ExperimentError::Stopped`].
    pub(crate) stop: &'a AtomicBool,
}
