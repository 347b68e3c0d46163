"""The MID network and the model folder."""
