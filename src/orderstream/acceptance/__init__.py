"""The proof on AWS: a stack is deployed, what only AWS can show is checked, and everything goes again."""
