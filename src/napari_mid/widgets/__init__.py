"""The dock widgets (Qt): panels that write intent into the session and redraw on its events."""
