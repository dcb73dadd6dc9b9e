"""The contenders: one file for each, which keeps the tables of `shapes` up to date as its authors would."""
