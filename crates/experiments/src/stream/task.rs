//! What a stream predicts and how it judges that.

use evaluation::{DaySpan, Measured};
use event_log::Event;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::models::Models;
use super::state::Progress;
use crate::ExperimentError;

/// One way of judging a stream.
pub(crate) trait Task {
    /// The result of one judged event under one model.
    type Outcome: Measured + Serialize + DeserializeOwned;

    /// The rows of the report: a name and what it orders by.
    fn models(&self) -> Vec<(String, String)>;

    /// Predicts an event that has not been taken in; it counts in the row `day` of the report.
    fn predict(
        &mut self,
        day: DaySpan,
        event: &Event,
        models: &Models,
        progress: &mut Progress<Self::Outcome>,
    ) -> Result<(), ExperimentError>;

    /// Takes in an event. `progress` is given in the judged part.
    fn take_in(&mut self, event: &Event, progress: Option<&mut Progress<Self::Outcome>>);

    /// A period has ended: open lists are judged, and the models may change from here on.
    fn end_period(&mut self, progress: &mut Progress<Self::Outcome>) -> Result<(), ExperimentError>;
}
