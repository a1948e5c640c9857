"""Pure functions: results in, text out."""
