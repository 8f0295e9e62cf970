//! Settings: the embedded default, then a file, then `FORYOU_*` variables, then flags, each with its origin.

mod kubernetes;
mod rules;
mod values;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Context;
use foryou_settings::{Layers, Setting, SettingsError};
use home_mixer::params::MixerParams;
use phoenix_engine::service::ServingConfig;
use serde::{Deserialize, Serialize};
use server::DoorConfig;
use thunder::ThunderConfig;

use crate::cli::Global;
use crate::clock_setting::ClockSetting;
use crate::exit::{WrongUse, wrong_use};
use crate::listen::Listen;

pub use values::values_of;

/// All settings with their comments, and the lowest layer.
pub const DEFAULT: &str = include_str!("../default.toml");

/// What the variables that hold settings begin with.
pub(crate) const PREFIX: &str = "FORYOU_";

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
    pub origins: BTreeMap<String, Setting>,
}

impl Effective {
    /// Layers the settings. `variables` are the process's variables.
    pub fn load(global: &Global, variables: impl Iterator<Item = (OsString, OsString)>) -> anyhow::Result<Self> {
        let mut layers = defaults()?;
        // The folder's path as given: a path need not be text, and its printed form would name another folder.
        let mut data = None;
        if let Some(path) = &global.config {
            let text =
                std::fs::read_to_string(path).map_err(|e| WrongUse(format!("--config {}: {e}", path.display())))?;
            layers = layers.file(&path.display().to_string(), &text).map_err(wrong)?;
        }
        for (name, value) in variables {
            let name = name.to_string_lossy();
            let Some(rest) = name.strip_prefix(PREFIX) else { continue };
            let key = match layers.key_of(PREFIX, &name) {
                Ok(key) => key.to_owned(),
                Err(_) if kubernetes::sets(rest) => {
                    tracing::debug!(%name, "not a setting: Kubernetes makes such variables for a service named foryou");
                    continue;
                }
                Err(error) => return Err(wrong(error)),
            };
            match value.to_str() {
                _ if key == "data" => data = Some(PathBuf::from(&value)),
                Some(_) => {}
                None => wrong_use!("{name}: the value is not UTF-8"),
            }
            layers = layers.text(&name, &key, &value.to_string_lossy()).map_err(wrong)?;
        }
        if let Some(path) = &global.data {
            data = Some(path.clone());
            layers = layers.text("--data", "data", &path.to_string_lossy()).map_err(wrong)?;
        }
        if let Some(seed) = global.seed {
            layers = layers.value("--seed", "seed", seed).map_err(wrong)?;
        }
        if let Some(threads) = global.threads {
            layers = layers.value("--threads", "threads", threads).map_err(wrong)?;
        }
        let mut config: Config = layers.extract().map_err(wrong)?;
        let origins = layers.settings();
        if let Err(broken) = rules::check(&config) {
            let named = broken.keys.iter().map(|key| match origins.get(key) {
                Some(Setting { value, origin }) => format!("{key} = {value} ({origin})"),
                None => key.clone(),
            });
            wrong_use!("{}: {}", named.collect::<Vec<_>>().join(" and "), broken.demand)
        }
        if let Some(data) = data {
            config.data = data;
        }
        Ok(Self { config, origins })
    }
}

/// The embedded defaults as the lowest layer.
pub(crate) fn defaults() -> anyhow::Result<Layers> {
    let table: toml::Table = DEFAULT.parse().context("the embedded default settings")?;
    Layers::over(&table).context("the embedded default settings")
}

