//! What every component must do, and a function that checks it. For tests.
//!
//! [`assert_component_compliance`] runs a component as the executor does: alone in a pipeline, on a query and candidates that the
//! caller gives ([`Case`]). A component complies if all of these hold.
//!
//! | | rule |
//! |---|---|
//! | name | It has a name of letters, digits and `_`, and the name stays the same. |
//! | work | On the case's query it is asked once, degrades nothing and counts no error. |
//! | metrics | One time, one number of candidates in and one out, under the labels `pipeline`, `stage` and `component`. |
//! | candidates | Hydrators and scorers lose, add and reorder no candidate and change no id. Filters keep a part of them in the same order and name themselves for each other one. A source's candidates have ids. A selector gives each at most once, finite scores in descending order first, and not more than its result size. |
//! | repeat | The same question gives the same candidates again. |
//! | off | Where `enable` says no it is not asked, measures nothing and stands among the disabled. |
//! | nothing | Without candidates it gives nothing and does not fail. |
//! | error | Its error is reported once under its name and counted; the request is answered. A filter's policy decides on every candidate. |
//! | panic | As an error. |
//! | late | When its budget ends it is abandoned: reported under its name, counted as a missed deadline; the request is answered. |
//! | no time | With a budget that is spent from the start it ends, and reports nothing but itself. |
//! | client | When what it asks fails ([`Subject::broken_by`]), the failure is reported under its name. |
//!
//! Errors, panics and lateness are made by a wrapper around the component, so they check that it can be wrapped, named and measured
//! like any other; the client's failure is the component's own.

mod checks;
mod ear;
mod subject;

use std::fmt::Debug;

pub use ear::Ear;
pub use subject::Subject;

/// What a component is tried on.
#[derive(Clone, Debug)]
pub struct Case<Q, C> {
    /// A query on which it takes part.
    pub query: Q,
    /// One on which it does not; `None` for a component that always does.
    pub off: Option<Q>,
    /// Candidates. A source is tried without them.
    pub candidates: Vec<C>,
    /// A candidate's id.
    pub id: fn(&C) -> u64,
}

/// Checks that a component keeps the rules of this module; panics with its name and the rule if it does not.
///
/// Needs a Tokio runtime whose time is paused (`#[tokio::test(start_paused = true)]`), so that nothing is waited for.
pub async fn assert_component_compliance<Q, C>(subject: &Subject<Q, C>, case: &Case<Q, C>)
where
    Q: Clone + Send + Sync + 'static,
    C: Clone + Debug + Send + Sync + 'static,
{
    checks::Trial { subject, case }.run().await;
}
