//! The threads of a training.

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::TrainError;

/// Threads that each compute one shard, on one core each.
///
/// Large matrix products go to the rayon pool that the calling thread belongs to, so each worker is a pool of one thread.
#[derive(Debug)]
pub struct Workers(Vec<ThreadPool>);

impl Workers {
    /// That many threads, at least one.
    pub fn new(threads: usize) -> Result<Self, TrainError> {
        let pools = (0..threads.max(1)).map(|_| ThreadPoolBuilder::new().num_threads(1).build());
        pools.collect::<Result<_, _>>().map(Self).map_err(|e| TrainError::Machine(e.to_string()))
    }

    /// Number of threads.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// `f` of every item, the results in order. More items than threads take turns.
    pub fn map<T: Send, R: Send>(&self, items: Vec<T>, f: impl Fn(T) -> R + Sync) -> Vec<R> {
        self.map_beside(items, f, || ()).0
    }

    /// As [`Self::map`], while the calling thread does `meanwhile`. With at most as many items as threads all run at once, so they may
    /// wait for `meanwhile`.
    pub fn map_beside<T: Send, R: Send, M>(
        &self,
        items: Vec<T>,
        f: impl Fn(T) -> R + Sync,
        meanwhile: impl FnOnce() -> M,
    ) -> (Vec<R>, M) {
        let count = items.len();
        let mut queues: Vec<Vec<(usize, T)>> = self.0.iter().map(|_| Vec::new()).collect();
        for (i, item) in items.into_iter().enumerate() {
            queues[i % self.0.len()].push((i, item));
        }
        let f = &f;
        std::thread::scope(|scope| {
            let running: Vec<_> = self
                .0
                .iter()
                .zip(queues)
                .map(|(pool, queue)| {
                    let work = move || queue.into_iter().map(|(i, item)| (i, f(item))).collect::<Vec<_>>();
                    scope.spawn(move || pool.install(work))
                })
                .collect();
            let beside = meanwhile();
            let mut results = Vec::with_capacity(count);
            for thread in running {
                results.extend(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            }
            results.sort_by_key(|(i, _)| *i);
            (results.into_iter().map(|(_, result)| result).collect(), beside)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_the_order_and_each_runs_in_a_pool_of_one() {
        let workers = Workers::new(3).unwrap();
        assert_eq!(workers.count(), 3);
        let results = workers.map((0..10).collect(), |i: i32| (i * i, rayon::current_num_threads()));
        assert_eq!(results, (0..10).map(|i| (i * i, 1)).collect::<Vec<_>>());
        let (send, receive) = std::sync::mpsc::channel();
        let (results, beside) = workers.map_beside(vec![send], |s| s.send(5).is_ok(), move || receive.recv());
        assert_eq!((results, beside), (vec![true], Ok(5)));
    }
}
