//! Stores that hold each other in a chain (a fork its parent, a value another store) end one after another.
//!
//! Letting go of one lets go of the next, from within: a chain of 20,000 forks would take 20,000 levels of stack. So
//! what a store holds that ends while another one ends is put aside, and let go of when that has ended.

use std::cell::RefCell;

thread_local! {
    /// What is to be let go of, while something is.
    static ASIDE: RefCell<Option<Vec<Box<dyn std::any::Any>>>> = const { RefCell::new(None) };
}

/// Lets go of it, now or when what is being let go of on this thread is gone.
pub fn let_go(what: Box<dyn std::any::Any>) {
    let now = ASIDE.with_borrow_mut(|aside| match aside {
        Some(aside) => {
            aside.push(what);
            None
        }
        None => {
            *aside = Some(Vec::new());
            Some(what)
        }
    });
    let mut next = now;
    while let Some(what) = next {
        drop(what);
        next = ASIDE.with_borrow_mut(|aside| {
            let next = aside.as_mut().and_then(Vec::pop);
            if next.is_none() {
                *aside = None;
            }
            next
        });
    }
}
