//! Answers of clients as those of the components that asked them.

use candidate_pipeline::StageError;
use foryou_types::seams::SeamError;

/// A client's failure as the failure of the component that asked it.
pub fn failed(error: SeamError) -> StageError {
    match error {
        SeamError::DeadlineExceeded => StageError::DeadlineExceeded,
        other => StageError::failed(other),
    }
}

/// A client's answer. Refused unless it has one value for each thing asked.
pub fn one_each<T>(answer: Result<Vec<T>, SeamError>, expected: usize) -> Result<Vec<T>, StageError> {
    let answer = answer.map_err(failed)?;
    if answer.len() == expected { Ok(answer) } else { Err(StageError::WrongLength { expected, got: answer.len() }) }
}
