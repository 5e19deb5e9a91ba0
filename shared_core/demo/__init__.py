"""The demonstration that `llmrouter demo` runs."""
