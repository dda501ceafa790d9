"""Files and folders of this machine: for state, private to their user, and temporary."""
