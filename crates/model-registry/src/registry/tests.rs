use std::collections::BTreeSet;

use super::routing::place;
use super::*;
use crate::testing::{TOYS, kind, load, toy, toy_of};
use crate::{Stored, save};

struct Place {
    dir: tempfile::TempDir,
    registry: Registry,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let registry = Registry::open(&dir.path().join("models"), TOYS).unwrap();
        Self { dir, registry }
    }

    fn register(&self, kind: &str) -> String {
        self.registry.add(&toy_of(kind, 1), None, TimeMs(50)).unwrap()
    }

    fn champion(&self) -> Option<String> {
        self.registry.promoted(&ranker()).unwrap().map(|v| v.name)
    }

    fn models(&self) -> PathBuf {
        self.dir.path().join("models")
    }
}

const RANKER: &str = "ranker";

fn ranker() -> Kind {
    kind(RANKER)
}

#[test]
fn an_empty_registry_serves_nothing_and_makes_nothing() {
    let place = Place::new();
    assert_eq!(place.champion(), None);
    assert_eq!(place.registry.route(&ranker(), UserId(1)).unwrap(), None);
    assert_eq!(place.registry.list().unwrap(), []);
    assert_eq!(place.registry.stamp().unwrap(), 0);
    assert!(!place.models().exists());
}

#[test]
fn versions_are_numbered_by_kind_and_described() {
    let place = Place::new();
    assert_eq!(place.register(RANKER), "ranker-0001");
    assert_eq!(place.register("retrieval"), "retrieval-0001");
    assert_eq!(place.register(RANKER), "ranker-0002");
    assert_eq!(place.champion(), None, "registering serves nobody");
    place.registry.promote("ranker-0002", TimeMs(60)).unwrap();
    let list = place.registry.list().unwrap();
    let brief: Vec<_> = list.iter().map(|v| (v.name.as_str(), v.promoted, v.share)).collect();
    assert_eq!(brief, [("ranker-0001", false, 0.0), ("ranker-0002", true, 1.0), ("retrieval-0001", false, 0.0)]);
    assert_eq!(list[0].parameters, Some(9));
    assert_eq!(list[0].metrics["validation/ndcg@10"], 0.5);
    assert_eq!((list[0].created_at, list[0].kind.clone(), &list[0].problem), (TimeMs(50), ranker(), &None));
    let version = place.registry.promoted(&ranker()).unwrap().unwrap();
    assert_eq!(version.folder, place.models().join("ranker/0002"));
    assert_eq!(load(&version.folder).unwrap(), toy(1));
}

#[test]
fn a_number_is_never_given_twice() {
    let place = Place::new();
    place.register(RANKER);
    place.register(RANKER);
    fs::remove_dir_all(place.models().join("ranker/0002")).unwrap();
    assert_eq!(place.register(RANKER), "ranker-0003");
    // Interrupted before it was recorded: the folder is there, registry.json does not know it.
    save(&toy(1), &place.models().join("ranker/0004"), None).unwrap();
    assert_eq!(place.register(RANKER), "ranker-0005");
    let list = place.registry.list().unwrap();
    assert_eq!(list.len(), 4);
    assert!(list[2].created_at > TimeMs(50), "the time of the folder stands in");
}

#[test]
fn a_checkpoint_of_another_kind_or_an_unknown_family_is_not_promoted() {
    let place = Place::new();
    save(&toy_of("retrieval", 1), &place.models().join("ranker/0001"), None).unwrap();
    let error = place.registry.promote("ranker-0001", TimeMs(0)).unwrap_err();
    assert!(error.is_usage() && error.to_string().contains("is a retrieval model, not a ranker model"), "{error}");
    let mut foreign = toy(1);
    foreign.manifest.family = "neural".to_owned();
    let name = place.registry.add(&foreign, None, TimeMs(0)).unwrap();
    let error = place.registry.promote(&name, TimeMs(0)).unwrap_err();
    assert!(error.is_usage() && error.to_string().contains("the family \"neural\""), "{error}");
    assert!(place.registry.add_and_promote(&foreign, None, TimeMs(0)).is_err());
    let problems: Vec<_> = place.registry.list().unwrap().into_iter().map(|v| v.problem.unwrap()).collect();
    assert!(problems[0].contains("is a retrieval model") && problems[1].contains("neural"), "{problems:?}");
    assert_eq!((problems.len(), place.champion()), (2, None));
}

