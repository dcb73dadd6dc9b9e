"""One file for each kind of work; `measure(lab)` of each yields what it measured."""
