"""The bundled plugins, written against the public API of hpe_bench alone."""
