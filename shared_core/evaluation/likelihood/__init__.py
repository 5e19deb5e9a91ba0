"""How likely is a given answer under a model: its tokens' log-probabilities."""
