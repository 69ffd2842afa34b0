"""Training-free video relighting and upscaling with diffusion models."""
