"""Many clients of one server: how it carries them, what they cost, and what a flood does."""
