//! Changes: versions come in, are promoted, get a share, and are rolled back.

use std::fs;

use foryou_io::sync_folder;
use foryou_types::{ActionSet, TimeMs};

use super::state::{self, Challenger, OfKind, version_name};
use super::{Gate, Registry, RegistryError, RolledBack, at};
use crate::actions::action_difference;
use crate::checkpoint::{Manifest, Stored, save, sum_of_manifest};
use crate::kind::Kind;

impl Registry {
    /// Saves a model as the next version of its kind, with the judgement on it, and returns its name, e.g. `ranker-0001`. It serves
    /// nobody until it is promoted. One that did not pass its gate is promoted by [`Self::ignoring_gates`] only.
    pub fn add(&self, model: &dyn Stored, gate: Option<Gate>, now: TimeMs) -> Result<String, RegistryError> {
        self.enter(model, gate, now, |_, _| {})
    }

    /// As [`Self::add`] and [`Self::promote`] in one change. What would not be promoted is not added. The files are not read again: a
    /// model that would not load is not saved.
    pub fn add_and_promote(
        &self,
        model: &dyn Stored,
        gate: Option<Gate>,
        now: TimeMs,
    ) -> Result<String, RegistryError> {
        let Manifest { action_set, family, kind, .. } = model.manifest();
        let name = format!("the new {kind} version");
        self.family(&name, &family)?;
        self.fits(&name, &action_set)?;
        self.passed(&name, gate.as_ref())?;
        self.enter(model, gate, now, |of_kind, name| of_kind.promote(name, now))
    }

    /// Saves a model, gives it the next number of its kind, and changes the state of the kind further.
    fn enter(
        &self,
        model: &dyn Stored,
        gate: Option<Gate>,
        now: TimeMs,
        further: impl FnOnce(&mut OfKind, &str),
    ) -> Result<String, RegistryError> {
        let kind = model.manifest().kind;
        // Under the lock: two trainings that end together must not write to one place.
        let lock = self.lock()?;
        let staging = self.root.join(format!(".new-{kind}"));
        save(model, &staging, None)
            .map_err(|source| RegistryError::Checkpoint { name: staging.display().to_string(), source })?;
        let mut state = self.state()?;
        let recorded =
            state.of(&kind).created.keys().filter_map(|name| state::parse_name(name)).map(|(_, number)| number);
        let number = self.numbers(&kind)?.into_iter().chain(recorded).max().unwrap_or(0) + 1;
        let name = version_name(&kind, number);
        let folder = self.folder(&kind, number);
        let parent = self.root.join(kind.name());
        at(&parent, fs::create_dir_all(&parent))?;
        at(&folder, fs::rename(&staging, &folder))?;
        at(&parent, sync_folder(&parent))?;
        let of_kind = state.of_mut(&kind);
        of_kind.created.insert(name.clone(), now);
        if let Some(sum) = at(&folder, sum_of_manifest(&folder))? {
            of_kind.manifests.insert(name.clone(), sum);
        }
        of_kind.gates.extend(gate.map(|gate| (name.clone(), gate)));
        further(of_kind, &name);
        self.write(&state, &lock)?;
        Ok(name)
    }

    /// Lets a version serve everybody, and ends a split between two. One that does not load, that was trained for other actions
    /// ([`Self::for_actions`]) or that did not pass its gate is refused and changes nothing.
    pub fn promote(&self, name: &str, now: TimeMs) -> Result<(), RegistryError> {
        let kind = self.servable(name)?;
        let lock = self.lock()?;
        let mut state = self.state()?;
        let of_kind = state.of_mut(&kind);
        self.passed(name, of_kind.gates.get(name))?;
        of_kind.promote(name, now);
        self.write(&state, &lock)
    }

    /// Gives a version a share of the users in `[0, 1]`, the promoted one keeps the rest, in place of any other that had one; 0 takes it away.
    /// What [`Self::promote`] refuses is refused here too.
    ///
    /// The id of a user decides whether the share has them: a share that grows keeps the users it had.
    pub fn promote_share(&self, name: &str, share: f64) -> Result<(), RegistryError> {
        let refuse = |problem: &str| RegistryError::Share { name: name.to_owned(), problem: problem.to_owned() };
        if !(0.0..=1.0).contains(&share) {
            return Err(refuse("must be between 0 and 1"));
        }
        let kind = self.servable(name)?;
        let lock = self.lock()?;
        let mut state = self.state()?;
        let of_kind = state.of_mut(&kind);
        match of_kind.champion() {
            None => return Err(refuse("no version is promoted that could serve the others")),
            Some(champion) if champion == name => return Err(refuse("it is the promoted version already")),
            Some(_) => {}
        }
        if share > 0.0 {
            self.passed(name, of_kind.gates.get(name))?;
        }
        of_kind.challenger = (share > 0.0).then(|| Challenger { name: name.to_owned(), share });
        self.write(&state, &lock)
    }

    /// Takes the last change back. While a version serves a share of the users, it ends that and the promoted version stays.
    /// Otherwise the version promoted before serves again; going back again goes further back.
    ///
    /// A version to go back to that does not load, or was trained for other actions, is refused and changes nothing. It served
    /// before, so its gate is not asked.
    pub fn rollback(&self, kind: &Kind, now: TimeMs) -> Result<RolledBack, RegistryError> {
        let lock = self.lock()?;
        let mut state = self.state()?;
        let of_kind = state.of_mut(kind);
        if let (Some(serving), Some(challenger)) = (of_kind.champion().map(str::to_owned), of_kind.challenger.take()) {
            self.write(&state, &lock)?;
            return Ok(RolledBack::Share { ended: challenger.name, serving });
        }
        let Some((current, previous)) = of_kind.last_two() else {
            return Err(RegistryError::NothingBefore {
                kind: kind.clone(),
                current: of_kind.champion().map(str::to_owned),
            });
        };
        let (ended, serving) = (of_kind.history[current].name.clone(), of_kind.history[previous].name.clone());
        self.servable(&serving)?;
        of_kind.history[current].rolled_back = Some(now);
        self.write(&state, &lock)?;
        Ok(RolledBack::Version { ended, serving })
    }

    /// Refuses a version that did not pass its gate.
    fn passed(&self, name: &str, gate: Option<&Gate>) -> Result<(), RegistryError> {
        match gate {
            Some(gate) if !gate.passed && !self.ignores_gates => {
                Err(RegistryError::Gate { name: name.to_owned(), reasons: gate.reasons.join("; ") })
            }
            _ => Ok(()),
        }
    }

    /// Refuses a version whose actions are not the data's.
    fn fits(&self, name: &str, action_set: &ActionSet) -> Result<(), RegistryError> {
        match self.action_set.as_ref().and_then(|data| action_difference(action_set, data)) {
            None => Ok(()),
            Some(difference) => Err(RegistryError::ActionSet { name: name.to_owned(), difference }),
        }
    }

    /// The kind of a version that is there, loads and predicts the data's actions.
    fn servable(&self, name: &str) -> Result<Kind, RegistryError> {
        let (kind, version) = self.find(name)?;
        let manifest = self.check(&version)?;
        if manifest.kind != kind {
            return Err(RegistryError::Kind { name: name.to_owned(), is: manifest.kind, wanted: kind });
        }
        self.fits(name, &manifest.action_set)?;
        Ok(kind)
    }
}
