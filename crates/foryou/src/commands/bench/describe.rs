//! What was measured, as text.

use benchmarks::{Machine, Micros, Millis};

use super::{Bench, Report};

/// The machine in one line.
pub(super) fn machine(machine: &Machine) -> String {
    let ceiling = &machine.f32_gemm;
    let features = if machine.features.is_empty() { "none".to_owned() } else { machine.features.join(" ") };
    let memory = machine.memory_bytes.map_or_else(String::new, |bytes| format!(", {:.0} GiB", bytes as f64 / GIB));
    format!(
        "machine: {}, {} processors{memory}; {features}\nf32 products: at most {:.0} GFLOP/s on {} threads",
        machine.cpu, machine.processors, ceiling.gflops, ceiling.threads
    )
}

const GIB: f64 = (1_u64 << 30) as f64;

/// The report.
pub(super) fn report(bench: &Bench) -> String {
    let ceiling = bench.machine.f32_gemm.gflops.max(f64::MIN_POSITIVE);
    match &bench.report {
        Report::Ranker(report) => {
            let sizes = &report.config;
            format!(
                "ranker: D {}, {} layers, S {}, C {}, {} threads{}{}\n  {}: {}\n  {:.0} GFLOP/s, {:.0} % of the most\n  one more token: {}\n",
                sizes.dim,
                sizes.layers,
                sizes.history,
                sizes.candidates,
                sizes.threads,
                if sizes.cap { "" } else { ", no cap" },
                if sizes.cached { ", cached context" } else { "" },
                if sizes.cached { "candidates" } else { "context and candidates" },
                millis(&report.millis),
                report.gflops,
                100.0 * report.gflops / ceiling,
                millis(&report.one_more_token),
            )
        }
        Report::Retrieval(report) => {
            let (sizes, exact) = (&report.config, &report.exact);
            format!(
                "retrieval: {} posts, D {}, the best {}, {} threads\n  exact: {}\n  {:.1} GB/s of vectors looked through\n  \
                 all rows in f32: {}; recall of the above {:.3}\n",
                sizes.posts,
                sizes.dim,
                sizes.k,
                sizes.threads,
                millis(&exact.millis),
                exact.gigabytes_per_second,
                millis(&report.f32_rows.millis),
                report.recall
            )
        }
        Report::Train(report) => {
            let sizes = &report.config;
            format!(
                "train: B {}, S {}, C {}, {} ids of each kind, {} threads\n  a step: {}\n  {:.0} candidates a second\n",
                sizes.batch,
                sizes.history,
                sizes.candidates,
                sizes.rows,
                sizes.threads,
                millis(&report.millis),
                report.per_second
            )
        }
        Report::Thunder(report) => {
            let memory = report.bytes_per_post.map_or_else(String::new, |bytes| format!("  {bytes:.0} bytes a post\n"));
            format!(
                "thunder: {} posts, {} of them stored; {} accounts followed\n  lookup: {}\n  insert: {:.0} a second\n{memory}",
                report.config.posts,
                report.stored,
                report.config.followed,
                micros(&report.lookup),
                report.insert.per_second
            )
        }
        Report::Pipeline(report) => format!(
            "pipeline: {} candidates\n  plain: {}\n  with a deadline: {}\n  explained: {}\n",
            report.candidates,
            micros(&report.plain),
            micros(&report.deadline),
            micros(&report.explain)
        ),
        Report::Feed(report) => {
            let stages = report.stages.iter().map(|(name, ms)| format!("{} {ms:.2}", name.replace('_', " ")));
            format!(
                "feed: {} people{}\n  p50 {:.2} ms, p99 {:.2} ms, {:.0} a second ({} runs)\n  ms of the stages: {}\n",
                report.viewers,
                if report.explain { ", explained" } else { "" },
                report.p50_ms,
                report.p99_ms,
                report.per_second,
                report.runs,
                stages.collect::<Vec<_>>().join(" · ")
            )
        }
    }
}

fn millis(times: &Millis) -> String {
    format!("median {:.3} ms, p10 {:.3}, p90 {:.3} ({} runs)", times.median_ms, times.p10_ms, times.p90_ms, times.runs)
}

fn micros(times: &Micros) -> String {
    format!(
        "p50 {:.1} µs, p99 {:.1}, p99.9 {:.1}, {:.0} a second ({} runs)",
        times.p50_us, times.p99_us, times.p999_us, times.per_second, times.runs
    )
}
