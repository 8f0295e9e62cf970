//! A list of accounts that is also looked up in.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use rustc_hash::FxHashSet;

use crate::UserId;

/// Accounts in an order, without repeats. A clone shares the list.
#[derive(Clone, Default)]
pub struct Accounts(Arc<Inner>);

#[derive(Default)]
struct Inner {
    list: Vec<UserId>,
    set: FxHashSet<UserId>,
}

impl Accounts {
    /// Whether an account is among them.
    pub fn contains(&self, account: UserId) -> bool {
        self.0.set.contains(&account)
    }

    /// The memory that the list and its look-up take, in bytes.
    pub fn bytes(&self) -> u64 {
        // A hash set has a byte of its own for each place.
        (self.0.list.capacity() * size_of::<UserId>() + self.0.set.capacity() * (size_of::<UserId>() + 1)) as u64
    }
}

/// The accounts in their order.
impl Deref for Accounts {
    type Target = [UserId];

    fn deref(&self) -> &[UserId] {
        &self.0.list
    }
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl PartialEq for Accounts {
    fn eq(&self, other: &Self) -> bool {
        self.0.list == other.0.list
    }
}

impl Eq for Accounts {}

impl FromIterator<UserId> for Accounts {
    fn from_iter<I: IntoIterator<Item = UserId>>(accounts: I) -> Self {
        let mut inner = Inner::default();
        for account in accounts {
            if inner.set.insert(account) {
                inner.list.push(account);
            }
        }
        Self(Arc::new(inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_stays_and_repeats_go() {
        let accounts: Accounts = [3, 1, 3, 2].map(UserId).into_iter().collect();
        assert_eq!(*accounts, [3, 1, 2].map(UserId));
        assert!(accounts.contains(UserId(2)) && !accounts.contains(UserId(4)));
        assert!(accounts.bytes() >= 3 * 17 && Accounts::default().bytes() == 0);
        assert_ne!(accounts, [1, 2, 3].map(UserId).into_iter().collect());
    }
}
