"""What plugins declare, looked at: single values, whole things, and all that is registered side by side."""
