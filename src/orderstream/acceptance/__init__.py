"""Acceptance tests on AWS: deploy a stack, check what only AWS can show, and remove everything again."""
