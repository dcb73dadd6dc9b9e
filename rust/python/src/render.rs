//! The store as people want to see it: a tree, and a Mermaid flowchart; and values, in short.

use std::collections::BTreeMap;
use std::fmt::Write;

use livedirs_core::{Described, DirKind};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

pub const fn kind(kind: DirKind) -> &'static str {
    match kind {
        DirKind::Input => "input",
        DirKind::Derived => "derived",
        DirKind::Previous => "previous",
        DirKind::Lazy => "lazy",
    }
}

/// The repr of a key or of a value, of a length that is bounded whatever it holds.
pub fn short(value: &Bound<'_, PyAny>) -> PyResult<String> {
    static SHORT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let shown = SHORT.import(value.py(), "livedirs._short", "short")?.call1((value,))?;
    Ok(shown.str()?.to_string_lossy().into_owned())
}

/// An object whose repr is being made, so that one that holds itself has an end.
pub struct Within<'a, 'py>(&'a Bound<'py, PyAny>);

impl<'a, 'py> Within<'a, 'py> {
    /// `None` where it is being made already.
    pub fn of(object: &'a Bound<'py, PyAny>) -> PyResult<Option<Self>> {
        // SAFETY: a live object, and the interpreter is attached. Below zero an exception is set.
        match unsafe { ffi::Py_ReprEnter(object.as_ptr()) } {
            0 => Ok(Some(Within(object))),
            within if within > 0 => Ok(None),
            _ => Err(PyErr::fetch(object.py())),
        }
    }
}

impl Drop for Within<'_, '_> {
    fn drop(&mut self) {
        // SAFETY: as above; it was entered once.
        unsafe { ffi::Py_ReprLeave(self.0.as_ptr()) }
    }
}

/// What stands behind the names is aligned up to names of this many characters; formatting pads to 65,535 at most.
const WIDEST: usize = 80;

/// One line a directory: name, kind, size, parents, owner.
pub fn tree(directories: &[Described]) -> String {
    let widths = directories.iter().map(|directory| directory.name.as_str().chars().count());
    let width = widths.filter(|&width| width <= WIDEST).max().unwrap_or(0);
    let lines = directories.iter().map(|directory| {
        let keys = if directory.keys == 1 { "1 key".to_owned() } else { format!("{} keys", directory.keys) };
        let mut line = format!("{:width$}  {}, {keys}", directory.name.as_str(), kind(directory.kind));
        if !directory.parents.is_empty() {
            let parents: Vec<&str> = directory.parents.iter().map(livedirs_core::Name::as_str).collect();
            line.extend([", from ", &parents.join(" ")]);
        }
        if let Some((owner, key)) = directory.owners.first() {
            line.extend([", made by ", owner.as_str(), " for ", &key.to_string()]);
            if directory.owners.len() > 1 {
                line.extend([" and ", &(directory.owners.len() - 1).to_string(), " more"]);
            }
        }
        line
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Arrows from parents to children, dotted ones from the directories whose mappers made others.
pub fn mermaid(directories: &[Described]) -> String {
    let ids: BTreeMap<&str, usize> =
        directories.iter().enumerate().map(|(id, directory)| (directory.name.as_str(), id)).collect();
    let mut chart = "flowchart LR".to_owned();
    for (id, directory) in directories.iter().enumerate() {
        // A double quote ends a label in Mermaid; its entity does not.
        let label = directory.name.as_str().replace('"', "#quot;");
        let (open, close) = if directory.kind == DirKind::Input { ("[(", ")]") } else { ("[", "]") };
        let _ = write!(chart, "\n    d{id}{open}\"{label}\"{close}");
    }
    for (id, directory) in directories.iter().enumerate() {
        for parent in &directory.parents {
            if let Some(parent) = ids.get(parent.as_str()) {
                let _ = write!(chart, "\n    d{parent} --> d{id}");
            }
        }
        for (owner, _) in &directory.owners {
            if let Some(owner) = ids.get(owner.as_str()) {
                let _ = write!(chart, "\n    d{owner} -.-> d{id}");
            }
        }
    }
    chart
}
