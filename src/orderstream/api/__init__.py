"""The HTTP API: one application, the same on Lambda behind API Gateway and on the local machine."""
