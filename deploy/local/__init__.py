"""The embedded stack: real Kafka, Postgres and S3 as local processes, and the services beside them.

settings     the environment, read here and nowhere else in the package
part         what a part is: a command to run, a probe, and the environment it gives to others
kafka, postgres, s3   the three parts
jars, jars.lock       the Java parts' jars, pinned by size and SHA-256
java, warm   the Java runtime; start-up caches, recorded in the background
launch       runs a command so that it cannot outlive its parent
instance     one part, started and stopped by hand: what the tests use
plan         settings -> parts, steps and services to run
unit         one supervised process: start, readiness, restart with backoff, stop
supervisor   runs a plan until told to stop
state        `stack.json`, what a running stack says about itself
control      up, down and status, seen from outside the supervisor

Invariant: whatever is started here is stopped here; nothing outlives the stack.
"""
