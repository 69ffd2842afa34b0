"""What relights single frames: IC-Light, and whatever else meets the contract in `base`."""
