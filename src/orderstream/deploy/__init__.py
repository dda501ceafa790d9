"""Deploys and destroys stacks, on AWS and in the local cloud. Never deployed to AWS."""
