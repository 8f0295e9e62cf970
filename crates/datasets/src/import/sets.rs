//! The kinds of sets there are importers for.

use std::path::Path;

use foryou_types::Profile;

use super::{
    ImportError, Importer, SetFile,
    deskdrop::{self, Deskdrop},
    events::{self, Events},
    globo::{self, Globo},
    higgs::{self, Higgs},
    kuairand::{self, KuaiRand},
    mind::{self, Mind},
    recbole::{self, Recbole},
    same_kind,
};

/// A kind of set.
#[derive(Debug)]
pub struct SetKind {
    /// Its name, which is also that of the profile of a folder that it fills.
    pub name: &'static str,
    /// What it is, and what it is given as.
    pub about: &'static str,
    /// Its rows span decades, and may have gaps of months.
    pub has_long_gaps: bool,
    /// Whether there seems to be one at a path.
    is_at: fn(&Path) -> bool,
    open: fn(&Path, Option<&Profile>) -> Result<Importer, ImportError>,
}

/// All kinds. Where a path looks like sets of several kinds, the last of them is meant.
pub static KINDS: [SetKind; 8] = [
    SetKind {
        name: events::EVENTS,
        about: "Events as JSON lines or a table (--map), compressed or not: files, - for standard input, or a folder with events.jsonl",
        has_long_gaps: false,
        is_at: |path| is(path, &events::FILES),
        open: |path, folder| Events::open(&[path.to_owned()], None, folder),
    },
    SetKind {
        name: events::WORLD,
        about: "A folder written by `foryou world`",
        has_long_gaps: false,
        is_at: |path| is(path, &events::FILES) && is(path, &[events::PROFILE]),
        open: Events::open_world,
    },
    SetKind {
        name: higgs::KIND,
        about: "Higgs Twitter (SNAP): a folder with its .gz files",
        has_long_gaps: false,
        is_at: |path| higgs::FILES.iter().all(|names| is(path, names)),
        open: Higgs::open,
    },
    SetKind {
        name: deskdrop::KIND,
        about: "Deskdrop (CI&T): a folder with its interactions",
        has_long_gaps: false,
        is_at: |path| is(path, &deskdrop::FILES),
        open: Deskdrop::open,
    },
    SetKind {
        name: globo::KIND,
        about: "Globo.com news: clicks.csv, compressed or not, or a folder with it",
        has_long_gaps: false,
        is_at: |path| is(path, &globo::FILES),
        open: Globo::open,
    },
    SetKind {
        name: mind::KIND,
        about: "MIND (Microsoft News): a folder with behaviors.tsv and news.tsv",
        has_long_gaps: false,
        is_at: |path| mind::FILES.iter().all(|names| is(path, names)),
        open: Mind::open,
    },
    SetKind {
        name: kuairand::KIND,
        about: "KuaiRand (Kuaishou): one log, or a folder with it",
        has_long_gaps: false,
        is_at: kuairand::is_set,
        open: KuaiRand::open,
    },
    SetKind {
        name: recbole::KIND,
        about: "RecBole's atomic files: NAME.inter, or a folder with it (and NAME.item)",
        has_long_gaps: true,
        is_at: recbole::is_set,
        open: Recbole::open,
    },
];

fn is(path: &Path, names: &[&str]) -> bool {
    SetFile::find(path, names).is_some()
}

impl SetKind {
    /// The kind of that name.
    pub fn of(name: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.name == name)
    }

    /// Plain events: the one kind that takes several files, a map of columns, and folders of any profile.
    pub fn is_events(&self) -> bool {
        self.name == events::EVENTS
    }

    /// A synthetic world, which comes with its truth.
    pub fn is_world(&self) -> bool {
        self.name == events::WORLD
    }

    /// The kind of set that there seems to be at a path.
    pub(super) fn at(path: &Path) -> Option<&'static Self> {
        KINDS.iter().rev().find(|kind| (kind.is_at)(path))
    }

    /// Finds the set of this kind at `path`. `folder` is the profile of the data folder, where it has one already.
    pub fn open(&self, path: &Path, folder: Option<&Profile>) -> Result<Importer, ImportError> {
        // The profile of events, or that of a world, stands beside them: they compare it themselves.
        if !self.is_events() && !self.is_world() {
            same_kind(folder, self.name, path)?;
        }
        (self.open)(path, folder)
    }
}
