"""Many jobs: rows, records of what is done, workers, retries, a report. Imports no torch."""
