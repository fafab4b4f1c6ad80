"""PostgreSQL and Valkey as processes of this machine: binaries, data folder, start, adoption, stop."""