#[test]
fn any_kind_has_versions_of_its_own() {
    let place = Place::new();
    let (a, b) = (place.register("ss4rec"), place.register("ss4rec"));
    assert_eq!((a.as_str(), b.as_str()), ("ss4rec-0001", "ss4rec-0002"));
    place.registry.promote(&a, TimeMs(1)).unwrap();
    place.registry.promote_share(&b, 0.5).unwrap();
    place.register(RANKER);
    let again = Registry::open(&place.models(), TOYS).unwrap();
    assert_eq!(again.promoted(&kind("ss4rec")).unwrap().unwrap().name, a);
    assert_eq!((place.champion(), again.routing(&kind("ss4rec")).unwrap().challenger.unwrap().1), (None, 0.5));
    let names: Vec<_> = again.list().unwrap().into_iter().map(|v| v.name).collect();
    assert_eq!(names, ["ranker-0001", "ss4rec-0001", "ss4rec-0002"]);
}

#[test]
fn a_version_is_added_and_promoted_in_one_change() {
    let place = Place::new();
    let first = place.registry.add_and_promote(&toy(1), None, TimeMs(1)).unwrap();
    assert_eq!((place.champion(), first.as_str()), (Some(first.clone()), "ranker-0001"));
    let bad = Gate::new(vec!["AUC .330".to_owned()], Vec::new(), BTreeMap::new());
    let refused = place.registry.add_and_promote(&toy(2), Some(bad), TimeMs(2)).unwrap_err();
    assert!(refused.to_string().contains("AUC .330"), "{refused}");
    let other = ActionSet::discrete(1, &[("buy", 1.0)]);
    let refused = place.registry.clone().for_actions(&other).add_and_promote(&toy(2), None, TimeMs(2)).unwrap_err();
    assert!(matches!(refused, RegistryError::ActionSet { .. }), "{refused}");
    assert_eq!(place.registry.list().unwrap().len(), 1, "what is refused is not added");
    let second = place.registry.add_and_promote(&toy(2), None, TimeMs(2)).unwrap();
    assert_eq!(place.champion(), Some(second.clone()));
    let back = place.registry.rollback(&ranker(), TimeMs(3)).unwrap();
    assert_eq!(back, RolledBack::Version { ended: second, serving: first });
}

/// As versions before this one wrote it: a key for each of two kinds, whether it has versions or not.
#[test]
fn a_file_of_the_first_versions_is_read() {
    let place = Place::new();
    (0..2).for_each(|_| drop(place.register(RANKER)));
    let path = place.models().join("registry.json");
    let old = include_str!("first_registry.json");
    fs::write(&path, old).unwrap();
    let registry = Registry::open(&place.models(), TOYS).unwrap();
    assert_eq!(registry.promoted(&ranker()).unwrap().unwrap().name, "ranker-0001");
    let (challenger, share) = registry.routing(&ranker()).unwrap().challenger.unwrap();
    assert_eq!((challenger.name.as_str(), share), ("ranker-0002", 0.3));
    let gate = registry.gate("ranker-0002").unwrap().unwrap();
    assert_eq!((gate.passed, gate.reasons.len()), (false, 1));
    let damaged = old.replace("0.3", "0.4");
    assert!(damaged != old);
    fs::write(&path, damaged).unwrap();
    let error = Registry::open(&place.models(), TOYS).unwrap_err().to_string();
    assert!(error.contains("was changed or damaged"), "{error}");
}

#[test]
fn an_unknown_name_is_refused_with_those_there_are() {
    let place = Place::new();
    let refused = |name: &str| place.registry.promote(name, TimeMs(0)).unwrap_err().to_string();
    assert_eq!(refused("ranker-0001"), "there is no version ranker-0001; there are no versions yet");
    place.register(RANKER);
    place.register("retrieval");
    for name in ["ranker-0002", "ranker-1", "ranker-00001", "ranker-../0001", "best", "ranker-", "-0001", "ranker-+001"]
    {
        assert_eq!(refused(name), format!("there is no version {name}; there are ranker-0001, retrieval-0001"));
    }
    assert!(place.registry.promote_share("ranker-0009", 0.5).unwrap_err().to_string().contains("ranker-0001"));
}

