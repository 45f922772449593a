"""How long things are kept: old events go into files, and people are forgotten."""
