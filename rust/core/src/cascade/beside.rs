//! Lazy keys that are computed beside the store: over a clone of a version, by who has no transaction open.
//!
//! Nobody waits for it, and no tick moves. If the published version is still the same afterwards, it takes the memos over:
//! they carry no tick, so that it stays the version that it was.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Key;
use crate::context::{NameId, Reader};
use crate::directory::{Freshness, Memo, Trail};
use crate::reads::Tag;
use crate::store::Store;
use crate::value::Host;

use super::lazy::LAZY;

impl<H: Host> Store<H> {
    /// A store over the last commit's version, for one evaluation on one thread. What it computes can be taken over with
    /// [`Store::take_over`].
    #[must_use]
    pub fn beside(&mut self) -> Self {
        let version = self.published();
        self.of_version(version)
    }

    /// The same over another version.
    #[must_use]
    pub fn of_version(&self, version: crate::Version<H>) -> Self {
        // Nothing is committed there.
        let mut beside = Store::new(crate::Options { capacity: None, ..self.options });
        beside.share_generations(self);
        beside.ctx = version.0;
        beside.begin();
        beside
    }

    /// The version of a store made with [`Store::of_version`], with what was computed in it.
    #[must_use]
    pub fn into_version(self) -> (crate::Version<H>, impl Sized + use<H>) {
        (crate::Version(self.ctx), self.work)
    }

    /// Takes over what was computed beside, if no transaction came between. The answer is to be dropped with no lock
    /// held.
    #[must_use]
    pub fn take_over(&mut self, beside: Self) -> impl Sized + use<H> {
        let mut dropped = Vec::new();
        if !self.open && self.ctx.tick == beside.ctx.tick {
            let mut memos: BTreeMap<(NameId, &Key), Option<&Memo<H::Value>>> = BTreeMap::new();
            for undo in &beside.work.journal {
                if let crate::transaction::Undo::Memo { dir, key, .. } = undo {
                    memos.entry((*dir, key)).or_insert_with(|| beside.memo(*dir, key));
                }
            }
            for ((dir, key), memo) in memos {
                let known = self.memo(dir, key).is_some_and(|memo| memo.state == Freshness::Fresh);
                let there = self.lazy(dir).is_some();
                if !there || (known && memo.is_none_or(|memo| memo.state != Freshness::Fresh)) {
                    continue;
                }
                let memo = memo.map(|memo| {
                    let trail = memo.trail.as_ref().map(|trail| Arc::new(self.translated(trail, &beside)));
                    Memo { trail, used: self.ctx.counts.transactions, ..memo.clone() }
                });
                dropped.extend(self.memo(dir, key).cloned());
                self.set_memo(&Reader { dir, part: LAZY, key: key.clone() }, memo);
            }
        }
        (dropped, beside)
    }

    /// A trail with the numbers that names have here.
    fn translated(&mut self, trail: &Trail, beside: &Self) -> Trail {
        let mut reads: Vec<(NameId, Tag)> = Vec::with_capacity(trail.reads.len());
        for (id, tag) in &trail.reads {
            let Some(name) = beside.ctx.dirs.name(*id) else {
                reads.push((*id, tag.clone()));
                continue;
            };
            if name.is_previous() && beside.ctx.dirs.get(*id).is_some() {
                // It was asked for there, and has to follow its directory here too.
                drop(self.previous(&name.shown()));
            }
            let id = if self.ctx.dirs.name(*id) == Some(name) { *id } else { self.intern(name) };
            reads.push((id, tag.clone()));
        }
        reads.sort();
        Trail { reads, created: Vec::new() }
    }
}
