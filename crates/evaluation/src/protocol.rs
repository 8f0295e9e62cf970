//! The protocol of an evaluation: what was measured, on what and how.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Whether a model is told the time of the query it predicts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueryTime {
    /// It is, as in serving, where it is now.
    Known,
    /// It is not: the last interval is a constant.
    Unknown,
}

impl fmt::Display for QueryTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Known => "known",
            Self::Unknown => "unknown",
        })
    }
}

/// What a reader needs to compare a number with another one.
///
/// The same model can score three times as much under another choice of candidates, so every printed report starts with this block
/// ([`Display`](fmt::Display), one line an entry, each ended by a line break) and every written one contains it (serde). Two reports
/// are comparable where their protocols are equal but for the seeds.
///
/// ```
/// use evaluation::{Protocol, QueryTime};
///
/// let protocol = Protocol {
///     data_set: "synthetic world, seed 7".into(),
///     checksum: None,
///     filtering: "none".into(),
///     split: "global time cut, last 20 %".into(),
///     tie_order: "as shown".into(),
///     candidates: "the impressions of a slate".into(),
///     seen_masking: false,
///     query_time: QueryTime::Known,
///     seeds: vec![1, 2],
///     metric_definitions: vec![("NDCG@10".into(), "DCG over the ideal DCG, gain / log2(rank + 1)".into())],
/// };
/// assert!(protocol.to_string().starts_with("data set    synthetic world, seed 7\n"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protocol {
    /// The name of the data set, with version.
    pub data_set: String,
    /// The checksum of its file with the name of the function (`sha256:...`); `None` where it has no file.
    pub checksum: Option<String>,
    /// What was left out of the data before the split.
    pub filtering: String,
    /// What is trained on and what is tested on.
    pub split: String,
    /// The order of events at the same time, or of items with the same score.
    pub tie_order: String,
    /// What is ranked for each query.
    pub candidates: String,
    /// Whether items that the user has acted on are taken out of the ranking.
    pub seen_masking: bool,
    /// Whether models know the time of the query.
    pub query_time: QueryTime,
    /// The seeds of the runs; none where nothing is random.
    pub seeds: Vec<u64>,
    /// The name and the definition of each metric, in the order of the report.
    pub metric_definitions: Vec<(String, String)>,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seeds: Vec<String> = self.seeds.iter().map(u64::to_string).collect();
        let query_time = self.query_time.to_string();
        let seeds = if seeds.is_empty() { "none".to_owned() } else { seeds.join(", ") };
        let entries = [
            ("data set", self.data_set.as_str()),
            ("checksum", self.checksum.as_deref().unwrap_or("none")),
            ("filtering", &self.filtering),
            ("split", &self.split),
            ("tie order", &self.tie_order),
            ("candidates", &self.candidates),
            ("seen items", if self.seen_masking { "masked" } else { "not masked" }),
            ("query time", &query_time),
            ("seeds", &seeds),
        ];
        let metrics = self.metric_definitions.iter().map(|(name, definition)| (name.as_str(), definition.as_str()));
        let lines: Vec<(&str, &str)> = entries.into_iter().chain(metrics).collect();
        let width = lines.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        lines.iter().try_for_each(|(name, value)| writeln!(f, "{name:width$}  {value}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protocol() -> Protocol {
        Protocol {
            data_set: "world".into(),
            checksum: Some("sha256:00ff".into()),
            filtering: "5-core".into(),
            split: "leave-one-out".into(),
            tie_order: "exact integer, stable".into(),
            candidates: "full catalogue".into(),
            seen_masking: true,
            query_time: QueryTime::Unknown,
            seeds: vec![1, 20],
            metric_definitions: vec![
                ("recall@1000".into(), "found within 1,000 / relevant".into()),
                ("MRR".into(), "1 / rank of the first relevant".into()),
            ],
        }
    }

    #[test]
    fn every_switch_has_its_line() {
        let expected = "\
data set     world
checksum     sha256:00ff
filtering    5-core
split        leave-one-out
tie order    exact integer, stable
candidates   full catalogue
seen items   masked
query time   unknown
seeds        1, 20
recall@1000  found within 1,000 / relevant
MRR          1 / rank of the first relevant
";
        assert_eq!(protocol().to_string(), expected);
    }

    #[test]
    fn what_is_absent_is_said() {
        let bare = Protocol {
            checksum: None,
            seen_masking: false,
            query_time: QueryTime::Known,
            seeds: Vec::new(),
            metric_definitions: Vec::new(),
            ..protocol()
        };
        let text = bare.to_string();
        for line in ["checksum    none", "seen items  not masked", "query time  known", "seeds       none"] {
            assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        }
        assert_eq!(text.lines().count(), 9);
    }

    #[test]
    fn json_keeps_everything_and_refuses_less() {
        let json = serde_json::to_string(&protocol()).unwrap();
        assert_eq!(serde_json::from_str::<Protocol>(&json).unwrap(), protocol());
        assert!(json.contains(r#""query_time":"unknown""#), "{json}");
        let without_split = json.replace("\"split\"", "\"cut\"");
        assert!(serde_json::from_str::<Protocol>(&without_split).is_err());
    }
}
