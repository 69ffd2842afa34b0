"""The studio: a Gradio app over `relight.jobs` and `relight.engine.run`. `relight ui` starts it."""
