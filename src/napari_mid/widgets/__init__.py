"""Qt panels: they call the workflow and the session."""
