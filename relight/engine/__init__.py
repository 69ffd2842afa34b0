"""How a job is run: from what is asked for to the output file."""
