"""Sends orders: from files, from generated samples, from TPC-H."""
