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

/// All children of a directory; `None` where the index has to be asked.
type Children = Option<SmallVec<[Child; 2]>>;

/// More children than this are looked up.
const MOST: usize = 8;

/// More directories than this are not remembered.
const REMEMBERED: usize = 16;

#[derive(Debug, Default)]
pub(crate) struct FanOuts(SmallVec<[(NameId, Children); 4]>);

impl FanOuts {
    /// Directories, arrows or heights have changed.
    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }

    /// What is remembered is wrong from here on.
    #[cfg(test)]
    pub(crate) fn mix_up(&mut self) {
        self.0.iter_mut().for_each(|(_, children)| *children = None);
    }

    /// The child of that number, of the directory that stands there.
    pub(super) fn child(&self, at: usize, number: usize) -> Option<Child> {
        self.0.get(at)?.1.as_ref()?.get(number).copied()
    }
}

impl<H: Host> Store<H> {
    /// What is remembered is what the index of arrows would answer now.
    pub(crate) fn check_fan_outs(&self) -> Result<(), String> {
        for (of, children) in &self.fan_outs.0 {
            let now = self.find_children(*of);
            if *children != now {
                return Err(format!("fan_out: {of:?} has {now:?}, but {children:?} is remembered"));
            }
        }
        Ok(())
    }

    /// The children of a directory where all of them take every key of it: where they stand, see
    /// [`FanOuts::child`]. `None` where the index has to be asked.
    pub(crate) fn fan_out(&mut self, dir: NameId) -> Option<usize> {
        let known = self.fan_outs.0.iter().position(|(of, _)| *of == dir);
        let at = known.unwrap_or_else(|| {
            let children = self.find_children(dir);
            if self.fan_outs.0.len() == REMEMBERED {
                self.fan_outs.forget();
            }
            self.fan_outs.0.push((dir, children));
            self.fan_outs.0.len() - 1
        });
        self.fan_outs.0.get(at)?.1.as_ref().map(|_| at)
    }

    fn find_children(&self, dir: NameId) -> Children {
        let mut children = SmallVec::new();
        let mut takes_all = true;
        for arrow in self.ctx.arrows_of(dir).take(MOST + 1) {
            let Some(height) = self.ctx.dirs.get(arrow.child).map(|child| child.height) else { continue };
            let bounded = arrow.lo.is_some() || self.take_limit(arrow.child, arrow.arrow).is_some();
            takes_all &= !bounded && children.len() < MOST;
            children.push((arrow.child, arrow.arrow, height));
        }
        takes_all.then_some(children)
    }
}
