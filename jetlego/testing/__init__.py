"""The brick test kit and invariance checkers, for us and for authors of plug-ins."""
