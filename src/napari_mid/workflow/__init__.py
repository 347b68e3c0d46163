"""The order of the steps, and the only place that knows it."""
