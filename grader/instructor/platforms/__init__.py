"""Other platforms: their gradebooks, and graders that run there."""
