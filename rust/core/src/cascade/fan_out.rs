//! The arrows from a directory, remembered where they take every key.
//!
//! Most directories have a few arrows that take all their rows. For these a change of a row need not ask the index of
//! arrows: their children stand here until a directory or an arrow comes, goes or changes, when all is forgotten.

use smallvec::SmallVec;

use crate::context::NameId;
use crate::store::Store;
use crate::value::Host;

/// A child, the number of the arrow, and the child's height.
pub(crate) type Child = (NameId, u16, u32);

/// More children than this are looked up.
const MOST: usize = 8;

/// More directories than this are not remembered.
const REMEMBERED: usize = 16;

#[derive(Debug, Default)]
pub(crate) struct FanOuts(SmallVec<[(NameId, Option<SmallVec<[Child; 2]>>); 4]>);

impl FanOuts {
    /// Directories, arrows or heights have changed.
    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }
}

impl<H: Host> Store<H> {
    /// The children of a directory that take every key of it; `None` where the index has to be asked.
    pub(crate) fn fan_out(&mut self, dir: NameId) -> Option<SmallVec<[Child; 2]>> {
        if let Some((_, children)) = self.fan_outs.0.iter().find(|(of, _)| *of == dir) {
            return children.clone();
        }
        let mut children = SmallVec::new();
        let mut takes_all = true;
        for arrow in self.ctx.arrows_of(dir).take(MOST + 1) {
            let Some(height) = self.ctx.dirs.get(arrow.child).map(|child| child.height) else { continue };
            takes_all &= arrow.lo.is_none() && children.len() < MOST;
            children.push((arrow.child, arrow.arrow, height));
        }
        let children = takes_all.then_some(children);
        if self.fan_outs.0.len() == REMEMBERED {
            self.fan_outs.forget();
        }
        self.fan_outs.0.push((dir, children.clone()));
        children
    }
}
