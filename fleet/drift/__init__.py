"""Drift: what is no longer as the inventory says, in every layer. Takes a scene, gives one report, never changes the world
(only `heal` does, and only after its plan was shown)."""
