//! `foryou feed`: one feed, from the folder's running service if there is one, else from the folder itself.

use anyhow::{Context, bail};
use comfy_table::{ContentArrangement, Table, presets};
use for_you_feed::{FeedAnswer, FeedRequest};
use foryou_io::Holder;
use foryou_types::TimeMs;
use server::{Explained, Problem, TimeText};

use crate::cli::FeedArgs;
use crate::config::Config;
use crate::engine::Engine;
use crate::exit::WrongUse;
use crate::folder::{DataFolder, Opened};
use crate::output::{Output, one_line};
use crate::parts::{Life, Parts};

pub(super) async fn run(config: &Config, args: &FeedArgs, output: Output) -> anyhow::Result<()> {
    let now = args.now.as_deref().map(TimeMs::parse).transpose().map_err(|e| WrongUse(format!("--now: {e}")))?;
    let answer = match DataFolder::open(&config.data)? {
        Opened::Held(Holder { address: Some(address), .. }) => ask_service(&address, args, now).await?,
        opened => {
            let parts = match opened {
                Opened::Ours(folder) => Parts::open(folder, config)?,
                // What was served cannot be recorded. Everything else works read-only.
                opened if args.record => Parts::open(opened.ours(&config.data)?, config)?,
                Opened::Held(_) | Opened::ReadOnly(_) => Parts::aside(config)?,
            };
            let engine = Engine::start(parts, config, Life::Once)?;
            let request = FeedRequest {
                user_id: args.user.clone().into(),
                limit: args.limit,
                in_network_only: args.in_network_only,
                now: now.map(TimeText),
                record: Some(args.record),
                explain: args.explain,
                ..FeedRequest::default()
            };
            let answer = engine.app.feed(&engine.for_you, request, None).await.map_err(problem)?;
            engine.for_you.mixer().side_effects_idle().await;
            answer
        }
    };
    output.print(&answer, || describe(&answer))
}

/// Mistakes of the caller are wrong use, everything else is a failure.
pub(super) fn problem(problem: Problem) -> anyhow::Error {
    if problem.status < 500 { WrongUse(problem.detail).into() } else { anyhow::anyhow!(problem.detail) }
}

async fn ask_service(address: &str, args: &FeedArgs, now: Option<TimeMs>) -> anyhow::Result<FeedAnswer> {
    let body = serde_json::json!({
        "user_id": args.user,
        "limit": args.limit,
        "in_network_only": args.in_network_only,
        "now": now.map(|t| t.0.to_string()),
        "record": args.record,
        "explain": args.explain,
    });
    let url = format!("http://{address}/v1/feed");
    let (status, text) = tokio::task::spawn_blocking(move || -> anyhow::Result<_> {
        // The service is on this machine: no proxy is used.
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(std::time::Duration::from_secs(30)))
            .build()
            .into();
        let mut response = agent.post(&url).send_json(&body).with_context(|| format!("asking the service on {url}"))?;
        Ok((response.status().as_u16(), response.body_mut().read_to_string()?))
    })
    .await??;
    match status {
        200 => serde_json::from_str(&text).context("reading the service's answer"),
        400..=499 => {
            let problem: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
            Err(WrongUse(problem["detail"].as_str().unwrap_or(&text).to_owned()).into())
        }
        _ => bail!("the service on {address} answered {status}: {text}"),
    }
}

/// A feed as text.
pub(super) fn describe(answer: &FeedAnswer) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["#", "score", "net", "source", "author", "age", "post"]);
    for post in &answer.feed {
        let author = post.author.clone().or_else(|| post.author_id.clone()).unwrap_or_else(|| "-".to_owned());
        let what = match (&post.text, &post.repost_of) {
            (Some(text), None) => one_line(text).into_owned(),
            (Some(text), Some(_)) => format!("repost: {}", one_line(text)),
            (None, Some(original)) => format!("{} (repost of {})", one_line(&post.post_id), one_line(original)),
            (None, None) => one_line(&post.post_id).into_owned(),
        };
        table.add_row([
            post.rank.to_string(),
            format!("{:.4}", post.score),
            if post.in_network { "in" } else { "out" }.to_owned(),
            post.source.clone(),
            one_line(&author).into_owned(),
            post.created_at.map_or_else(|| "-".to_owned(), |at| age(answer.clock.now - at)),
            what,
        ]);
    }
    let mut text = format!(
        "viewer {} · {} clock {} · ranked by {} · model {}\n{table}\n",
        one_line(&answer.viewer),
        answer.clock.kind,
        TimeMs(answer.clock.now),
        answer.ranked_by.replace('_', " "),
        one_line(answer.model.as_deref().unwrap_or("none")),
    );
    if answer.feed.is_empty() {
        let why = answer.empty_because.as_deref().unwrap_or("no post can be shown to this viewer");
        text.push_str(&format!("the feed is empty: {}\n", one_line(why)));
        if let Some(event) = &answer.clock.made_by {
            text.push_str(&format!("now was set by {}\n", one_line(event)));
        }
    }
    if let Some(first) = answer.feed.first() {
        text.push_str("\nhow the first post's score adds up:\n");
        let mut heads: Vec<_> = first.probabilities.iter().collect();
        heads.sort_by(|a, b| b.1.total_cmp(a.1));
        for line in heads.chunks(6) {
            let cells: Vec<_> = line.iter().map(|(name, p)| format!("{name} {p:.4}")).collect();
            text.push_str(&format!("  {}\n", cells.join(" · ")));
        }
        if let Some(seconds) = first.dwell_time {
            text.push_str(&format!("  dwell_time {seconds:.2} s\n"));
        }
    }
    if let Some(explained) = &answer.explanation {
        describe_decisions(explained, &mut text);
    }
    for degraded in &answer.degraded {
        text.push_str(&format!("degraded: {}: {}\n", degraded.component, one_line(&degraded.reason)));
    }
    let (c, t) = (&answer.candidates, &answer.timings_ms);
    text.push_str(&format!(
        "\n{} candidates, {} ranked, {} selected, {} shown\nms: query hydrators {:.2} · sources {:.2} · hydrators {:.2} · \
         filters {:.2} · scorers {:.2} · selector {:.2} · post-selection {:.2} · total {:.2}\n",
        c.sources,
        c.filters,
        c.selector,
        c.selected,
        t.query_hydrators,
        t.sources,
        t.hydrators,
        t.filters,
        t.scorers,
        t.selector,
        t.post_selection,
        t.total
    ));
    text
}

/// What each filter removed, and how the scores of the feed's posts were computed.
fn describe_decisions(explained: &Explained, text: &mut String) {
    text.push_str("\nremoved:\n");
    for (filter, n) in &explained.removed {
        text.push_str(&format!("{n:>8}  {filter}\n"));
    }
    text.push_str("\nscores:\n");
    let mut shown: Vec<_> = explained.candidates.iter().filter(|c| c.rank.is_some()).collect();
    shown.sort_by_key(|c| c.rank);
    for post in shown {
        let steps = post.scores.iter().filter(|s| s.before != s.after).map(|step| match step.after {
            Some(after) => format!("{} {after:.4}", step.scorer),
            None => format!("{} -", step.scorer),
        });
        let steps: Vec<_> = steps.collect();
        text.push_str(&format!(
            "{:>4}  {}  {}\n",
            post.rank.unwrap_or_default(),
            one_line(&post.post_id),
            steps.join(" > ")
        ));
    }
}

fn age(ms: i64) -> String {
    match ms / 60_000 {
        m if m < 60 => format!("{m} min"),
        m if m < 48 * 60 => format!("{} h", m / 60),
        m => format!("{} d", m / 1_440),
    }
}
