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
    let free = fs4::available_space(data).unwrap_or_default();
    let detail = format!("{} MiB free, {} MiB of log", free >> 20, log_bytes >> 20);
    Check::of("disk", if free > 100 << 20 { Ok(detail) } else { Err(detail) })
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
