"""Reports people look at: Markdown, JSON, a page, pictures."""
