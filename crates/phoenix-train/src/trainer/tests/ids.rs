//! Ids of every form through a step of training and the checkpoint.

use event_log::NameAllocator;
use foryou_types::Namespace;
use foryou_types::NoNames;
use phoenix::HashTables;
use phoenix::PRIME;

use super::*;

/// The least and the newest negative number, the greatest unsigned ones, multiples of the hashes' prime, and names.
fn awkward(namespace: Namespace) -> Vec<u64> {
    let mut names = NameAllocator::new(&NoNames);
    let named = ["N55528", "日本", ""].map(|name| names.number(namespace, name));
    [[i64::MIN.cast_unsigned(), u64::MAX, u64::MAX - 1].as_slice(), &[PRIME, 8 * PRIME, 1 << 61], &named].concat()
}

/// The data with other ids: the first ones awkward.
fn renamed(mut data: TrainingData) -> TrainingData {
    let users = awkward(Namespace::Users);
    let posts = awkward(Namespace::Posts);
    let new = |ids: &[u64], id: u64| ids.get(id as usize - 1).copied().unwrap_or(id << 40);
    let (user, post) = (|id: UserId| UserId(new(&users, id.0)), |id: PostId| PostId(new(&posts, id.0)));
    for pass in data.train.iter_mut().chain(&mut data.validation) {
        pass.user = user(pass.user);
        let item =
            |item: &HistoryItem| HistoryItem { post: post(item.post), author: user(item.author), ..item.clone() };
        pass.history = pass.history.iter().map(item).collect();
        for candidate in &mut pass.candidates {
            (candidate.item.post, candidate.item.author) = (post(candidate.item.post), user(candidate.item.author));
        }
    }
    let corpus = Corpus::new();
    data.corpus.for_each(|id, info| corpus.insert(post(id), PostInfo { author: user(info.author), ..info.clone() }));
    data.corpus = Arc::new(corpus);
    data.post_frequency = data.post_frequency.iter().map(|(id, n)| (post(*id), *n)).collect();
    for (id, _) in &mut data.alive_posts {
        *id = post(*id);
    }
    data
}

fn some(row: &[f32]) -> bool {
    row.iter().any(|&x| x != 0.0)
}

#[test]
fn ids_of_every_form_are_learned_and_found_again() {
    for kind in BOTH {
        let (data, mut recipe) = (renamed(data(12)), recipe(kind));
        (recipe.epochs, recipe.tokens_per_step, recipe.post_dropout) = (1, 100_000, 0.0);
        let folder = tempfile::tempdir().unwrap();
        let outcome = train(kind, &data, &recipe, folder.path(), &options(2)).unwrap();
        assert_eq!((outcome.steps, outcome.skipped_steps), (1, 0));
        let checkpoint = Checkpoint::load(&folder.path().join("checkpoint")).unwrap();
        let (hashes, d): (&HashTables, usize) = (&checkpoint.config.hashes, recipe.model.emb_size);
        // Users and posts start at zero rows, so a row that is not zero was learned in.
        let row = |table: &[f32], row: u32| table[row as usize * d..][..d].to_vec();
        for pass in &data.train {
            for number in hashes.user.rows_of(pass.user.0) {
                assert!((1..hashes.user.rows).contains(&number), "{:?}", pass.user);
                let learned =
                    kind == ModelKind::Ranker || pass.candidates.iter().any(|c| c.labels.has(0) && !c.labels.has(1));
                assert!(!learned || some(&row(&checkpoint.tables.user, number)), "{kind:?} {:?}", pass.user);
            }
            if kind == ModelKind::Ranker {
                for candidate in &pass.candidates {
                    for number in hashes.post.rows_of(candidate.item.post.0) {
                        assert!((1..hashes.post.rows).contains(&number), "{:?}", candidate.item.post);
                        assert!(some(&row(&checkpoint.tables.post, number)), "{:?}", candidate.item.post);
                    }
                }
            }
        }
        for table in [&checkpoint.tables.user, &checkpoint.tables.post, &checkpoint.tables.author] {
            assert!(!some(&row(table, 0)), "the padding row is nobody's");
        }
    }
}
