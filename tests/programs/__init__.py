"""Random programs on the public API, judged by stores that are built from scratch.

    program = generate(seed)    # the same for the same seed
    check(program)              # AssertionError, with a program to be pasted and run

A program is source text: steps, which make directories by every operation, and transactions. After each
transaction every directory equals one of a store on which the same steps were made after the inputs had
their content; previous directories show what was there before the last commit; the invariants hold; and
nothing is left that has to go. A transaction fails exactly if building that store fails, and then all is as
before.
"""

from .generate import generate
from .program import Program
from .run import Run, Wrong, check

__all__ = ["Program", "Run", "Wrong", "check", "generate"]
