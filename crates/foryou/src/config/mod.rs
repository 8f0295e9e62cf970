//! Settings: the embedded default, then a file, then `FORYOU_*` variables, then flags, each with its origin.

mod kubernetes;
mod rules;
mod values;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context;
use clap::ValueEnum;
use foryou_types::{ClockKind, Profile};
use home_mixer::params::MixerParams;
use phoenix_engine::service::ServingConfig;
use serde::{Deserialize, Serialize};
use server::DoorConfig;
use thunder::ThunderConfig;
use toml::{Table, Value};

use crate::cli::Global;
use crate::exit::{WrongUse, wrong_use};
use crate::listen::Listen;

pub use values::{default_keys, values_of};

/// All settings with their comments, and the lowest layer.
pub const DEFAULT: &str = include_str!("../default.toml");

/// The origin of a setting that nothing overrides.
const DEFAULT_ORIGIN: &str = "default";

/// The effective settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The data folder.
    pub data: PathBuf,
    /// Seed of everything random.
    pub seed: u64,
    /// Threads; 0 for one per core.
    pub threads: usize,
    /// The folder's clock.
    pub clock: ClockSetting,
    /// The event log.
    pub log: LogConfig,
    /// The service.
    pub server: ServerConfig,
    /// Thunder.
    pub thunder: ThunderConfig,
    /// The pipeline.
    pub mixer: MixerParams,
    /// Phoenix.
    pub phoenix: PhoenixConfig,
}

/// Settings of Phoenix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhoenixConfig {
    /// The address of another service that ranks (`http://host:port`); empty to rank here.
    pub ranking_address: String,
    /// The address of another service that retrieves; empty to retrieve here.
    pub retrieval_address: String,
    /// Time of a call to such a service, in milliseconds.
    pub remote_timeout_ms: u64,
    /// How ranking and retrieval serve here.
    pub serving: ServingConfig,
}

/// Which clock a folder runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum ClockSetting {
    /// What its profile says.
    Profile,
    /// The machine's clock.
    Wall,
    /// The newest imported event.
    Log,
}

impl ClockSetting {
    /// The profile with the clock that is set.
    pub fn apply(self, profile: &Profile) -> Profile {
        let clock = match self {
            Self::Profile => profile.clock,
            Self::Wall => ClockKind::Wall,
            Self::Log => ClockKind::Log,
        };
        Profile { clock, ..profile.clone() }
    }
}

/// Settings of the event log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// Partitions of each topic.
    pub partitions: u16,
    /// When appended events are forced to the disk.
    pub fsync: Fsync,
    /// Milliseconds between forced writes.
    pub fsync_ms: u64,
    /// Size of a segment, in bytes.
    pub segment_bytes: u64,
    /// Days without an event after which an import refuses a few others; 0 to take any.
    pub max_gap_days: u32,
}

/// When appended events are forced to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fsync {
    /// Before an append is acknowledged.
    Always,
    /// Every `fsync_ms`.
    Every,
    /// When the system pleases.
    Never,
}

/// Settings of the service. (Unknown keys are refused where the layers are read.)
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerConfig {
    /// Where it listens.
    pub listen: Listen,
    /// Who may come in, and how many.
    #[serde(flatten)]
    pub door: DoorConfig,
}

/// Effective settings and where each came from.
#[derive(Clone, Debug)]
pub struct Effective {
    /// The settings.
    pub config: Config,
    /// Per key (`server.listen`), its value and origin.
    pub origins: BTreeMap<String, Origin>,
}

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Origin {
    /// The value.
    pub value: Value,
    /// `default`, a file, a variable or a flag.
    pub origin: String,
}

impl Effective {
    /// Layers the settings. `env` are the process's variables.
    pub fn load(global: &Global, env: impl Iterator<Item = (String, String)>) -> anyhow::Result<Self> {
        let default: Table = DEFAULT.parse().context("the embedded default settings")?;
        let mut layers = Layers::new(&default);
        if let Some(path) = &global.config {
            let text =
                std::fs::read_to_string(path).map_err(|e| WrongUse(format!("--config {}: {e}", path.display())))?;
            let table: Table = text
                .parse()
                .map_err(|e: toml::de::Error| WrongUse(format!("{}: {}", path.display(), e.to_string().trim_end())))?;
            layers.file(&path.display().to_string(), "", &table)?;
        }
        for (name, text) in env {
            if let Some(key) = name.strip_prefix("FORYOU_") {
                layers.variable(&name, key, &text)?;
            }
        }
        if let Some(data) = &global.data {
            layers.set("data", Value::String(data.display().to_string()), "--data")?;
        }
        if let Some(seed) = global.seed {
            let seed = i64::try_from(seed).map_err(|_| WrongUse(format!("--seed {seed}: at most {}", i64::MAX)))?;
            layers.set("seed", Value::Integer(seed), "--seed")?;
        }
        if let Some(threads) = global.threads {
            let threads = i64::try_from(threads).unwrap_or(i64::MAX);
            layers.set("threads", Value::Integer(threads), "--threads")?;
        }
        let mut effective = layers.finish()?;
        if let Some(data) = &global.data {
            // Kept as given: the printed form of a path that is not UTF-8 would name another folder.
            effective.config.data.clone_from(data);
        }
        Ok(effective)
    }
}

