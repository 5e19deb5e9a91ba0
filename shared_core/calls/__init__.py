"""How a decision is carried out: one course of steps, done in threads or on an event loop."""
