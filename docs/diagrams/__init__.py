"""The pictures of the docs, drawn from data: `make docs` writes them beside this file."""
