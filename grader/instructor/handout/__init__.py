"""What is handed out: chosen, made, searched for leaks, signed."""
