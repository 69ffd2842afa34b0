"""One method, one file, named after its paper: tensors in, tensors out."""
