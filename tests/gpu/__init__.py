"""What can only be shown on a CUDA device; skipped without one."""
