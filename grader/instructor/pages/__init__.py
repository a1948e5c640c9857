"""What people read: feedback for each student, a report for the instructor."""
