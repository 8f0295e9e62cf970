//! The events of a folder, from the table that the decoder checks events against and the folder's profile.

use event_log::{COMMON_KEYS, EVENT_TYPES, EventType, Key};
use foryou_types::{ActionKind, ActionSet, Profile};

use super::page::{Page, Section, code};
use crate::commands::init::commented;

const ABOUT: &str = "An event is one JSON object: a line of a file (`foryou import events FILE`) or an element of `events` in `POST \
/v1/events`. This page is printed by `foryou reference events`. With `--data DIR` it lists the actions and the form of ids of that \
folder. The machine-readable form is `foryou openapi`.

* A key marked * must be there. A key that is `null` counts as absent.
* An event with an unknown key or a value out of its range is refused. The error names the key.
* Times are Unix milliseconds or RFC 3339. In a file every event needs `at`.
* Ids are text or integers; the folder's profile says which. `\"7\"` and `7` are the same id.
* `id` makes an event count once: a second event with the same `id` is answered as a duplicate.
* In a table (CSV, TSV) a list is a JSON list (`[\"1\",\"2\"]`), or its parts with spaces, commas, semicolons or bars between them.";

const OWN: &str = "A folder's `profile.toml` holds its actions with their weights, the form of its ids and the limits of its filters. \
`foryou init` writes it before the first event comes in:

```sh
foryou init --data forum --ids string --action like=1 --action reply=3 --action hide=-5
```

* `--action NAME=WEIGHT` names an action of your own. A post's score is the sum of weight times predicted probability, so a negative \
weight pushes posts down. Events then use these names: `\"action\": \"like\"`.
* `--ids string` takes any text as an id (`\"anna\"`, `\"thread-17\"`). `unsigned` and `signed` take 64-bit numbers only.
* `--history` is for imported data: now is the time of the newest imported event.

A folder that is made without `foryou init` has this profile (an importer of a data set brings its own):";

/// The page for a folder with this profile.
pub(super) fn page(profile: &Profile) -> Page {
    let keys = Section { title: "Keys of every event".to_owned(), ..keys(COMMON_KEYS, profile) };
    let mut sections = vec![keys, actions(&profile.action_set)];
    sections.extend(EVENT_TYPES.iter().map(|event| of_type(event, profile)));
    sections.push(Section {
        title: "Actions and ids of your own".to_owned(),
        about: OWN.to_owned(),
        example: Some(("toml", commented(&Profile::live()))),
        ..Section::default()
    });
    Page { title: "Events", about: ABOUT.to_owned(), sections }
}

fn of_type(event: &EventType, profile: &Profile) -> Section {
    let mut about = format!("{}.", event.about);
    if let [one, other] = event.either {
        about.push_str(&format!(" Exactly one of `{one}` and `{other}` must be there."));
    }
    let example = Some(("json", event.example.to_owned()));
    Section { title: event.name.to_owned(), about, example, ..keys(event.keys, profile) }
}

fn keys(keys: &[Key], profile: &Profile) -> Section {
    let row = |key: &Key| {
        let mark = if key.required { "*" } else { "" };
        vec![format!("`{}`{mark}", key.name), key.form.in_words(profile), key.about.to_owned()]
    };
    Section { columns: vec!["key", "value", "meaning"], rows: keys.iter().map(row).collect(), ..Section::default() }
}

fn actions(set: &ActionSet) -> Section {
    let row = |action: &foryou_types::ActionDef| {
        let kind = match action.kind {
            ActionKind::Discrete => "happens or not",
            ActionKind::Continuous => "a time; needs `dwell_ms`",
        };
        vec![code(&action.name), action.weight.to_string(), kind.to_owned()]
    };
    Section {
        title: "Actions".to_owned(),
        about: "What `action` may be. The weight is what the action counts in a post's score.".to_owned(),
        columns: vec!["action", "weight", "kind"],
        rows: set.actions.iter().map(row).collect(),
        example: None,
    }
}
