"""Real kernel, real daemons: what the tests of this folder are built from."""
