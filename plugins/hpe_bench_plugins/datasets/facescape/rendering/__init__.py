"""Pictures of 3-D heads, drawn with OpenGL: where heads come from, how they look, and the camera."""
