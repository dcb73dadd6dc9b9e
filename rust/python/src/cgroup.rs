//! The memory limit of the control group that the process runs in, on Linux.
//!
//! `/proc/self/cgroup` says which group that is, in each hierarchy; `/proc/self/mountinfo` where the hierarchies are
//! mounted, and from which group on. Version 2 has one hierarchy, version 1 one with memory among its controllers, a
//! hybrid system both. A limit holds for all groups below it, so the least of the group's own and of those above it
//! counts, as far up as is mounted. What can't be read sets no limit.

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

/// Limits from here on mean that there is none: version 1 has no word for it.
const UNLIMITED: u64 = 1 << 60;

/// Where hierarchies are usually mounted, in version 2 and in version 1, for a system without `/proc`.
const USUAL: [(&str, &str); 2] = [("sys/fs/cgroup", "memory.max"), ("sys/fs/cgroup/memory", "memory.limit_in_bytes")];

/// A hierarchy of groups that may limit memory.
struct Hierarchy {
    /// The group at its mount point.
    top: PathBuf,
    at: PathBuf,
    /// The file of a limit.
    file: &'static str,
    is_v2: bool,
}

/// Bytes; `None` where no limit is set. Where the hierarchies are mounted is asked once in a process, which takes some tenths
/// of a millisecond where much is mounted; the group and its limits each time.
pub fn memory_limit() -> Option<u64> {
    static MOUNTED: OnceLock<Vec<Hierarchy>> = OnceLock::new();
    let root = Path::new("/");
    least(root, MOUNTED.get_or_init(|| mounted(root)))
}

/// The same where the file system begins at `root`, for tests.
pub fn memory_limit_below(root: &Path) -> Option<u64> {
    least(root, &mounted(root))
}

fn mounted(root: &Path) -> Vec<Hierarchy> {
    let mounts = fs::read_to_string(root.join("proc/self/mountinfo")).unwrap_or_default();
    mounts.lines().filter_map(hierarchy).collect()
}

fn least(root: &Path, hierarchies: &[Hierarchy]) -> Option<u64> {
    if hierarchies.is_empty() {
        return USUAL.iter().filter_map(|(at, file)| limit(&root.join(at).join(file))).min();
    }
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    hierarchies.iter().filter_map(|hierarchy| hierarchy.least(root, &groups)).min()
}

impl Hierarchy {
    fn least(&self, root: &Path, groups: &str) -> Option<u64> {
        let at = root.join(self.at.strip_prefix("/").unwrap_or(&self.at));
        let below = self.below(groups);
        let levels = below.ancestors().map(|level| at.join(level).join(self.file));
        levels.filter_map(|path| limit(&path)).min()
    }

    /// The way from the mount point to the group of the process; none where the group is not below it.
    fn below(&self, groups: &str) -> PathBuf {
        let group = groups.lines().find_map(|line| {
            let (_, rest) = line.split_once(':')?;
            let (controllers, group) = rest.split_once(':')?;
            let is_it =
                if self.is_v2 { controllers.is_empty() } else { controllers.split(',').any(|name| name == "memory") };
            is_it.then(|| PathBuf::from(group))
        });
        let below = group.and_then(|group| Some(group.strip_prefix(&self.top).ok()?.to_path_buf())).unwrap_or_default();
        if below.components().all(|part| matches!(part, Component::Normal(_))) { below } else { PathBuf::new() }
    }
}

/// A line of mountinfo: number, parent, device, top, place, options and perhaps more, a dash, type, source, options.
fn hierarchy(line: &str) -> Option<Hierarchy> {
    let (mount, system) = line.split_once(" - ")?;
    let mut system = system.split(' ');
    let (kind, options) = (system.next()?, system.nth(1).unwrap_or_default());
    let is_v2 = kind == "cgroup2";
    if !(is_v2 || kind == "cgroup" && options.split(',').any(|option| option == "memory")) {
        return None;
    }
    let mut mount = mount.split(' ').skip(3);
    let (top, at) = (unescaped(mount.next()?), unescaped(mount.next()?));
    Some(Hierarchy { top, at, file: if is_v2 { "memory.max" } else { "memory.limit_in_bytes" }, is_v2 })
}

/// Spaces stand as `\040`.
fn unescaped(path: &str) -> PathBuf {
    PathBuf::from(path.replace("\\040", " "))
}

/// "max" is none.
fn limit(path: &Path) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    text.trim().parse().ok().filter(|limit| *limit < UNLIMITED)
}
