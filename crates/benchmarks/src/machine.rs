//! What it ran on.

use std::fs;

use foryou_io::MonotonicClock;
use foryou_types::{Rng, SplitMix64};
use kernels::{Aligned, Kernels, Packed, Rows, RowsMut, padded};
use serde::Serialize;

use crate::{BenchError, Times, pool};

/// Rows, depth and columns of the product that the ceiling is measured by: its operands stay in the second-level cache.
const SIDE: usize = 256;
/// Products of one run of a thread.
const PRODUCTS: usize = 8;
/// Runs.
const RUNS: usize = 30;

/// A machine, as far as its speed depends on it. No name of a host.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// The processor, as it calls itself.
    pub cpu: String,
    /// Its instruction sets that the kernels can make use of.
    pub features: Vec<&'static str>,
    /// Processors that this process may use.
    pub processors: usize,
    /// Memory in bytes, where the system says.
    pub memory_bytes: Option<u64>,
    /// The most that products of f32 matrices reach.
    pub f32_gemm: Ceiling,
}

/// Products of f32 matrices of 256 × 256 by the kernels of this program, every thread its own.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Ceiling {
    /// Threads.
    pub threads: usize,
    /// Billions of multiplications and additions a second, all threads together, in the best of 30 runs.
    pub gflops: f64,
}

impl Machine {
    /// Looks at this machine, and measures its ceiling with `threads` threads.
    pub fn look(clock: &dyn MonotonicClock, threads: usize) -> Result<Self, BenchError> {
        Ok(Self {
            cpu: cpu(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default()),
            features: features(),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: memory(&fs::read_to_string("/proc/meminfo").unwrap_or_default()),
            f32_gemm: Ceiling::measure(clock, threads)?,
        })
    }
}

impl Ceiling {
    fn measure(clock: &dyn MonotonicClock, threads: usize) -> Result<Self, BenchError> {
        let pool = pool(threads)?;
        let times = Times::measure(clock, 3, RUNS, |_| {
            pool.broadcast(|_| multiply());
        });
        let operations = (2 * SIDE * SIDE * SIDE * PRODUCTS * threads) as f64;
        // The first of the sorted times: whatever else the machine does only adds to it.
        Ok(Self { threads, gflops: operations / times.at(0.0).as_secs_f64().max(1e-9) / 1e9 })
    }
}

/// One thread's products.
fn multiply() {
    thread_local! {
        static OPERANDS: (Aligned, Packed) = operands();
    }
    OPERANDS.with(|(a, b)| {
        let stride = padded(SIDE);
        let mut c = Aligned::zeros(SIDE * stride);
        for _ in 0..PRODUCTS {
            let rows = Rows { data: a, stride };
            Kernels::native().run(b.product(SIDE, rows, RowsMut { data: &mut c, stride }));
            std::hint::black_box(&c);
        }
    });
}

fn operands() -> (Aligned, Packed) {
    let mut rng = SplitMix64::new(1);
    let mut a = Aligned::zeros(SIDE * padded(SIDE));
    a.iter_mut().for_each(|x| *x = rng.uniform() as f32);
    let b: Vec<f32> = (0..SIDE * SIDE).map(|_| rng.uniform() as f32).collect();
    (a, Packed::new(SIDE, SIDE, |row, column| b[row * SIDE + column]))
}

/// The processor's name in the form of `/proc/cpuinfo`; else the kind of processor.
fn cpu(cpuinfo: &str) -> String {
    let name = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}

/// Bytes of memory in the form of `/proc/meminfo`.
fn memory(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}

#[cfg(target_arch = "x86_64")]
fn features() -> Vec<&'static str> {
    let all = [
        ("avx2", std::arch::is_x86_feature_detected!("avx2")),
        ("fma", std::arch::is_x86_feature_detected!("fma")),
        ("avx512f", std::arch::is_x86_feature_detected!("avx512f")),
        ("avx512bf16", std::arch::is_x86_feature_detected!("avx512bf16")),
        ("avx512vnni", std::arch::is_x86_feature_detected!("avx512vnni")),
    ];
    all.into_iter().filter_map(|(name, has)| has.then_some(name)).collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn features() -> Vec<&'static str> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use foryou_io::SystemMonotonic;

    use super::*;

    #[test]
    fn names_and_sizes_are_read_from_what_the_system_says() {
        assert_eq!(cpu("processor\t: 0\nmodel name\t: A Fast One @ 3 GHz\nflags\t: x\n"), "A Fast One @ 3 GHz");
        assert_eq!(cpu(""), std::env::consts::ARCH);
        assert_eq!(memory("MemTotal:       2048 kB\nMemFree: 1 kB\n"), Some(2 << 20));
        assert_eq!(memory("MemTotal: much\n"), None);
    }

    #[test]
    fn a_ceiling_is_what_the_best_run_reached() {
        // A clock that takes 1 ms from each reading to the next.
        let clock = foryou_io::ManualMonotonic::stepping(std::time::Duration::from_millis(1));
        let ceiling = Ceiling::measure(&clock, 2).unwrap();
        let expected = (2 * SIDE * SIDE * SIDE * PRODUCTS * 2) as f64 / 1e-3 / 1e9;
        assert!((ceiling.gflops - expected).abs() < 1e-6 * expected, "{ceiling:?}");
    }

    #[test]
    fn this_machine_can_be_looked_at() {
        let machine = Machine::look(&SystemMonotonic::new(), 1).unwrap();
        assert!(!machine.cpu.is_empty() && machine.processors > 0 && machine.f32_gemm.gflops > 0.0, "{machine:?}");
    }
}
