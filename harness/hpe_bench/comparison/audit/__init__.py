"""An audit of a plugin: are its axes right, and what is it sensitive to."""
