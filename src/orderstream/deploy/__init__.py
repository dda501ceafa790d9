"""What puts a stack up and takes it down, on AWS and in the laptop cloud alike. Never ships to AWS."""
