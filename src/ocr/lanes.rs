//! Sessions that threads share: each is lent to one at a time.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

/// So many of a kind, for as many threads as like to use one.
pub struct Lanes<T> {
    count: usize,
    idle: Mutex<Vec<T>>,
    returned: Condvar,
}

/// One out of [`Lanes`], which goes back when dropped.
pub struct Lane<'a, T> {
    of: &'a Lanes<T>,
    // Taken only by `drop`.
    one: Option<T>,
}

impl<T> Lanes<T> {
    /// Of these. At least one is needed, or nobody ever gets one.
    pub fn of(all: Vec<T>) -> Self {
        Self { count: all.len(), idle: Mutex::new(all), returned: Condvar::new() }
    }

    /// How many there are, idle or lent.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Waits until one is idle.
    pub fn lend(&self) -> Lane<'_, T> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(one) = idle.pop() {
                return Lane { of: self, one: Some(one) };
            }
            idle = self.returned.wait(idle).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<T> Deref for Lane<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.one.as_ref().expect("held until dropped")
    }
}

impl<T> DerefMut for Lane<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.one.as_mut().expect("held until dropped")
    }
}

impl<T> Drop for Lane<'_, T> {
    fn drop(&mut self) {
        self.of.idle.lock().unwrap_or_else(PoisonError::into_inner).extend(self.one.take());
        self.of.returned.notify_one();
    }
}

/// Works through `0..count` on so many threads, the caller's among them, and gives the results in the order of their
/// numbers. After a failure no more is begun.
///
/// # Errors
/// One of those that `work` gave.
///
/// # Panics
/// If `work` did.
pub fn spread<T: Send, E: Send>(
    count: usize,
    threads: usize,
    work: impl Fn(usize) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    let next = AtomicUsize::new(0);
    let run = || -> Result<Vec<(usize, T)>, E> {
        let mut done = Vec::new();
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            if i >= count {
                return Ok(done);
            }
            done.push((i, work(i).inspect_err(|_| next.store(count, Ordering::Relaxed))?));
        }
    };
    let mut done = std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..threads.min(count)).map(|_| scope.spawn(run)).collect();
        let mut done = run();
        for helper in helpers {
            let more = helper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            done = done.and_then(|mut done| {
                done.extend(more?);
                Ok(done)
            });
        }
        done
    })?;
    done.sort_by_key(|(i, _)| *i);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn no_lane_is_lent_twice_or_lost_even_by_a_panic() {
        let lanes = Lanes::of(vec![0_u32, 0]);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..1000).for_each(|_| *lanes.lend() += 1));
            }
        });
        let lost = catch_unwind(AssertUnwindSafe(|| {
            let _lane = lanes.lend();
            panic!("on purpose");
        }));
        assert!(lost.is_err());
        let (a, b) = (lanes.lend(), lanes.lend());
        assert_eq!(*a + *b, 8000);
    }

    #[test]
    fn work_is_shared_and_comes_back_in_order() {
        let ids = Mutex::new(HashSet::new());
        let squares = spread(100, 3, |i| {
            ids.lock().unwrap().insert(std::thread::current().id());
            std::thread::sleep(std::time::Duration::from_micros(200));
            Ok::<_, String>(i * i)
        });
        assert_eq!(squares.unwrap(), (0..100).map(|i| i * i).collect::<Vec<_>>());
        assert_eq!(ids.lock().unwrap().len(), 3);
        assert_eq!(spread(0, 3, Ok::<_, String>), Ok(vec![]));
    }

    #[test]
    fn a_failure_ends_the_work() {
        let done = AtomicUsize::new(0);
        let result = spread(10_000, 2, |i| {
            done.fetch_add(1, Ordering::Relaxed);
            if i == 5 { Err("five") } else { Ok(()) }
        });
        assert_eq!(result, Err("five"));
        assert!(done.into_inner() < 10_000);
    }
}
