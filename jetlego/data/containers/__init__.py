"""Containers: files as named columns over entries, whatever wrote them. One file a container."""
