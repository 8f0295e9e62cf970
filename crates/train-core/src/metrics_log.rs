//! `metrics.jsonl`: what a run measured, one JSON object per line, so that it can be followed and plotted while it grows.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A line of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "lowercase")]
pub enum MetricsLine {
    /// Some steps of training.
    Train {
        /// Steps done.
        step: u64,
        /// The epoch, from 1.
        epoch: u32,
        /// Mean loss since the last line.
        loss: f64,
        /// Factor of the schedule on the learning rates.
        rate: f64,
        /// Norm of the dense gradients of the last step, before clipping.
        gradient_norm: f64,
        /// Examples a second since the run began.
        examples_per_second: f64,
        /// Seconds since the run began.
        seconds: f64,
        /// Steps skipped so far.
        skipped: u64,
    },
    /// An evaluation.
    Evaluation {
        /// Steps done.
        step: u64,
        /// The epoch, from 1.
        epoch: u32,
        /// The measures by name.
        metrics: BTreeMap<String, f64>,
        /// Whether it is the best so far.
        best: bool,
        /// Seconds since the run began.
        seconds: f64,
    },
}

impl MetricsLine {
    /// Steps done.
    pub const fn step(&self) -> u64 {
        match self {
            Self::Train { step, .. } | Self::Evaluation { step, .. } => *step,
        }
    }
}

/// The file, open for appending.
#[derive(Debug)]
pub struct MetricsLog {
    file: File,
    path: PathBuf,
}

impl MetricsLog {
    /// Starts the file again, empty.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::create(path)?, path: path.to_owned() })
    }

    /// Continues with a file, without the lines after `step` (a run continues from its last checkpoint, which may be older).
    pub fn resume(path: &Path, step: u64) -> io::Result<Self> {
        let kept: Vec<MetricsLine> = match read_lines(path) {
            Ok(lines) => lines.into_iter().filter(|line| line.step() <= step).collect(),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(e),
        };
        let mut log = Self::create(path)?;
        kept.iter().try_for_each(|line| log.write(line))?;
        log.file = OpenOptions::new().append(true).open(path)?;
        Ok(log)
    }

    /// Appends a line.
    pub fn write(&mut self, line: &MetricsLine) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.file.write_all(&text)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Reads a file back; a last line cut off by a crash is left out.
pub fn read_lines(path: &Path) -> io::Result<Vec<MetricsLine>> {
    let mut lines = Vec::new();
    for line in BufReader::new(File::open(path)?).lines() {
        match serde_json::from_str(&line?) {
            Ok(line) => lines.push(line),
            Err(e) if e.is_eof() => break,
            Err(e) => return Err(e.into()),
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resumed_file_loses_what_came_after_the_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let line = |step| MetricsLine::Evaluation {
            step,
            epoch: 1,
            metrics: BTreeMap::from([("loss".to_owned(), 0.5)]),
            best: true,
            seconds: 1.0,
        };
        let mut log = MetricsLog::create(&path).unwrap();
        (1..=3).for_each(|step| log.write(&line(step)).unwrap());
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"what\":\"tr").unwrap();
        assert_eq!(read_lines(&path).unwrap().len(), 3, "a torn last line is left out");
        let mut log = MetricsLog::resume(&path, 2).unwrap();
        log.write(&line(9)).unwrap();
        let steps: Vec<u64> = read_lines(&path).unwrap().iter().map(MetricsLine::step).collect();
        assert_eq!(steps, [1, 2, 9]);
        assert!(MetricsLog::resume(&folder.path().join("new.jsonl"), 0).is_ok());
    }
}
