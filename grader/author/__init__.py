"""The author's quality gate: what every section must hold before a learner meets it."""
