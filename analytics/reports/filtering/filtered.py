"""How PostgreSQL plans queries that read millions of raw events."""

from sqlalchemy import text

# A million people are hashed in memory. Workers read, though the planner thinks their rows too dear to hand over, and
# hashes rather than sorts them; compiling the plans of thirty partitions would take longer than running them.
PLAN = text("""
SET LOCAL work_mem = '64MB';
SET LOCAL parallel_tuple_cost = 0.001;
SET LOCAL enable_gathermerge = off;
SET LOCAL jit = off
""")