struct Layers {
    values: BTreeMap<String, Origin>,
}

impl Layers {
    fn new(default: &Table) -> Self {
        let mut values = BTreeMap::new();
        flatten("", default, &mut |key, value| {
            values.insert(key, Origin { value: value.clone(), origin: DEFAULT_ORIGIN.to_owned() });
        });
        Self { values }
    }

    fn file(&mut self, file: &str, prefix: &str, table: &Table) -> anyhow::Result<()> {
        let mut pairs = Vec::new();
        flatten(prefix, table, &mut |key, value| pairs.push((key, value.clone())));
        for (key, value) in pairs {
            self.set(&key, value, file)?;
        }
        Ok(())
    }

    /// `SERVER_LISTEN` is `server.listen`: the key whose dots read as underscores.
    fn variable(&mut self, name: &str, key: &str, text: &str) -> anyhow::Result<()> {
        let Some((known, origin)) = self
            .values
            .iter()
            .find(|(k, _)| k.replace('.', "_").eq_ignore_ascii_case(key))
            .map(|(k, o)| (k.clone(), o))
        else {
            if kubernetes::sets(key) {
                tracing::debug!(name, "not a setting: Kubernetes makes such variables for a service named foryou");
                return Ok(());
            }
            wrong_use!("{name}: there is no such setting; `foryou config` lists them");
        };
        let value = match &origin.value {
            Value::String(_) => Value::String(text.to_owned()),
            Value::Integer(_) => match text.parse() {
                Ok(n) => Value::Integer(n),
                Err(_) => wrong_use!("{name}: {text:?} is not a whole number"),
            },
            Value::Float(_) => match text.parse() {
                Ok(x) => Value::Float(x),
                Err(_) => wrong_use!("{name}: {text:?} is not a number"),
            },
            Value::Boolean(_) => match text {
                "true" | "1" => Value::Boolean(true),
                "false" | "0" => Value::Boolean(false),
                _ => wrong_use!("{name}: {text:?} is neither true nor false"),
            },
            _ => wrong_use!("{name}: cannot be set by a variable"),
        };
        self.set(&known, value, name)
    }

    fn set(&mut self, key: &str, value: Value, origin: &str) -> anyhow::Result<()> {
        let Some(slot) = self.values.get_mut(key) else {
            wrong_use!("{origin}: there is no setting {key:?}; `foryou config` lists them");
        };
        let value = match (&slot.value, value) {
            (Value::Float(_), Value::Integer(n)) => Value::Float(n as f64),
            (old, new) if old.same_type(&new) => new,
            (old, new) => {
                wrong_use!("{origin}: {key}: expected a {}, found a {}", old.type_str(), new.type_str());
            }
        };
        *slot = Origin { value, origin: origin.to_owned() };
        Ok(())
    }

    fn finish(self) -> anyhow::Result<Effective> {
        let default: Table = DEFAULT.parse().context("the embedded default settings")?;
        let mut table = default.clone();
        for (key, Origin { value, origin }) in &self.values {
            put(&mut table, key, value.clone());
            if origin == DEFAULT_ORIGIN {
                continue;
            }
            // One key at a time, so that an error names the key and where its value came from.
            let mut alone = default.clone();
            put(&mut alone, key, value.clone());
            if let Err(e) = Config::deserialize(alone) {
                wrong_use!("{origin}: {key} = {value}: {}", e.message());
            }
        }
        let config: Config = table.try_into().context("the settings together")?;
        match rules::check(&config) {
            Ok(()) => Ok(Effective { config, origins: self.values }),
            Err(broken) => {
                let named = broken.keys.iter().map(|key| match self.values.get(key) {
                    Some(Origin { value, origin }) => format!("{key} = {value} ({origin})"),
                    None => key.clone(),
                });
                wrong_use!("{}: {}", named.collect::<Vec<_>>().join(" and "), broken.demand)
            }
        }
    }
}

fn flatten(prefix: &str, table: &Table, each: &mut impl FnMut(String, &Value)) {
    for (key, value) in table {
        let key = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            Value::Table(inner) => flatten(&key, inner, each),
            value => each(key, value),
        }
    }
}

