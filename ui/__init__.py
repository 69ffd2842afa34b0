"""The studio: a Gradio app over `relight.jobs` and `relight.run`. `relight ui` starts it."""
