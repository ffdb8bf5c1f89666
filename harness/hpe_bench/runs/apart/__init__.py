"""Estimators in processes of their own: whatever becomes of one, the harness and the other estimators go on."""
