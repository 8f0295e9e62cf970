//! Ids in the words of a request: as the folder's data set writes them.

use std::fmt;
use std::sync::Arc;

use foryou_types::{Dictionary, Namespace, NoNames, PostId, Profile, UserId};

/// Prints ids in the reasons that components give, with the dictionary of a folder's string ids. Without one, such an id is printed as
/// its number.
#[derive(Clone)]
pub struct PrintedIds(pub Arc<dyn Dictionary>);

impl Default for PrintedIds {
    fn default() -> Self {
        Self(Arc::new(NoNames))
    }
}

impl fmt::Debug for PrintedIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrintedIds")
    }
}

impl PrintedIds {
    /// A post's id as the profile writes it.
    pub(crate) fn post(&self, profile: &Profile, id: PostId) -> String {
        profile.id_form(Namespace::Posts).print(Namespace::Posts, id.0, &*self.0)
    }

    /// A user's id as the profile writes it.
    pub(crate) fn user(&self, profile: &Profile, id: UserId) -> String {
        profile.id_form(Namespace::Users).print(Namespace::Users, id.0, &*self.0)
    }
}
