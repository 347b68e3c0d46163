"""What ``napari-mid bench`` measures: each step of scoring beside its limit, as ratios within one run."""
