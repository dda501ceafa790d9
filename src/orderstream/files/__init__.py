"""Local files and folders: state, private files, and temporary folders."""
