"""An instructor's term: hand out, collect, grade, give feedback, keep the gradebook."""
