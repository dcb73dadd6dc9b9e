//! `livedirs._native`: the Rust half of the Python package.
//!
//! The store itself is `livedirs-core`, a state machine without locks and without user code. Here are conversion
//! (`convert`, `host`), ownership (`gc`), threads (`shared`) and the driver that runs the core's jobs in Python
//! (`driver`, `transaction`); then one file for each class: `store`, `directory`, `input_directory`, `snapshot`, `reducer`, `records`,
//! `iterators`. What people look at comes from `render` and `html`.

#![allow(clippy::doc_markdown, clippy::doc_link_with_quotes, reason = "docs of classes and methods are docstrings")]
#![allow(clippy::unused_self, reason = "methods of Python's protocols")]
#![allow(clippy::single_match_else, reason = "a match says both cases")]

mod alike;
mod at_fork;
mod breath;
mod call;
mod capacity;
mod cgroup;
mod chain;
mod changes;
mod convert;
mod cursor;
mod directory;
mod driver;
mod errors;
mod family;
mod following;
mod fork;
mod gc;
mod guard;
mod host;
mod html;
mod input_directory;
mod iterators;
mod lazy;
mod lock;
mod names;
mod owner;
mod panics;
mod records;
mod reducer;
mod render;
mod shared;
mod snapshot;
mod stack;
mod store;
mod transaction;

use pyo3::prelude::*;

#[pymodule(gil_used = false)]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::capacity::_automatic_capacity;
    #[pymodule_export]
    use crate::changes::{Changes, DirChanges};
    #[pymodule_export]
    use crate::cursor::{Cursor, Subscription};
    #[pymodule_export]
    use crate::directory::Directory;
    #[pymodule_export]
    use crate::fork::Fork;
    #[pymodule_export]
    use crate::input_directory::InputDirectory;
    #[pymodule_export]
    use crate::lazy::LazyDirectory;
    #[pymodule_export]
    use crate::names::{check_name, child_name};
    #[pymodule_export]
    use crate::records::{Commit, Stats};
    #[pymodule_export]
    use crate::reducer::{Count, Max, Mean, Min, Sum};
    #[pymodule_export]
    use crate::snapshot::Snapshot;
    #[pymodule_export]
    use crate::store::Store;
    #[pymodule_export]
    use crate::transaction::Transaction;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::call::look_up();
        crate::breath::look_up(module.py())?;
        crate::at_fork::install(module.py())?;
        module.add("_tuned", option_env!("LIVEDIRS_TUNED").is_some())?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
