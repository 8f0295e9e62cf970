//! A data folder: its profile, and its lock.
//!
//! ```text
//! foryou-data/
//!   profile.toml   what the data is; written by the first command that filled the folder
//!   profile.last   the profile when the folder was last opened
//!   lock           which process has the folder open, and where its service listens
//!   log/           the event log: the truth
//!   state/         projections of it: may be deleted at any time
//! ```

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use foryou_io::{FolderLock, Holder, LOCK_FILE, Lock, unfinished};
use foryou_types::Profile;

use crate::exit::wrong_use;
use crate::profile_note;
use crate::whole_file::write_whole;

/// The file that says what a folder's data is.
pub(crate) const PROFILE: &str = "profile.toml";
/// A profile that was being written when a process of an earlier version ended.
const PROFILE_PART: &str = "profile.part";

/// An opened data folder; closed and unlocked on drop.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    profile: Arc<Profile>,
    lock: FolderLock,
}

/// The outcome of opening a folder.
#[derive(Debug)]
pub enum Opened {
    /// The folder is ours now.
    Ours(DataFolder),
    /// Another process has it.
    Held(Holder),
    /// It is read-only, and why.
    ReadOnly(std::io::Error),
}

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing, or an empty folder.
    Nothing,
    /// A data folder.
    DataFolder,
}

/// Looks at a path; anything but a data folder is refused.
pub fn look(path: &Path) -> anyhow::Result<Found> {
    match fs::metadata(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(e) => bail!("{}: {e}", path.display()),
        Ok(meta) if !meta.is_dir() => wrong_use!("--data {}: is a file; give a folder", path.display()),
        Ok(_) => {}
    }
    if path.join(PROFILE).is_file() {
        return Ok(Found::DataFolder);
    }
    let mut other = fs::read_dir(path).with_context(|| format!("reading {}", path.display()))?;
    let unfinished = unfinished(Path::new(PROFILE));
    let ours = |name: &OsStr| name == LOCK_FILE || name == PROFILE_PART || name == unfinished;
    match other.find_map(|entry| entry.ok().filter(|e| !ours(&e.file_name()))) {
        None => Ok(Found::Nothing),
        Some(entry) => wrong_use!(
            "--data {}: holds {:?} but no {PROFILE}, so it is not a data folder; give another folder, or an empty one",
            path.display(),
            entry.file_name()
        ),
    }
}

impl DataFolder {
    /// Opens a data folder that must exist.
    pub fn open(path: &Path) -> anyhow::Result<Opened> {
        match look(path)? {
            Found::Nothing => Err(no_data(path)),
            Found::DataFolder => Self::lock(path, None),
        }
    }

    /// Opens a data folder, or makes it with `profile` if it does not exist. A folder with another kind of data is refused.
    pub fn open_or_create(path: &Path, profile: &Profile) -> anyhow::Result<Opened> {
        look(path)?;
        fs::create_dir_all(path).with_context(|| format!("making {}", path.display()))?;
        Self::lock(path, Some(profile))
    }

    fn lock(path: &Path, profile: Option<&Profile>) -> anyhow::Result<Opened> {
        let at = || format!("opening {}", path.join(LOCK_FILE).display());
        let lock = match FolderLock::take(path) {
            Err(e)
                if profile.is_none()
                    && matches!(e.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) =>
            {
                return Ok(Opened::ReadOnly(e));
            }
            taken => match taken.with_context(at)? {
                Lock::Ours(lock) => lock,
                Lock::Held(holder) => return Ok(Opened::Held(holder)),
            },
        };
        let profile_path = path.join(PROFILE);
        if !profile_path.exists() {
            let Some(profile) = profile else { bail!("{}: has disappeared", profile_path.display()) };
            write_whole(&profile_path, &profile.to_toml())?;
        }
        let found = read_profile(path)?;
        if let Some(profile) = profile
            && profile.name != found.name
        {
            wrong_use!(
                "{} holds {} data, and {} cannot be added to it; give another folder with --data",
                path.display(),
                found.name,
                profile.name
            );
        }
        profile_note::say_changes(path, &found);
        Ok(Opened::Ours(Self { path: path.to_owned(), profile: Arc::new(found), lock }))
    }

    /// Writes into the lock file where this process's service listens.
    pub fn announce(&mut self, address: Option<String>) -> anyhow::Result<()> {
        self.lock.announce(address).with_context(|| format!("writing {}", self.path.join(LOCK_FILE).display()))
    }

