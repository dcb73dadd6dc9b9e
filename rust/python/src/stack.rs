//! The stack that is left: functions of the user's call each other through the store, each level of it in Rust.
//!
//! Python bounds how deep its own code calls itself, by a number. How much stack that takes it does not know, nor how
//! much there is: a thread may have 512 KiB, and a limit may be set to a million. Beyond the end of the stack the
//! process is gone. So before a function of the user's runs, what is left is measured, and where that is too little
//! `RecursionError` is raised, which is undone and told like any other exception.

use std::cell::Cell;

use pyo3::PyResult;
use pyo3::exceptions::PyRecursionError;

/// This much must be left for what the function calls besides, and for telling of it: C code of libraries takes tens
/// of KiB. Of a small stack a quarter.
const MARGIN: usize = 128 << 10;

thread_local! {
    /// The most that was ever seen left on this thread: about all that it has.
    static MOST: Cell<usize> = const { Cell::new(0) };
}

/// # Errors
/// `RecursionError` where too little is left. Where the system does not tell, nothing is refused.
pub fn check() -> PyResult<()> {
    let Some(left) = left() else { return Ok(()) };
    let most = MOST.with(|most| {
        most.set(most.get().max(left));
        most.get()
    });
    if left < MARGIN.min(most / 4) {
        return Err(PyRecursionError::new_err(format!(
            "functions read each other too deep through the store: {} KiB are left of the stack of this thread, about \
             {} KiB; read less deep, or give the thread more (threading.stack_size)",
            left >> 10,
            most >> 10
        )));
    }
    Ok(())
}

#[cfg(not(target_env = "musl"))]
fn left() -> Option<usize> {
    stacker::remaining_stack()
}

/// musl tells of the stack of the main thread as much as was used so far, 128 KiB at first, not how far it may grow.
#[cfg(target_env = "musl")]
fn left() -> Option<usize> {
    thread_local! {
        static MAIN: Option<usize> = main::limit();
    }
    match MAIN.with(|limit| *limit) {
        Some(limit) => Some(main::here().saturating_sub(limit)),
        None => stacker::remaining_stack(),
    }
}

/// The stack of the main thread, by what Linux says of it.
#[cfg(target_env = "musl")]
mod main {
    use std::fs;

    /// Linux keeps so much free below a stack that grows.
    const GAP: usize = 1 << 20;

    /// The address down to which it may grow; `None` on another thread, or where the system does not tell.
    pub fn limit() -> Option<usize> {
        let maps = fs::read_to_string("/proc/self/maps").ok()?;
        let limits = fs::read_to_string("/proc/self/limits").ok()?;
        let mut below = 0; // where what lies below ends
        for line in maps.lines() {
            let (from, to) = line.split_once(' ')?.0.split_once('-')?;
            let to = usize::from_str_radix(to, 16).ok()?;
            if line.ends_with("[stack]") {
                if !(usize::from_str_radix(from, 16).ok()?..to).contains(&here()) {
                    return None;
                }
                let most = limits.lines().find_map(|line| line.strip_prefix("Max stack size"))?;
                let by_size = most.split_whitespace().next()?.parse().map_or(0, |most| to.saturating_sub(most));
                return Some(by_size.max(below + GAP));
            }
            below = to;
        }
        None
    }

    /// About where the stack is now.
    #[inline(never)]
    pub fn here() -> usize {
        let here = 0u8;
        (&raw const here).addr()
    }
}
