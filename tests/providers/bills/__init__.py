"""Exports of providers in the shapes that their references document, by file."""