#[test]
fn a_version_that_does_not_load_is_refused_and_the_promoted_one_stays() {
    let place = Place::new();
    let good = place.register(RANKER);
    let bad = place.register(RANKER);
    place.registry.promote(&good, TimeMs(1)).unwrap();
    let before = place.registry.stamp().unwrap();
    let weights = place.models().join("ranker/0002/weights.safetensors");
    let bytes = fs::read(&weights).unwrap();
    fs::write(&weights, &bytes[..bytes.len() - 4]).unwrap();
    let error = place.registry.promote(&bad, TimeMs(2)).unwrap_err().to_string();
    assert!(error.contains("ranker-0002") && error.contains("weights.safetensors"), "{error}");
    assert!(place.registry.promote_share(&bad, 0.1).is_err());
    assert_eq!((place.champion(), place.registry.stamp().unwrap()), (Some(good), before));
    fs::remove_file(weights).unwrap();
    let list = place.registry.list().unwrap();
    assert!(list[1].problem.as_ref().unwrap().contains("weights.safetensors"));
}

#[test]
fn going_back_goes_further_back_each_time() {
    let place = Place::new();
    let error = place.registry.rollback(&ranker(), TimeMs(0)).unwrap_err().to_string();
    assert_eq!(error, "no ranker version is promoted");
    let [a, b, c] = [0; 3].map(|_| place.register(RANKER));
    for name in [&a, &b, &b] {
        place.registry.promote(name, TimeMs(1)).unwrap();
    }
    let back = |at| match place.registry.rollback(&ranker(), TimeMs(at)).unwrap() {
        RolledBack::Version { serving, .. } => serving,
        RolledBack::Share { ended, .. } => panic!("{ended} had no share"),
    };
    assert_eq!(back(2), a, "promoting twice counts once");
    place.registry.promote(&c, TimeMs(3)).unwrap();
    place.registry.promote(&a, TimeMs(4)).unwrap();
    assert_eq!((back(5), back(5)), (c, a.clone()));
    assert_eq!(place.champion().as_ref(), Some(&a));
    let error = place.registry.rollback(&ranker(), TimeMs(6)).unwrap_err().to_string();
    assert_eq!(error, "no ranker version was promoted before ranker-0001");
    assert_eq!(place.champion(), Some(a));
}

#[test]
fn going_back_to_a_broken_version_is_refused() {
    let place = Place::new();
    let [a, b] = [0; 2].map(|_| place.register(RANKER));
    place.registry.promote(&a, TimeMs(1)).unwrap();
    place.registry.promote(&b, TimeMs(2)).unwrap();
    fs::remove_file(place.models().join("ranker/0001/bias.safetensors")).unwrap();
    assert!(place.registry.rollback(&ranker(), TimeMs(3)).unwrap_err().to_string().contains("bias.safetensors"));
    assert_eq!(place.champion(), Some(b));
}

#[test]
fn a_share_of_users_is_served_by_the_challenger() {
    let place = Place::new();
    let [a, b] = [0; 2].map(|_| place.register(RANKER));
    let refused = |name: &str, share| place.registry.promote_share(name, share).unwrap_err().to_string();
    assert!(refused(&b, 0.5).contains("no version is promoted"));
    place.registry.promote(&a, TimeMs(1)).unwrap();
    assert!(refused(&a, 0.5).contains("promoted version already"));
    for share in [-0.1, 1.1, f64::NAN] {
        assert!(refused(&b, share).contains("between 0 and 1"));
    }

    let on_b = |share| -> BTreeSet<u64> {
        place.registry.promote_share(&b, share).unwrap();
        let routing = place.registry.routing(&ranker()).unwrap();
        (1..=10_000).filter(|&user| routing.route(UserId(user)).unwrap().name == b).collect()
    };
    let (few, more) = (on_b(0.1), on_b(0.3));
    assert!((900..1_100).contains(&few.len()) && (2_850..3_150).contains(&more.len()));
    assert!(few.is_subset(&more), "nobody changes back as the share grows");
    let shares: Vec<f64> = place.registry.list().unwrap().iter().map(|v| v.share).collect();
    assert_eq!(shares, [0.7, 0.3]);
    let user = *few.first().unwrap();
    assert_eq!(place.registry.route(&ranker(), UserId(user)).unwrap().unwrap().name, b);
    assert_eq!(on_b(1.0).len(), 10_000);
    assert!(on_b(0.0).is_empty());

    on_b(0.5);
    assert_eq!(place.champion().as_ref(), Some(&a));
    place.registry.promote(&b, TimeMs(2)).unwrap();
    assert_eq!(place.registry.routing(&ranker()).unwrap().challenger, None);
}

#[test]
fn kinds_are_split_apart() {
    let both = (1..=10_000)
        .filter(|&u| place(&ranker(), UserId(u)) < 0.5 && place(&kind("retrieval"), UserId(u)) < 0.5)
        .count();
    assert!((2_300..2_700).contains(&both), "{both}");
}