/// A setting that cannot be used is wrong use.
fn wrong(error: SettingsError) -> anyhow::Error {
    WrongUse(error.to_string()).into()
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use proptest::prelude::*;

    use super::*;

    fn global(args: &[&str]) -> Global {
        crate::cli::Cli::parse_from([&["foryou", "config"], args].concat()).global
    }

    /// The variable of a setting.
    fn variable(key: &str) -> String {
        format!("{PREFIX}{}", key.replace('.', "_").to_uppercase())
    }

    fn load(args: &[&str], env: &[(&str, &str)]) -> anyhow::Result<Effective> {
        Effective::load(&global(args), env.iter().map(|(k, v)| (OsString::from(k), OsString::from(v))))
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
        assert_eq!(all.origins["server.listen"].origin, format!("{file}:4"));
        assert_eq!(all.origins["log.fsync"].origin, "default");
    }

    #[test]
    fn a_wrong_setting_is_named_with_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("c.toml");
        let path = file.display().to_string();
        for (text, expected) in [
            ("sede = 1", "c.toml:1: there is no setting \"sede\"; the nearest is \"seed\""),
            ("seed = \"x\"", "c.toml:1: seed: expected a whole number, found \"x\""),
            ("[log]\nfsync = \"sometimes\"", "c.toml:2: log.fsync: must be `always`, `every` or `never`"),
            ("[log]\npartitions = 0", "log.partitions = 0 ("),
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
        let store = |key: &str| format!("thunder.store.{key}");
        for (set, keys) in [
            ("mixer.thunder_max_results=1201", ["mixer.thunder_max_results".to_owned(), store("max_results")]),
            ("thunder.store.max_results=10", ["mixer.thunder_max_results".to_owned(), store("max_results")]),
            (
                "thunder.store.max_timeline_entries=100",
                [store("max_scanned_per_timeline"), store("max_timeline_entries")],
            ),
            (
                "thunder.store.max_originals_per_author=501",
                [store("max_originals_per_author"), store("max_scanned_per_timeline")],
            ),
            (
                "thunder.store.max_secondary_per_author=501",
                [store("max_secondary_per_author"), store("max_scanned_per_timeline")],
            ),
            (
                "thunder.store.max_videos_per_author=501",
                [store("max_videos_per_author"), store("max_scanned_per_timeline")],
            ),
            (
                "thunder.ingest.consumer_threads=1 thunder.ingest.max_concurrent_after_catch_up=2",
                [
                    "thunder.ingest.max_concurrent_after_catch_up".to_owned(),
                    "thunder.ingest.consumer_threads".to_owned(),
                ],
            ),
            (
                "mixer.thunder_max_results=10 mixer.phoenix_max_results=10 mixer.popular_max_results=10",
                ["mixer.result_size".to_owned(), "mixer.popular_max_results".to_owned()],
            ),
            (
                "mixer.request_budget_ms=10001",
                ["mixer.request_budget_ms".to_owned(), "server.request_timeout_ms".to_owned()],
            ),
            ("server.max_wait_ms=10001", ["server.max_wait_ms".to_owned(), "server.request_timeout_ms".to_owned()]),
            (
                "thunder.service.lookup_deadline_ms=1001",
                ["thunder.service.lookup_deadline_ms".to_owned(), "mixer.request_budget_ms".to_owned()],
            ),
            (
                "phoenix.ranking_address=http://a:1 phoenix.remote_timeout_ms=1001",
                ["phoenix.remote_timeout_ms".to_owned(), "mixer.request_budget_ms".to_owned()],
            ),
            (
                "server.max_concurrent=65",
                ["server.max_concurrent".to_owned(), "thunder.service.max_concurrent_requests".to_owned()],
            ),
            (
                "server.max_concurrent=9 phoenix.serving.max_waiting=7 phoenix.serving.max_concurrent=1",
                ["server.max_concurrent".to_owned(), "phoenix.serving.max_waiting".to_owned()],
            ),
        ] {
            let variables: Vec<_> = set
                .split(' ')
                .map(|one| one.split_once('=').unwrap())
                .map(|(key, value)| (variable(key), value))
                .collect();
            let variables: Vec<_> = variables.iter().map(|(name, value)| (name.as_str(), *value)).collect();
            let error = load(&[], &variables).unwrap_err();
            assert!(error.is::<WrongUse>(), "{set}");
            for key in keys {
                assert!(error.to_string().contains(&format!("{key} = ")), "{set}: {error}");
            }
        }
        // Two settings that fit each other may both differ from the default.
        load(&[], &[("FORYOU_MIXER_THUNDER_MAX_RESULTS", "10"), ("FORYOU_THUNDER_STORE_MAX_RESULTS", "10")]).unwrap();
    }

    proptest! {
        #[test]
        fn the_topmost_layer_gives_the_value(file in any::<Option<u32>>(), variable in any::<Option<u32>>(), flag in any::<Option<u32>>()) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("c.toml");
            std::fs::write(&path, file.map_or_else(String::new, |seed| format!("\nseed = {seed}\n"))).unwrap();
            let (path, flag_text) = (path.display().to_string(), flag.unwrap_or_default().to_string());
            let variable_text = variable.unwrap_or_default().to_string();
            let mut args = vec!["--config", path.as_str()];
            args.extend(flag.iter().flat_map(|_| ["--seed", flag_text.as_str()]));
            let variables: Vec<_> = variable.iter().map(|_| ("FORYOU_SEED", variable_text.as_str())).collect();
            let all = load(&args, &variables).unwrap();
            prop_assert_eq!(all.config.seed, u64::from(flag.or(variable).or(file).unwrap_or(1)));
            let origin = match (flag, variable, file) {
                (Some(_), _, _) => "--seed".to_owned(),
                (_, Some(_), _) => "FORYOU_SEED".to_owned(),
                (_, _, Some(_)) => format!("{path}:2"),
                _ => "default".to_owned(),
            };
            prop_assert_eq!(&all.origins["seed"].origin, &origin);
        }

        #[test]
        fn what_is_printed_can_be_read_back(seed in any::<u32>(), threads in 0..1_025u32, share in 0.0..=1.0f64, hosts in "[^\0]*") {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("c.toml");
            let (seed, threads, share) = (seed.to_string(), threads.to_string(), format!("{share:?}"));
            let all = load(&["--seed", &seed, "--threads", &threads], &[
                ("FORYOU_MIXER_AUTHOR_DIVERSITY_FLOOR", &share),
                ("FORYOU_SERVER_ALLOWED_HOSTS", &hosts),
            ]).unwrap();
            let line = |(key, setting): (&String, &Setting)| {
                let value = toml::Value::try_from(&setting.value).unwrap();
                format!("{key} = {value}\n")
            };
            std::fs::write(&path, all.origins.iter().map(line).collect::<String>()).unwrap();
            prop_assert_eq!(load(&["--config", &path.display().to_string()], &[]).unwrap().config, all.config);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_path_need_not_be_text() {
        use std::os::unix::ffi::OsStringExt;
        let odd = || OsString::from_vec(b"a\xFFb".to_vec());
        let set = || [(OsString::from("FORYOU_DATA"), odd())].into_iter();
        let all = Effective::load(&global(&[]), set()).unwrap();
        assert_eq!(all.config.data, PathBuf::from(odd()));
        assert_eq!(all.origins["data"].origin, "FORYOU_DATA");
        // A flag wins here too, and nothing else may hold such bytes.
        assert_eq!(Effective::load(&global(&["--data", "c"]), set()).unwrap().config.data, PathBuf::from("c"));
        let hosts = [(OsString::from("FORYOU_SERVER_ALLOWED_HOSTS"), odd())];
        let error = Effective::load(&global(&[]), hosts.into_iter()).unwrap_err().to_string();
        assert!(error.contains("FORYOU_SERVER_ALLOWED_HOSTS"), "{error}");
    }

    #[test]
    fn a_default_answer_is_one_that_a_request_may_ask_for() {
        let most = server::limits::FEED;
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
