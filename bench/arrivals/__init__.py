"""Many clients that come to one server: how fast, how soon, and what it costs others."""
