//! The program and the machine: version, processor, disk, port.

use std::path::Path;

use super::Check;
use crate::config::Config;
use crate::folder::Opened;

pub(super) fn version() -> Check {
    let detail = format!("foryou {}, events of schema {}", env!("CARGO_PKG_VERSION"), event_log::codec::VERSION);
    Check::of("version", Ok(detail))
}

/// The vector instructions that engines may use here.
pub(super) fn cpu() -> Check {
    #[cfg(target_arch = "x86_64")]
    let detail = {
        let features = [
            ("avx2", std::is_x86_feature_detected!("avx2")),
            ("fma", std::is_x86_feature_detected!("fma")),
            ("avx512f", std::is_x86_feature_detected!("avx512f")),
            ("avx512vnni", std::is_x86_feature_detected!("avx512vnni")),
        ];
        let present: Vec<_> = features.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect();
        format!("x86_64 {}", present.join(" "))
    };
    #[cfg(not(target_arch = "x86_64"))]
    let detail = std::env::consts::ARCH.to_owned();
    Check::of("cpu", Ok(detail))
}

pub(super) fn disk(data: &Path, log_bytes: u64) -> Check {
    let log = log_bytes >> 20;
    Check::of(
        "disk",
        match free_bytes(data) {
            None => Ok(format!("{log} MiB of log; how much is free is not known")),
            Some(free) => {
                let detail = format!("{} MiB free, {log} MiB of log", free >> 20);
                if free > 100 << 20 { Ok(detail) } else { Err(detail) }
            }
        },
    )
}

/// Bytes that this user may still write where `path` is; `None` where the system does not say.
#[cfg(unix)]
fn free_bytes(path: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(path).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Bytes that this user may still write where `path` is; `None` where the system does not say.
#[cfg(not(unix))]
fn free_bytes(_: &Path) -> Option<u64> {
    None
}

pub(super) fn port(config: &Config, opened: &Opened) -> Check {
    if let Opened::Held(holder) = opened
        && let Some(address) = &holder.address
    {
        return Check::of("port", Ok(format!("{holder} serves this folder on {address}")));
    }
    let listen = &config.server.listen;
    let bound = listen.resolve().and_then(|addresses| Ok(std::net::TcpListener::bind(&*addresses)?));
    Check::of("port", bound.map(|_| format!("{listen} is free")).map_err(|e| format!("{listen}: {e:#}")))
}
