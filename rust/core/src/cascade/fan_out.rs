//! The arrows from a directory, remembered where they take every key, and whether mappers read it.
//!
//! Most directories have a few arrows that take all their rows. For these a change of a row need not ask the index of
//! arrows: their children stand here until a directory or an arrow comes, goes or changes, when all is forgotten. Nor does it
//! ask for who reads the directory by itself where that is known to be nobody: known until a read of it is noted or taken back.

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

#[derive(Debug)]
struct FanOut {
    of: NameId,
    children: Children,
    /// Whether any unit or memo reads it; `None` where that has to be looked up.
    is_read: Option<bool>,
}

#[derive(Debug, Default)]
pub(crate) struct FanOuts(SmallVec<[FanOut; 4]>);

impl FanOuts {
    /// Directories, arrows or heights have changed.
    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }

    /// What is remembered is wrong from here on.
    #[cfg(test)]
    pub(crate) fn mix_up(&mut self) {
        self.0.iter_mut().for_each(|there| there.children = None);
    }

    /// A read of a directory has been noted.
    pub(crate) fn read(&mut self, dir: NameId) {
        self.0.iter_mut().filter(|there| there.of == dir).for_each(|there| there.is_read = Some(true));
    }

    /// A read of a directory has been taken back.
    pub(crate) fn unread(&mut self, dir: NameId) {
        self.0.iter_mut().filter(|there| there.of == dir).for_each(|there| there.is_read = None);
    }

    /// The child of that number, of the directory that stands there.
    pub(super) fn child(&self, at: usize, number: usize) -> Option<Child> {
        self.0.get(at)?.children.as_ref()?.get(number).copied()
    }
}

impl<H: Host> Store<H> {
    /// What is remembered is what the indexes of arrows and of reads would answer now.
    pub(crate) fn check_fan_outs(&self) -> Result<(), String> {
        for FanOut { of, children, is_read } in &self.fan_outs.0 {
            let now = self.find_children(*of);
            if *children != now {
                return Err(format!("fan_out: {of:?} has {now:?}, but {children:?} is remembered"));
            }
            let now = self.ctx.dependencies.any(*of);
            if is_read.is_some_and(|is_read| is_read != now) {
                return Err(format!("fan_out: that {of:?} is read is {now}, but {is_read:?} is remembered"));
            }
        }
        Ok(())
    }

    /// The children of a directory where all of them take every key of it: where they stand, see
    /// [`FanOuts::child`]. `None` where the index has to be asked.
    pub(crate) fn fan_out(&mut self, dir: NameId) -> Option<usize> {
        let at = self.remembered(dir);
        self.fan_outs.0.get(at)?.children.as_ref().map(|_| at)
    }

    /// Whether any unit or memo reads a directory by itself.
    pub(crate) fn is_read(&mut self, dir: NameId) -> bool {
        if self.ctx.dependencies.len() == 0 {
            return false;
        }
        let at = self.remembered(dir);
        let Some(there) = self.fan_outs.0.get_mut(at) else { return true };
        let dependencies = &self.ctx.dependencies;
        *there.is_read.get_or_insert_with(|| dependencies.any(dir))
    }

    /// Where it stands what is remembered of a directory.
    fn remembered(&mut self, dir: NameId) -> usize {
        let known = self.fan_outs.0.iter().position(|there| there.of == dir);
        known.unwrap_or_else(|| {
            let children = self.find_children(dir);
            if self.fan_outs.0.len() == REMEMBERED {
                self.fan_outs.forget();
            }
            self.fan_outs.0.push(FanOut { of: dir, children, is_read: None });
            self.fan_outs.0.len() - 1
        })
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
