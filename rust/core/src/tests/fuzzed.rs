//! What the fuzzer found worth keeping: inputs that came to code no other came to, and those that once failed.

use std::path::Path;

use crate::fuzzing::TARGETS;

#[test]
fn what_the_fuzzer_found_holds() {
    for (target, run) in TARGETS {
        let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
        let mut found: Vec<_> = seeds.read_dir().expect("seeds").map(|file| file.unwrap().path()).collect();
        found.sort();
        assert!(!found.is_empty(), "no input in {}", seeds.display());
        for path in found {
            // What fails tells its file by this line.
            println!("{}", path.display());
            run(&std::fs::read(&path).unwrap());
        }
    }
}
