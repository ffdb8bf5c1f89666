"""Facial landmarks: what finds them, the processes that do, and the cache that keeps them."""
