"""nbgrader itself: a course folder for it, and our judge in the place of its execution."""
