"""One store a package: `postgres` keeps its own positions in its transactions, `s3` the chain of objects that the group's offsets follow.

Either writes what it is given twice with the effect of writing it once.
"""