    /// Deletes the folder's contents; its parts must be closed.
    pub fn clear(self) -> anyhow::Result<()> {
        for name in ["log", "state", "world"] {
            match fs::remove_dir_all(self.path.join(name)) {
                Err(e) if e.kind() != ErrorKind::NotFound => bail!("{}: {e}", self.path.join(name).display()),
                _ => {}
            }
        }
        for name in [profile_note::FILE, PROFILE, LOCK_FILE] {
            match fs::remove_file(self.path.join(name)) {
                Err(e) if name != profile_note::FILE || e.kind() != ErrorKind::NotFound => {
                    return Err(e).with_context(|| format!("removing {name}"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the data is.
    pub fn profile(&self) -> &Arc<Profile> {
        &self.profile
    }
}

/// Reads the profile of a data folder that must exist.
pub fn read_profile(path: &Path) -> anyhow::Result<Profile> {
    if look(path)? == Found::Nothing {
        return Err(no_data(path));
    }
    let path = path.join(PROFILE);
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    Profile::from_toml(&text).with_context(|| path.display().to_string())
}

/// The profile of a data folder; if it does not exist yet, the profile that `foryou up` would give it.
pub fn profile_or_live(path: &Path) -> anyhow::Result<Profile> {
    match look(path)? {
        Found::Nothing => Ok(Profile::live()),
        Found::DataFolder => read_profile(path),
    }
}

fn no_data(path: &Path) -> anyhow::Error {
    anyhow::anyhow!(
        "{} holds no data yet: `foryou demo` makes a world, `foryou import` brings a data set",
        path.display()
    )
}

impl Opened {
    /// The folder, for writing. If another process has it open, the error names that process.
    pub fn ours(self, path: &Path) -> anyhow::Result<DataFolder> {
        match self {
            Self::Ours(folder) => Ok(folder),
            Self::ReadOnly(error) => bail!("{} is read-only: {error}", path.display()),
            Self::Held(holder) => match &holder.address {
                Some(address) => bail!(
                    "{} is served by {holder} on {address}, and this command writes to it: stop the service first, or send events to it (POST /v1/events)",
                    path.display()
                ),
                None => bail!("{} is in use by {holder}: wait for it, or stop it first", path.display()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn higgs() -> Profile {
        Profile { name: "higgs".into(), ..Profile::live() }
    }

    #[test]
    fn a_folder_is_made_once_and_keeps_its_kind() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data");
        assert!(DataFolder::open(&path).unwrap_err().to_string().contains("holds no data yet"));
        drop(DataFolder::open_or_create(&path, &higgs()).unwrap());
        assert_eq!(look(&path).unwrap(), Found::DataFolder);
        assert_eq!(DataFolder::open(&path).unwrap().ours(&path).unwrap().profile().name, "higgs");
        let error = DataFolder::open_or_create(&path, &Profile::live()).unwrap_err();
        assert!(error.is::<crate::exit::WrongUse>() && error.to_string().contains("holds higgs data"), "{error}");
    }

    #[test]
    fn something_else_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("thesis.tex"), "x").unwrap();
        for error in [
            DataFolder::open(dir.path()).unwrap_err(),
            DataFolder::open_or_create(dir.path(), &higgs()).unwrap_err(),
            look(&dir.path().join("thesis.tex")).unwrap_err(),
        ] {
            assert!(error.is::<crate::exit::WrongUse>(), "{error}");
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_second_opener_is_told_who_has_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut folder = DataFolder::open_or_create(dir.path(), &higgs()).unwrap().ours(dir.path()).unwrap();
        folder.announce(Some("127.0.0.1:9".into())).unwrap();
        match DataFolder::open(dir.path()).unwrap() {
            Opened::Held(holder) => {
                assert_eq!(holder, Holder { pid: Some(std::process::id()), address: Some("127.0.0.1:9".into()) });
            }
            other => panic!("{other:?}"),
        }
        drop(folder);
        assert!(matches!(DataFolder::open(dir.path()).unwrap(), Opened::Ours(_)));
    }

    #[test]
    fn a_broken_profile_names_the_file() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(PROFILE), "name = 3").unwrap();
        assert!(format!("{:#}", DataFolder::open(dir.path()).unwrap_err()).contains(PROFILE));
    }
}
