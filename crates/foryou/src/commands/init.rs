//! `foryou init`: a new data folder with its own profile.

use std::fs;

use anyhow::Context;
use foryou_types::{ActionDef, ActionKind, ActionSet, ClockKind, IdForms, Limits, Profile};
use serde::Serialize;

use crate::cli::InitArgs;
use crate::config::Config;
use crate::exit::wrong_use;
use crate::folder::{Found, PROFILE, look};
use crate::output::Output;
use crate::whole_file::write_whole;

/// The comments of a profile, by the beginning of the line that they stand before.
const COMMENTS: [(&str, &str); 13] = [
    ("name = ", "The name of this kind of data: a folder takes only data of its own kind."),
    (
        "clock = ",
        "`wall`: now is the machine's time (a live feed). `log`: now is the time of the newest imported event (history).",
    ),
    (
        "has = ",
        "What the data has: authors, text, media, graph (follows), impressions, profiles. Filters that need the rest are off.",
    ),
    ("acted_is_seen = ", "A post that the viewer acted on counts as seen, and is not shown again."),
    ("oon_factor = ", "Factor on the score of posts by people whom the viewer does not follow."),
    ("prior_half_life_seconds = ", "Half-life of the popularity by which posts rank while there is no model."),
    ("[ids]", "How ids are read and printed: dictionary (any strings), unsigned or signed (64-bit numbers)."),
    ("[limits]", "Limits of the filters."),
    ("max_post_age_seconds = ", "Older posts are not shown."),
    ("served_window_seconds = ", "A post that was served to the viewer is not served again for this many seconds ..."),
    ("served_window_posts = ", "... counting at most this many of the newest served posts."),
    (
        "[action_set]",
        "The actions. Their order is stored with the data: add new ones at the end, and raise the version.",
    ),
    (
        "[[action_set.actions]]",
        "The weight is what the action counts in the score of a post: a negative one pushes the post down. The kind `continuous` is a \
         time in seconds (sent as dwell_ms).",
    ),
];

#[derive(Serialize)]
struct Made {
    profile: String,
    name: String,
    actions: Vec<String>,
}

pub(super) fn run(config: &Config, args: &InitArgs, output: Output) -> anyhow::Result<()> {
    let data = &config.data;
    if look(data)? == Found::DataFolder {
        wrong_use!(
            "{}: is a data folder already and has its own {PROFILE}; give another folder with --data",
            data.display()
        );
    }
    let profile = profile_of(args)?;
    fs::create_dir_all(data).with_context(|| format!("making {}", data.display()))?;
    let path = data.join(PROFILE);
    write_whole(&path, &commented(&profile))?;
    let actions = profile.action_set.actions.iter().map(|action| action.name.clone()).collect();
    let made = Made { profile: path.display().to_string(), name: profile.name, actions };
    output.print(&made, || {
        format!(
            "{} is written: look through it (actions, weights, ids, limits), then\n\
             foryou import events FILE --data {dir}   brings events in (foryou import --help)\n\
             foryou up --data {dir}                   serves the feed, and takes events at POST /v1/events\n",
            made.profile,
            dir = data.display(),
        )
    })
}

/// The profile that the flags ask for.
fn profile_of(args: &InitArgs) -> anyhow::Result<Profile> {
    let form = args.ids.form();
    let profile = Profile {
        name: args.name.clone(),
        clock: if args.history { ClockKind::Log } else { ClockKind::Wall },
        ids: IdForms { users: form, posts: form },
        limits: Limits { max_post_age_seconds: args.max_age_hours.saturating_mul(3_600), ..Limits::default() },
        action_set: actions_of(&args.action)?,
        ..Profile::live()
    };
    if let Err(problem) = profile.check() {
        wrong_use!("{problem}");
    }
    Ok(profile)
}

/// The given actions; without any, those of the For You feed.
fn actions_of(given: &[String]) -> anyhow::Result<ActionSet> {
    if given.is_empty() {
        return Ok(ActionSet::for_you());
    }
    let mut actions = Vec::new();
    for text in given {
        let weight =
            text.split_once('=').and_then(|(name, weight)| Some((name.trim(), weight.trim().parse::<f64>().ok()?)));
        let Some((name, weight)) = weight else {
            wrong_use!("--action {text}: give a name and a weight, as in --action like=1");
        };
        actions.push(ActionDef { name: name.to_owned(), weight, kind: ActionKind::Discrete });
    }
    Ok(ActionSet { version: 1, actions })
}

/// The profile as a file that explains itself.
pub(super) fn commented(profile: &Profile) -> String {
    let mut text = "# The profile of this data folder: what its data is and how its feed is ranked.\n".to_owned();
    let mut said = Vec::new();
    for line in profile.to_toml().lines() {
        let comment = COMMENTS.iter().find(|(start, _)| line.starts_with(start));
        if let Some((start, comment)) = comment
            && !said.contains(start)
        {
            said.push(start);
            text.push_str(&format!("# {comment}\n"));
        }
        text.push_str(line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::IdsArg;

    fn args(action: &[&str]) -> InitArgs {
        let action = action.iter().map(|text| (*text).to_owned()).collect();
        InitArgs { name: "forum".to_owned(), ids: IdsArg::String, action, history: true, max_age_hours: 720 }
    }

    #[test]
    fn a_commented_profile_is_the_profile() {
        for actions in [&[][..], &["like=1", "reply=2.5", "hide=-3"]] {
            let profile = profile_of(&args(actions)).unwrap();
            let text = commented(&profile);
            assert_eq!(Profile::from_toml(&text).unwrap(), profile);
            for (start, comment) in COMMENTS {
                assert!(text.contains(&format!("# {comment}\n{start}")), "{start}\n{text}");
            }
        }
    }

    #[test]
    fn actions_need_a_name_and_a_weight() {
        for bad in ["like", "like=", "like=much", "=1", "like=nan"] {
            assert!(profile_of(&args(&[bad])).is_err(), "{bad}");
        }
        assert!(profile_of(&args(&["like=1", "like=2"])).is_err());
    }
}