fn put(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((first, rest)) => {
            let inner = table.entry(first.to_owned()).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn global(args: &[&str]) -> Global {
        crate::cli::Cli::parse_from([&["foryou", "config"], args].concat()).global
    }

    fn load(args: &[&str], env: &[(&str, &str)]) -> anyhow::Result<Effective> {
        Effective::load(&global(args), env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
    }

    #[test]
    fn the_default_is_complete_and_equals_the_code_s() {
        let config = load(&[], &[]).unwrap().config;
        assert_eq!(config.mixer, MixerParams::default());
        assert_eq!(config.thunder, ThunderConfig::default());
        assert_eq!(config.server.door, DoorConfig::default());
    }

    #[test]
    fn later_layers_win_and_say_so() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("foryou.toml");
        std::fs::write(
            &file,
            "seed = 2\nthreads = 3\n[server]\nlisten = \"127.0.0.1:1\"\n[mixer]\nauthor_diversity_decay = 1\n",
        )
        .unwrap();
        let file = file.display().to_string();
        let all = load(&["--config", &file, "--seed", "4"], &[("FORYOU_THREADS", "5"), ("OTHER", "x")]).unwrap();
        assert_eq!((all.config.seed, all.config.threads), (4, 5));
        assert_eq!(all.config.server.listen.to_string(), "127.0.0.1:1");
        assert_eq!(all.origins["seed"].origin, "--seed");
        assert_eq!(all.origins["threads"].origin, "FORYOU_THREADS");
        assert_eq!(all.origins["server.listen"].origin, file);
        assert_eq!(all.origins["log.fsync"].origin, "default");
    }

    #[test]
    fn a_wrong_setting_is_named_with_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("c.toml");
        let path = file.display().to_string();
        for (text, expected) in [
            ("sede = 1", "no setting \"sede\""),
            ("seed = \"x\"", "seed: expected a integer, found a string"),
            ("[log]\nfsync = \"sometimes\"", "log.fsync"),
            ("[log]\npartitions = 0", "log.partitions = 0"),
            ("[server]\nlisten = \"here\"", "server.listen"),
            ("seed = ", "c.toml"),
        ] {
            std::fs::write(&file, text).unwrap();
            let error = load(&["--config", &path], &[]).unwrap_err();
            assert!(format!("{error:#}").contains(expected), "{text}: {error:#}");
            assert!(error.is::<WrongUse>(), "{text}");
        }
        for (name, value) in [("FORYOU_NOPE", "1"), ("FORYOU_SEED", "many"), ("FORYOU_MIXER_JANUARY_ORDER", "perhaps")]
        {
            assert!(load(&[], &[(name, value)]).unwrap_err().to_string().contains(name));
        }
        assert!(load(&["--config", "missing.toml"], &[]).unwrap_err().to_string().contains("missing.toml"));
    }
    #[test]
    fn settings_that_contradict_each_other_are_refused_by_both_names() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("c.toml");
        let path = file.display().to_string();
        for (text, keys) in [
            ("[mixer]\nthunder_max_results = 1201", ["mixer.thunder_max_results", "thunder.store.max_results"]),
            ("[thunder.store]\nmax_results = 10", ["mixer.thunder_max_results", "thunder.store.max_results"]),
            (
                "[thunder.store]\nmax_timeline_entries = 100",
                ["thunder.store.max_scanned_per_timeline", "thunder.store.max_timeline_entries"],
            ),
        ] {
            std::fs::write(&file, text).unwrap();
            let error = load(&["--config", &path], &[]).unwrap_err();
            assert!(error.is::<WrongUse>(), "{text}");
            for key in keys {
                assert!(error.to_string().contains(key), "{text}: {error}");
            }
        }
        // Two settings that fit each other may both differ from the default.
        std::fs::write(&file, "[mixer]\nthunder_max_results = 10\n[thunder.store]\nmax_results = 10").unwrap();
        load(&["--config", &path], &[]).unwrap();
    }

    #[test]
    fn a_default_answer_is_one_that_a_request_may_ask_for() {
        let most = home_mixer::params::MAX_RESULT_SIZE;
        load(&[], &[("FORYOU_MIXER_RESULT_SIZE", &most.to_string())]).unwrap();
        let error = load(&[], &[("FORYOU_MIXER_RESULT_SIZE", &(most + 1).to_string())]).unwrap_err().to_string();
        assert!(error.contains("mixer.result_size = 201 (FORYOU_MIXER_RESULT_SIZE)"), "{error}");
    }

    #[test]
    fn what_kubernetes_sets_for_a_service_named_foryou_is_not_a_setting() {
        let set = [
            ("FORYOU_SERVICE_HOST", "10.0.0.7"),
            ("FORYOU_SERVICE_PORT", "8080"),
            ("FORYOU_SERVICE_PORT_HTTP", "8080"),
            ("FORYOU_PORT", "tcp://10.0.0.7:8080"),
            ("FORYOU_PORT_8080_TCP", "tcp://10.0.0.7:8080"),
            ("FORYOU_PORT_8080_TCP_PROTO", "tcp"),
            ("FORYOU_PORT_8080_TCP_PORT", "8080"),
            ("FORYOU_PORT_8080_TCP_ADDR", "10.0.0.7"),
            ("FORYOU_THUNDER_SERVICE_HOST", "10.0.0.8"),
            ("FORYOU_THUNDER_PORT_8080_TCP_ADDR", "10.0.0.8"),
            // A setting is a setting, whatever else it looks like.
            ("FORYOU_THUNDER_SERVICE_REQUEST_BURST", "7"),
        ];
        let all = load(&[], &set).unwrap();
        assert_eq!(all.config.thunder.service.request_burst, 7);
        assert!(load(&[], &[("FORYOU_SERVICE_HOSTS", "x")]).is_err());
    }
}
