//! A version as text, all of it: two versions are the same exactly if their dumps are.

use std::fmt::Write;

use crate::context::Context;
use crate::dirs::State;

use super::host::TestHost;

/// Generations are left out by those who compare different runs.
pub(super) fn dump(ctx: &Context<TestHost>) -> String {
    let mut out = String::new();
    let dirs = &ctx.dirs;
    let mut line = |text: String| writeln!(out, "{text}").expect("text grows");
    line(format!("tick {} counts {:?} floor {}", ctx.tick, ctx.counts, dirs.floor));
    line(format!("names {:?}", dirs.each_name().collect::<std::collections::BTreeMap<_, _>>()));
    line(format!("earlier {:?}", dirs.earlier));
    line(format!("queue {:?}", dirs.queue));
    line(format!("arrows {:?}", ctx.arrows));
    line(format!("dependencies {:?}", ctx.dependencies.each().collect::<Vec<_>>()));
    line(format!("tombed {:?}", ctx.tombed));
    for (id, stamp, slot) in &dirs.state {
        let (id, name) = (id.get(), slot.name.as_str());
        match &slot.state {
            State::Absent => line(format!("{id} {name} {stamp} absent")),
            State::Deleted(deleted) => line(format!("{id} {name} {stamp} {deleted:?}")),
            State::Live(dir) => {
                line(format!(
                    "{id} {name} {stamp} generation {} created {} since {} height {} owners {:?} floor {} tombs {:?}",
                    dir.generation, dir.created, dir.there_since, dir.height, dir.owners, dir.floor, dir.tombs
                ));
                line(format!("  rows {:?}", dir.rows));
                let Some(derived) = dir.derived() else { continue };
                let arrows: Vec<_> = derived.arrows.iter().map(|a| (a.parent, a.rank, &a.op, &a.within)).collect();
                line(format!("  arrows {arrows:?} for {:?} shared {}", derived.parent_generations, derived.shared));
                line(format!("  units {:?} trails {:?}", derived.units, derived.trails));
                if let Some(folding) = &derived.folding {
                    line(format!("  groups {:?} sorted {:?}", folding.groups, folding.sorted));
                    line(format!("  members {:?} pending {:?}", folding.members, folding.pending));
                }
            }
        }
    }
    out
}
