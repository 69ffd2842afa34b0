"""What knows diffusers but no backbone: x0 edits, codecs, prompts, framing, compute."""
