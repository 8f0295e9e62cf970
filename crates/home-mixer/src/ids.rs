//! Ids in the words of a request: as the folder's data set writes them.

use std::fmt;
use std::sync::Arc;

use foryou_types::{Namespace, NoNames, PostId, Profile, UserId};

/// The dictionary of a folder's string ids, for the reasons that components give. Without one, such an id is printed as its number.
#[derive(Clone)]
pub struct Dictionary(pub Arc<dyn foryou_types::Dictionary>);

impl Default for Dictionary {
    fn default() -> Self {
        Self(Arc::new(NoNames))
    }
}

impl fmt::Debug for Dictionary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dictionary")
    }
}

impl Dictionary {
    /// A post's id as the profile writes it.
    pub(crate) fn post(&self, profile: &Profile, id: PostId) -> String {
        profile.id_form(Namespace::Posts).print(Namespace::Posts, id.0, &*self.0)
    }

    /// A user's id as the profile writes it.
    pub(crate) fn user(&self, profile: &Profile, id: UserId) -> String {
        profile.id_form(Namespace::Users).print(Namespace::Users, id.0, &*self.0)
    }
}