#[test]
fn the_stamp_changes_with_every_change() {
    let place = Place::new();
    let mut stamps = vec![place.registry.stamp().unwrap()];
    let mut next = |place: &Place| {
        let stamp = place.registry.stamp().unwrap();
        assert!(!stamps.contains(&stamp));
        stamps.push(stamp);
        assert_eq!(place.registry.stamp().unwrap(), stamp);
    };
    let [a, b] = [0; 2].map(|_| place.register(RANKER));
    next(&place);
    place.registry.promote(&a, TimeMs(1)).unwrap();
    next(&place);
    place.registry.promote_share(&b, 0.5).unwrap();
    next(&place);
    place.registry.promote(&b, TimeMs(2)).unwrap();
    next(&place);
    place.registry.rollback(&ranker(), TimeMs(3)).unwrap();
    next(&place);
}

#[test]
fn a_broken_file_is_named_and_not_written_over() {
    let place = Place::new();
    let name = place.register(RANKER);
    place.registry.promote(&name, TimeMs(1)).unwrap();
    let path = place.models().join("registry.json");
    // Without its checksum, as versions before wrote it: so each problem is seen by itself.
    let mut state: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    state.as_object_mut().unwrap().remove("check");
    let whole = serde_json::to_string_pretty(&state).unwrap();
    for (text, problem) in [
        (whole[..whole.len() / 2].to_owned(), "EOF"),
        ("{}".to_owned(), "format"),
        (whole.replace("\"format\": 1", "\"format\": 7"), "version 7"),
        (whole.replace("ranker-0001", "../etc"), "not the name of a version"),
        (whole.replace("ranker-0001", "retrieval-0001"), "not the name of a version"),
        (whole.replace("\"history\"", "\"histories\""), "histories"),
    ] {
        fs::write(&path, &text).unwrap();
        for error in [
            Registry::open(&place.models(), TOYS).unwrap_err(),
            place.registry.promote(&name, TimeMs(2)).unwrap_err(),
            place.registry.promoted(&ranker()).unwrap_err(),
        ] {
            let error = error.to_string();
            assert!(error.contains("registry.json") && error.contains(problem), "{error}");
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn an_older_copy_of_the_file_is_named_until_something_is_promoted() {
    let place = Place::new();
    let (first, second) = (place.register(RANKER), place.register(RANKER));
    place.registry.check_newest().unwrap();
    let path = place.models().join("registry.json");
    place.registry.promote(&first, TimeMs(60)).unwrap();
    let older = fs::read(&path).unwrap();
    place.registry.promote(&second, TimeMs(70)).unwrap();
    place.registry.check_newest().unwrap();

    for put in [Some(&older), None] {
        match put {
            Some(bytes) => fs::write(&path, bytes).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let error = place.registry.check_newest().unwrap_err().to_string();
        assert!(error.contains("registry.json") && error.contains("it is an older copy"), "{error}");
        place.registry.promote(&second, TimeMs(80)).unwrap();
        place.registry.check_newest().unwrap();
    }
    // An unreadable count is no reason to refuse the newest file.
    for text in ["", "many", "1"] {
        fs::write(place.models().join("lock"), text).unwrap();
        place.registry.check_newest().unwrap();
    }
}

#[test]
fn a_promoted_version_whose_folder_is_gone_is_listed_with_its_problem() {
    let place = Place::new();
    let name = place.register(RANKER);
    place.registry.promote(&name, TimeMs(1)).unwrap();
    fs::remove_dir_all(place.models().join("ranker/0001")).unwrap();
    let list = place.registry.list().unwrap();
    assert!(list[0].promoted && list[0].parameters.is_none());
    assert!(list[0].problem.as_ref().unwrap().contains("config.json"));
}

/// Each thread opens the registry of its own, as other processes do: the lock belongs to the open file, not to the process.
#[test]
fn many_may_register_and_promote_while_others_read() {
    const THREADS: usize = 4;
    const EACH: usize = 5;
    let place = Place::new();
    let first = place.register(RANKER);
    place.registry.promote(&first, TimeMs(0)).unwrap();
    let names = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..THREADS)
            .map(|thread| {
                let place = &place;
                scope.spawn(move || {
                    let registry = Registry::open(&place.models(), TOYS).unwrap();
                    (0..EACH)
                        .map(|i| {
                            let name = registry.add(&toy(thread as u64), None, TimeMs(i as i64)).unwrap();
                            registry.promote(&name, TimeMs(i as i64)).unwrap();
                            name
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        for _ in 0..200 {
            let version = place.registry.promoted(&ranker()).unwrap().unwrap();
            assert!(version.folder.join("config.json").is_file());
            place.registry.list().unwrap();
        }
        writers.into_iter().flat_map(|w| w.join().unwrap()).collect::<BTreeSet<_>>()
    });
    assert_eq!(names.len(), THREADS * EACH, "no number was given twice");
    assert_eq!(place.registry.list().unwrap().len(), THREADS * EACH + 1);
    // Every promotion was kept: all can be rolled back one by one.
    for _ in 0..THREADS * EACH {
        place.registry.rollback(&ranker(), TimeMs(9)).unwrap();
    }
    assert_eq!(place.champion(), Some(first));
}

/// What is done to the registry in a row of [`every_change_leads_where_it_should`].
#[derive(Clone, Copy, Debug)]
enum Do {
    Promote(&'static str),
    Share(&'static str, f64),
    Back,
}

/// Every way from one state to another: what is done, the version that serves, the one that has a share, and what was refused.
#[test]
fn every_change_leads_where_it_should() {
    use Do::{Back, Promote, Share};
    const A: &str = "ranker-0001";
    const B: &str = "ranker-0002";
    const C: &str = "ranker-0003";
    type Row = (&'static [(Do, Option<&'static str>)], Option<&'static str>, Option<&'static str>);
    let rows: &[Row] = &[
        // Nothing to go back to.
        (&[(Back, Some("no ranker version is promoted"))], None, None),
        (&[(Promote(A), None), (Back, Some("no ranker version was promoted before ranker-0001"))], Some(A), None),
        // A share without a promoted version, of the promoted one, and of nothing.
        (&[(Share(B, 0.5), Some("no version is promoted"))], None, None),
        (&[(Promote(A), None), (Share(A, 0.5), Some("promoted version already"))], Some(A), None),
        (&[(Promote(A), None), (Share(B, 0.5), None), (Share(B, 0.0), None)], Some(A), None),
        (&[(Promote(A), None), (Share(B, 0.5), None), (Share(B, 2.0), Some("between 0 and 1"))], Some(A), Some(B)),
        (&[(Promote(A), None), (Share(B, 0.5), None), (Share(C, 0.5), None)], Some(A), Some(C)),
        // Going back during a share ends the share alone; going back again goes to the version before.
        (&[(Promote(A), None), (Share(B, 0.5), None), (Back, None)], Some(A), None),
        (&[(Promote(A), None), (Promote(B), None), (Share(C, 0.5), None), (Back, None)], Some(B), None),
        (&[(Promote(A), None), (Promote(B), None), (Share(C, 0.5), None), (Back, None), (Back, None)], Some(A), None),
        (&[(Promote(A), None), (Share(B, 0.5), None), (Back, None), (Back, Some("before ranker-0001"))], Some(A), None),
        // The version that has the share is promoted, another one is, or the promoted one again: the share ends.
        (&[(Promote(A), None), (Share(B, 0.5), None), (Promote(B), None)], Some(B), None),
        (&[(Promote(A), None), (Share(B, 0.5), None), (Promote(B), None), (Back, None)], Some(A), None),
        (&[(Promote(A), None), (Share(B, 0.5), None), (Promote(C), None)], Some(C), None),
        (&[(Promote(A), None), (Share(B, 0.5), None), (Promote(C), None), (Back, None)], Some(A), None),
        (&[(Promote(A), None), (Share(B, 0.5), None), (Promote(A), None)], Some(A), None),
        // A share for the version that was rolled back, and its promotion.
        (&[(Promote(A), None), (Promote(B), None), (Back, None), (Share(B, 0.1), None)], Some(A), Some(B)),
        (&[(Promote(A), None), (Promote(B), None), (Back, None), (Promote(B), None), (Back, None)], Some(A), None),
        // Promoted twice counts once.
        (
            &[(Promote(A), None), (Promote(B), None), (Promote(B), None), (Back, None), (Back, Some("before"))],
            Some(A),
            None,
        ),
    ];
    for (steps, champion, challenger) in rows {
        let place = Place::new();
        for _ in 0..3 {
            place.register(RANKER);
        }
        for (number, (what, refused)) in (1..).zip(*steps) {
            let now = TimeMs(number);
            let before = place.registry.stamp().unwrap();
            let done = match what {
                Promote(name) => place.registry.promote(name, now),
                Share(name, share) => place.registry.promote_share(name, *share),
                Back => place.registry.rollback(&ranker(), now).map(|_| ()),
            };
            match (done, refused) {
                (Ok(()), None) => {}
                (Err(e), Some(words)) => {
                    assert!(e.to_string().contains(words) && e.is_usage(), "{steps:?}: {e}");
                    assert_eq!(place.registry.stamp().unwrap(), before, "{steps:?}: what is refused changes nothing");
                }
                (done, _) => panic!("{steps:?}: step {number} gave {done:?}"),
            }
        }
        let routing = place.registry.routing(&ranker()).unwrap();
        let names = (routing.champion.map(|v| v.name), routing.challenger.map(|(v, _)| v.name));
        assert_eq!((names.0.as_deref(), names.1.as_deref()), (*champion, *challenger), "{steps:?}");
    }
}

#[test]
fn going_back_says_what_ended_and_what_serves() {
    let place = Place::new();
    let [a, b, c] = [0; 3].map(|_| place.register(RANKER));
    for name in [&a, &b] {
        place.registry.promote(name, TimeMs(1)).unwrap();
    }
    place.registry.promote_share(&c, 0.2).unwrap();
    let back = || place.registry.rollback(&ranker(), TimeMs(2)).unwrap();
    assert_eq!(back(), RolledBack::Share { ended: c, serving: b.clone() });
    assert_eq!(back(), RolledBack::Version { ended: b, serving: a });
}

#[test]
fn a_version_that_did_not_pass_its_gate_is_promoted_by_force_only() {
    let place = Place::new();
    let good = place.register(RANKER);
    let judged = |reasons: &[&str]| {
        let measured = BTreeMap::from([("auc".to_owned(), 0.33), ("not measured".to_owned(), f64::NAN)]);
        let gate = Gate::new(reasons.iter().map(|r| (*r).to_owned()).collect(), Vec::new(), measured);
        place.registry.add(&toy(1), Some(gate), TimeMs(1)).unwrap()
    };
    let (bad, fine) = (judged(&["AUC .330 is no better than chance"]), judged(&[]));
    place.registry.promote(&good, TimeMs(1)).unwrap();
    for refused in [place.registry.promote(&bad, TimeMs(2)), place.registry.promote_share(&bad, 0.1)] {
        let error = refused.unwrap_err();
        assert!(error.is_usage() && error.to_string().contains("AUC .330 is no better than chance"), "{error}");
        assert!(error.to_string().contains("--force"), "{error}");
    }
    place.registry.promote_share(&bad, 0.0).unwrap();
    assert_eq!(place.champion().as_ref(), Some(&good));
    place.registry.promote(&fine, TimeMs(3)).unwrap();
    let gate = place.registry.gate(&bad).unwrap().unwrap();
    assert!(!gate.passed && gate.measured == BTreeMap::from([("auc".to_owned(), 0.33)]));
    let gates: Vec<_> = place.registry.list().unwrap().into_iter().map(|v| v.gate.map(|g| g.passed)).collect();
    assert_eq!(gates, [None, Some(false), Some(true)]);
    place.registry.clone().ignoring_gates().promote(&bad, TimeMs(4)).unwrap();
    assert_eq!(place.champion(), Some(bad.clone()));
    // It served before: going back to it asks no gate.
    place.registry.promote(&good, TimeMs(5)).unwrap();
    assert_eq!(
        place.registry.rollback(&ranker(), TimeMs(6)).unwrap(),
        RolledBack::Version { ended: good, serving: bad }
    );
}

#[test]
fn a_version_for_other_actions_is_not_promoted() {
    let place = Place::new();
    let [name, other] = [0; 2].map(|_| place.register(RANKER));
    place.registry.promote(&other, TimeMs(1)).unwrap();
    let mut data = toy(1).manifest().action_set;
    data.actions.swap(0, 1);
    let registry = place.registry.clone().for_actions(&data);
    for refused in [registry.promote(&name, TimeMs(1)), registry.promote_share(&name, 0.5)] {
        let error = refused.unwrap_err();
        assert!(error.is_usage() && error.to_string().contains("trained for other actions"), "{error}");
    }
    assert!(registry.list().unwrap()[0].problem.as_ref().unwrap().contains("other actions"));
    place.registry.promote(&name, TimeMs(2)).unwrap();
    assert!(matches!(registry.rollback(&ranker(), TimeMs(3)), Err(RegistryError::ActionSet { .. })));
    assert_eq!(place.champion(), Some(name));
}
